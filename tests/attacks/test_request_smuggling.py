"""Request smuggling through the proxy: a Viewer sends what two programs may take for different numbers of requests, so
that the one left over is completed by somebody else's and runs with their token.

The hidden request is the beginning of one that makes a file (at a server) or a mark (at the service). Its last header
is open: where a connection behind the proxy was left with it, the next request on that connection, with the token of
whoever sends it, becomes part of it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from attacks.plain_http import a_line, port_behind, request
from coterie.cli.demo.web import loopback_client
from revocation.holding import Place
from support.demo import Demo

pytestmark = pytest.mark.hub

#: For how long whoever waits for the end of a body that never comes goes on waiting (seconds).
_PATIENCE = 1.5

#: So many of each victim, during the attacks and after: more than there are connections that may be left open, and
#: fewer than the service takes from one person at once.
_REQUESTS = 40

_FOLDER = "smuggled"

_UPGRADE = "\r\n".join(
    (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
)
_H2C = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"


@dataclass(frozen=True)
class Form:
    """How one request hides another. *method* and *headers* are the visible one's. In *headers* and *body*,
    ``{hidden}`` is the hidden one, ``{all}`` the length of the whole body, ``{size}`` of the hidden one and ``{hex}``
    that in hexadecimal.
    """

    name: str
    headers: str
    body: str = "0\r\n\r\n{hidden}"
    method: str = "POST"
    version: str = "HTTP/1.1"

    def written(self, target: str, common: str, hidden: str) -> bytes:
        """The request as it goes over the line."""
        size = len(hidden)
        body = self.body.format(hidden=hidden, size=size, hex=f"{size:x}")
        headers = self.headers.format(hidden=hidden, all=len(body), size=size, hex=f"{size:x}")
        return f"{self.method} {target} {self.version}\r\n{common}\r\n{headers}\r\n\r\n{body}".encode("latin-1")


_CHUNK = "{hex}\r\n{hidden}\r\n0\r\n\r\n"
_EXTENDED = "2;\nxx\r\n{hex}\r\n0\r\n\r\n{hidden}"

FORMS = [
    Form("the length counts, then chunks", "Content-Length: {all}\r\nTransfer-Encoding: chunked"),
    Form("chunks, then the length counts", "Transfer-Encoding: chunked\r\nContent-Length: 4", _CHUNK),
    Form("two lengths, the first one counts", "Content-Length: 0\r\nContent-Length: {size}", "{hidden}"),
    Form("two lengths, the last one counts", "Content-Length: {size}\r\nContent-Length: 0", "{hidden}"),
    Form("two lengths in one line", "Content-Length: 0, {size}", "{hidden}"),
    Form("a length with a sign", "Content-Length: +{size}", "{hidden}"),
    Form("a negative length", "Content-Length: -{size}", "{hidden}"),
    Form("a length in hexadecimal", "Content-Length: 0x{hex}", "{hidden}"),
    Form("a length with an underscore", "Content-Length: 0_0{size}", "{hidden}"),
    Form("a length behind a space", "Content-Length : {size}", "{hidden}"),
    Form("a length on a folded line", "X: x\r\n Content-Length: {size}", "{hidden}"),
    Form("a length beyond 64 bits", "Content-Length: 18446744073709551616", "{hidden}"),
    *(
        Form(f"chunked, written as {written!r}", "Content-Length: {all}\r\n" + written)
        for written in (
            "Transfer-Encoding : chunked",
            "Transfer-Encoding:\x0bchunked",
            "Transfer-Encoding:\tchunked",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: identity, chunked",
            'Transfer-Encoding: "chunked"',
            "Transfer-Encoding: ch\u00fcnked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
            "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding:\r\n chunked",
            " Transfer-Encoding: chunked",
            "Transfer_Encoding: chunked",
            "X: x\nTransfer-Encoding: chunked",
            "X: x\rTransfer-Encoding: chunked",
            "X: x\0\r\nTransfer-Encoding: chunked",
            "TRANSFER-ENCODING: CHUNKED",
        )
    ),
    Form("chunks in HTTP/1.0", "Transfer-Encoding: chunked\r\nConnection: keep-alive", version="HTTP/1.0"),
    Form("a chunk with an extension that hides a line end", "Transfer-Encoding: chunked", _EXTENDED),
    Form("the last chunk with a bare line feed", "Transfer-Encoding: chunked", "0\n\n{hidden}"),
    Form("the last chunk with an extension", "Transfer-Encoding: chunked", "0;a=b\nc\r\n\r\n{hidden}"),
    Form("trailers that are headers", "Transfer-Encoding: chunked", "0\r\nContent-Length: {size}\r\n\r\n{hidden}"),
    Form("a chunk size with a sign", "Transfer-Encoding: chunked", "+{hex}\r\n{hidden}\r\n0\r\n\r\n"),
    Form("a chunk size that overflows", "Transfer-Encoding: chunked", "10000000000000000\r\n{hidden}\r\n0\r\n\r\n"),
    Form("a length that the proxy is told to drop", "Connection: Content-Length\r\nContent-Length: {size}", "{hidden}"),
    Form("an encoding that it is told to drop", "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked", _CHUNK),
    Form("a body of what has none", "Content-Length: {size}", "{hidden}", "GET"),
    Form("a body of what has no answer's body", "Content-Length: {size}", "{hidden}", "HEAD"),
    Form("a body that is waited for", "Expect: 100-continue\r\nContent-Length: {size}", "{hidden}"),
    Form("a body that is refused", "Content-Length: {size}", "{hidden}"),
    Form("a body of an unknown method", "Content-Length: {size}", "{hidden}", "TRACE"),
    Form("a refused WebSocket, then more", _UPGRADE, "{hidden}", "GET"),
    Form("a refused WebSocket with a length", _UPGRADE + "\r\nContent-Length: {size}", "{hidden}", "GET"),
    Form("a refused WebSocket with a wrong version", _UPGRADE.replace("13", "7"), "{hidden}", "GET"),
    Form("another protocol, then more", _H2C, "{hidden}", "GET"),
    Form("bare line feeds", "X: x\n\n{hidden}", ""),
    Form("a request pipelined after a refused one", "Content-Length: 0", "{hidden}"),
]


@pytest.fixture(scope="module")
async def attacked(demo: Demo, place: Place) -> AsyncIterator[Place]:
    """Alice's; carol is Editor and bob Viewer. A folder for each form tells which one made a file."""
    for folder in ("control", *(str(number) for number in range(len(FORMS)))):
        demo.put(place.url, f"{_FOLDER}/{folder}/there", "")
    yield place
    shutil.rmtree(demo.work(place.url) / _FOLDER)


def _made(demo: Demo, place: Place) -> list[str]:
    """Which hidden requests were answered, by the names of their forms; "control" for that one's."""
    found = [file.parent.name for file in demo.work(place.url).glob(f"{_FOLDER}/*/untitled*")]
    return [name if name == "control" else FORMS[int(name)].name for name in found]


def _host(demo: Demo, url: str) -> str:
    return f"Host: {urlsplit(url).netloc}"


async def _victims(demo: Demo, who: str, url: str, wanted: str, over: asyncio.Event) -> list[str]:
    """What *who* is answered at *url* while the attacks run and after: each answer that is not as *wanted*."""
    wrong = []
    async with loopback_client() as http:

        async def ask() -> None:
            answer = await http.get(url, headers={"Authorization": f"token {demo.tokens[who]}"})
            if answer.status_code != 200 or wanted not in answer.text:
                wrong.append(f"{answer.status_code} {answer.text[:200]}")

        for _ in range(_REQUESTS):
            await ask()
        await over.wait()
        for _ in range(_REQUESTS):
            await ask()
    return wrong


async def _attack(demo: Demo, data: bytes) -> bytes:
    async with a_line(demo.port) as line:
        await line.send(data)
        return await line.rest(_PATIENCE)


async def _attack_while_others_work(
    demo: Demo, attacks: list[bytes], who: str, url: str, wanted: str
) -> tuple[list[bytes], list[str]]:
    """What the attacker received, each time, and which answers of *who*'s were not theirs."""
    over = asyncio.Event()
    victims = [asyncio.create_task(_victims(demo, who, url, wanted, over)) for _ in range(3)]
    received = await asyncio.gather(*(_attack(demo, attack) for attack in attacks))
    over.set()
    return received, [wrong for victim in victims for wrong in await victim]


def _hidden(path: str) -> str:
    return f"POST {path} HTTP/1.1\r\nX-Swallowed: "


async def test_what_is_left_over_would_run_as_whoever_comes_next(demo: Demo, attacked: Place) -> None:
    path = urlsplit(attacked.url).path
    # A connection that was left with the hidden request, and carol's request on it: past the proxy, so that it is.
    left_over = _hidden(f"{path}api/contents/{_FOLDER}/control").encode()
    hers = request("GET", f"{path}api/me", _host(demo, attacked.url), f"Authorization: token {demo.tokens['carol']}")
    async with a_line(port_behind(demo, attacked.url)) as line:
        await line.send(left_over + hers)
        answer = await line.answer()

    assert answer is not None
    assert 201 == answer.status
    assert ["control"] == _made(demo, attacked)


async def test_nothing_is_left_over_at_a_server(demo: Demo, attacked: Place) -> None:
    path = urlsplit(attacked.url).path
    common = f"{_host(demo, attacked.url)}\r\nAuthorization: token {demo.tokens['bob']}"
    refused = {"POST": f"{path}api/kernels"}
    channels = f"{path}api/kernels/{attacked.kernel}/channels"
    attacks = [
        form.written(refused.get(form.method, channels), common, _hidden(f"{path}api/contents/{_FOLDER}/{number}"))
        for number, form in enumerate(FORMS)
    ]
    kernels = (await demo.server("alice", "GET", f"{attacked.url}api/kernels")).json()
    received, wrong = await _attack_while_others_work(
        demo, attacks, "carol", f"{attacked.url}api/me", '"username": "carol"'
    )

    assert [] == wrong
    assert [] == [name for name in _made(demo, attacked) if name != "control"]
    assert [] == [FORMS[i].name for i, data in enumerate(received) if b"carol" in data or b" 201 " in data]
    assert [] == [FORMS[i].name for i, data in enumerate(received) if b" 101 " in data or b"HTTP/1.1 2" in data]
    assert [each["id"] for each in kernels] == [
        each["id"] for each in (await demo.server("alice", "GET", f"{attacked.url}api/kernels")).json()
    ]


@pytest.fixture
async def unmarked(demo: Demo, attacked: Place) -> AsyncIterator[Place]:
    favourite = f"workspaces/{attacked.id}/favourite"
    await demo.api("alice", "DELETE", favourite)  # others' tests leave it marked
    yield attacked
    await demo.api("alice", "DELETE", favourite)


async def test_nothing_is_left_over_at_the_service(demo: Demo, unmarked: Place) -> None:
    path = f"{urlsplit(demo.service_url).path}api/v1/"
    mark = _hidden(f"{path}workspaces/{unmarked.id}/favourite").replace("POST", "PUT", 1)
    common = f"{_host(demo, demo.service_url)}\r\nAuthorization: Bearer {demo.tokens['bob']}"

    async def is_marked() -> bool:
        return bool((await demo.api("alice", "GET", f"workspaces/{unmarked.id}")).json()["favourite"])

    attacks = [form.written(f"{path}workspaces/{unmarked.id}/stop", common, mark) for form in FORMS]
    received, wrong = await _attack_while_others_work(
        demo, attacks, "alice", f"{demo.service_url}api/v1/me", '"name":"alice"'
    )

    assert [] == wrong
    assert not await is_marked()
    assert [] == [FORMS[i].name for i, data in enumerate(received) if b'"alice"' in data or b"HTTP/1.1 2" in data]

    # A connection that was left with it: past the proxy, so that it is.
    hers = request("GET", f"{path}me", _host(demo, demo.service_url), f"Authorization: Bearer {demo.tokens['alice']}")
    async with a_line(port_behind(demo, demo.service_url)) as line:
        await line.send(mark.encode() + hers)
        answer = await line.answer()
    assert answer is not None
    assert 204 == answer.status
    assert await is_marked()
