"""A page of one workspace, in the browser of somebody who may edit another: it reads and changes nothing there."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from attacks.looking import attempt, page_on, somebody, trap_address
from revocation.holding import Place, room_address, shared_addresses
from support.demo import Demo

pytestmark = [pytest.mark.hub, pytest.mark.browser]

_JSON = {"Content-Type": "application/json"}
#: A page reads the token against forged requests of its own server.
_XSRF = "document.cookie.split('; ').find((cookie) => cookie.startsWith('_xsrf='))?.slice(6) ?? ''"


@dataclass(frozen=True)
class Looking:
    """alice looks at a page of carol's workspace, and at one of her own."""

    trap: Page
    own: Page


@pytest.fixture(scope="module")
async def looking(browser: Browser, demo: Demo, place: Place, trap: Place) -> AsyncIterator[Looking]:
    demo.put(place.url, "secret.js", "window.taken = true")
    demo.put(place.url, "secret.png", _picture())
    async with somebody(browser, demo, "alice", trap, place) as alice:
        yield Looking(
            await page_on(alice.context, trap_address(trap)), await page_on(alice.context, trap_address(place))
        )
    for name in ("secret.js", "secret.png", "untitled.txt"):
        (demo.work(place.url) / name).unlink(missing_ok=True)


async def test_it_opens_no_socket(demo: Demo, place: Place, looking: Looking) -> None:
    addresses = {"room": await room_address(demo, "alice", place), **shared_addresses(place)}
    sockets = {kind: address.replace("http", "ws", 1) for kind, address in addresses.items()}

    foreign = {kind: await attempt(looking.trap, "socket", address) for kind, address in sockets.items()}
    own = {kind: await attempt(looking.own, "socket", address) for kind, address in sockets.items()}

    assert dict.fromkeys(sockets, "closed") == foreign
    assert dict.fromkeys(sockets, "open") == own


async def test_it_reads_nothing(place: Place, looking: Looking) -> None:
    paths = ("api/contents", "api/kernels", "api/terminals", "api/me", f"files/{place.file}", "lab")
    own = {"X-XSRFToken": await looking.own.evaluate(_XSRF)}
    stolen = {"X-XSRFToken": await looking.trap.evaluate(_XSRF)}

    read = {}
    for path in (*paths, "coterie/reach"):
        for headers in ({}, stolen, {"X-Coterie-Session": "x"}):
            address = f"{place.url}{path}?_xsrf={stolen['X-XSRFToken']}"
            read[path, *headers] = await attempt(looking.trap, "fetch", address, {"headers": headers})
    from_there = {path: await attempt(looking.own, "fetch", place.url + path, {"headers": own}) for path in paths}

    assert dict.fromkeys(read, "blocked") == read
    assert dict.fromkeys(paths, "200") == from_there


async def test_no_script_and_no_picture_is_shown_to_it(place: Place, looking: Looking) -> None:
    tags = ((("script", "src"), "secret.js"), (("img", "src"), "secret.png"))

    foreign = [await attempt(looking.trap, "tag", tag, f"{place.url}files/{name}") for tag, name in tags]
    own = [await attempt(looking.own, "tag", tag, f"{place.url}files/{name}") for tag, name in tags]

    assert ["failed", "failed"] == foreign
    assert ["loaded", "loaded"] == own
    assert [None, True] == [await page.evaluate("window.taken") for page in (looking.trap, looking.own)]


async def test_it_changes_nothing(demo: Demo, place: Place, looking: Looking) -> None:
    before = await _state(demo, place)

    for path in ("api/contents", "api/kernels", "api/terminals", "api/sessions", "api/shutdown"):
        address = f"{place.url}{path}?_xsrf={await looking.trap.evaluate(_XSRF)}"
        options = {"method": "POST", "body": '{"type": "file"}'}
        assert "blocked" == await attempt(looking.trap, "fetch", address, options | {"headers": _JSON})
        await attempt(looking.trap, "fetch", address, options | {"mode": "no-cors"})
        await looking.trap.evaluate("(url) => navigator.sendBeacon(url, '{}')", address)
        assert "sent" == await attempt(looking.trap, "form", address, "text/plain", {'{"type": "file", "x': '": 1}'})
    for method in ("PUT", "PATCH", "DELETE"):
        address = f"{place.url}api/contents/{place.file}"
        assert "blocked" == await attempt(looking.trap, "fetch", address, {"method": method, "body": "{}"})
    assert before == await _state(demo, place)

    headers = _JSON | {"X-XSRFToken": await looking.own.evaluate(_XSRF)}
    options = {"method": "POST", "body": '{"type": "file"}', "headers": headers}
    assert "201" == await attempt(looking.own, "fetch", f"{place.url}api/contents", options)
    assert before != await _state(demo, place)


async def _state(demo: Demo, place: Place) -> list[Any]:
    """What a page could have changed."""

    async def read(path: str) -> Any:
        return (await demo.server("alice", "GET", place.url + path)).json()

    return [
        sorted(file["name"] for file in (await read("api/contents"))["content"]),
        sorted(kernel["id"] for kernel in await read("api/kernels")),
        sorted(terminal["name"] for terminal in await read("api/terminals")),
        sorted(session["id"] for session in await read("api/sessions")),
        (demo.work(place.url) / place.file).read_text(),
    ]


def _picture() -> bytes:
    """A PNG of one dot."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(b"\0\0")), (b"IEND", b"")
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
