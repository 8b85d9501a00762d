"""Somebody who is about to be removed begins to read a file and takes their time: what is not read by then is not
given, nor what is written into the file later."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from attacks.plain_http import Line, a_line, port_behind, request
from revocation.holding import Place, furnished
from support.demo import Demo

pytestmark = pytest.mark.hub

#: More than lies on the way in buffers.
_SIZE = 64 * 1024 * 1024


@pytest.fixture(scope="module")
async def place(demo: Demo) -> Place:
    made = await furnished(demo, "alice", "Read slowly", {"bob": "viewer"})
    with demo.put(made.url, "large.txt", "").open("r+b") as file:
        file.truncate(_SIZE)
    return made


async def _ask(demo: Demo, place: Place, line: Line) -> None:
    """Ask for the file, and read nothing of it."""
    url = urlsplit(f"{place.url}files/large.txt")
    await line.send(request("GET", url.path, f"Host: {url.netloc}", f"Authorization: token {demo.tokens['bob']}"))


@pytest.mark.parametrize("way", ["through the proxy", "straight at the server"])
async def test_the_rest_of_a_file_is_not_given(demo: Demo, place: Place, way: str) -> None:
    port = demo.port if way == "through the proxy" else port_behind(demo, place.url)
    async with a_line(port) as control:
        await _ask(demo, place, control)
        whole = await control.answer()
    async with a_line(port) as line:
        await _ask(demo, place, line)
        assert (await line.head()).startswith(b"HTTP/1.1 200")
        removed = await demo.api("alice", "DELETE", f"workspaces/{place.id}/grants/user/bob")
        refused = await demo.server("bob", "GET", f"{place.url}api/contents")
        read = await line.rest(15)
    await demo.grant("admin", place.id, "bob", "viewer")
    await demo.open("bob", place.id)

    assert whole is not None
    assert (200, _SIZE) == (whole.status, len(whole.body))
    assert (200, 403) == (removed.status_code, refused.status_code)
    assert len(read) < _SIZE
