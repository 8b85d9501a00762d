"""An answer counts as one under way until it is written, also where its handler has made all of it at once."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from attacks.plain_http import Line, a_line, port_behind, request
from support.demo import Demo, until

pytestmark = pytest.mark.hub

#: More than lies on the way in buffers.
_SIZE = 32 * 1024 * 1024


async def test_who_is_removed_does_not_get_the_rest_of_what_they_read_slowly(demo: Demo) -> None:
    workspace = await demo.create("alice", "Answers at once")
    demo.keep(workspace)
    await demo.grant("admin", workspace, "bob", "viewer")
    place = await demo.open("bob", workspace)
    demo.put(place, "large.txt", b"x" * _SIZE)
    url = urlsplit(f"{place}api/contents/large.txt?content=1")
    headers = f"Host: {url.netloc}", f"Authorization: token {demo.tokens['bob']}"

    async def is_refused() -> bool:
        return (await demo.server("bob", "GET", f"{place}api/contents")).status_code == 403

    async def asks(line: Line) -> None:
        await line.send(request("GET", f"{url.path}?{url.query}", *headers))

    port = port_behind(demo, place)
    async with a_line(port) as control:
        await asks(control)
        whole = await control.answer()
    async with a_line(port) as line:
        await asks(line)
        assert (await line.head()).startswith(b"HTTP/1.1 200")
        removed = await demo.api("alice", "DELETE", f"workspaces/{workspace}/grants/user/bob")
        await until(is_refused)
        read = await line.rest(60)

    assert whole is not None
    assert (200, True) == (whole.status, len(whole.body) > _SIZE)
    assert 200 == removed.status_code
    assert len(read) < _SIZE
