"""Somebody who is about to be removed begins to read a file and takes their time: what is not read by then is not
given, nor what is written into the file later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from attacks.plain_http import Line, a_line, port_behind, request
from revocation.holding import Place
from support.demo import Demo, until

pytestmark = pytest.mark.hub

#: More than lies on the way in buffers.
_SIZE = 64 * 1024 * 1024


@pytest.fixture
async def large(demo: Demo, place: Place) -> AsyncIterator[Place]:
    """The workspace with a large file. Bob is Viewer there again afterwards."""
    path = demo.put(place.url, "large.txt", "")
    with path.open("r+b") as file:
        file.truncate(_SIZE)
    yield place
    path.unlink()
    await demo.grant("admin", place.id, "bob", "viewer")
    await demo.open("bob", place.id)


async def _ask(demo: Demo, place: Place, line: Line) -> None:
    """Ask for the file, and read nothing of it."""
    url = urlsplit(f"{place.url}files/large.txt")
    await line.send(request("GET", url.path, f"Host: {url.netloc}", f"Authorization: token {demo.tokens['bob']}"))


@pytest.mark.parametrize("way", ["through the proxy", "straight at the server"])
async def test_the_rest_of_a_file_is_not_given(demo: Demo, large: Place, way: str) -> None:
    port = demo.port if way == "through the proxy" else port_behind(demo, large.url)

    async def is_refused() -> bool:
        return 403 == (await demo.server("bob", "GET", f"{large.url}api/contents")).status_code

    async with a_line(port) as control:
        await _ask(demo, large, control)
        whole = await control.answer()
    async with a_line(port) as line:
        await _ask(demo, large, line)
        assert (await line.head()).startswith(b"HTTP/1.1 200")
        removed = await demo.api("alice", "DELETE", f"workspaces/{large.id}/grants/user/bob")
        await until(is_refused)
        read = await line.rest(15)

    assert whole is not None
    assert (200, _SIZE) == (whole.status, len(whole.body))
    assert 200 == removed.status_code
    assert len(read) < _SIZE
