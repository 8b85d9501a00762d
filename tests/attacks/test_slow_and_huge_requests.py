"""Requests that never end, by their size or by their slowness, and a Hub that never answers: each of them ends.

The service is a process of its own here, with limits that a test can wait for, and behind it a Hub that takes every
question and answers none.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from attacks.plain_http import Line, a_line, request
from coterie.cli.demo.web import loopback_client
from coterie.service.settings import Limits
from support.demo import Demo, until

pytestmark = pytest.mark.hub

_CONNECTIONS = 30
#: Also a test that is held up for a moment has to have sent what it wanted.
_BODY_SECONDS = 4.0
_ANSWER_SECONDS = 8.0
_WITHIN = 40.0
_CALL = "/services/coterie/api/v1/workspaces"
_JSON = "Content-Type: application/json"


@dataclass(frozen=True)
class Alone:
    """A service whose Hub does not answer."""

    port: int
    log: Path

    @property
    def host(self) -> str:
        return f"Host: 127.0.0.1:{self.port}"

    async def is_well(self) -> bool:
        async with loopback_client() as http:
            try:
                answer = await http.get(f"http://127.0.0.1:{self.port}/services/coterie/api/v1/health/live")
            except httpx.HTTPError:
                return False
        return answer.is_success


@pytest.fixture(scope="module")
async def alone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Alone]:
    folder = tmp_path_factory.mktemp("alone")

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        writer.close()

    hub = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}",
        "JUPYTERHUB_API_URL": f"http://127.0.0.1:{hub.sockets[0].getsockname()[1]}/hub/api",
        "JUPYTERHUB_API_TOKEN": "of-a-hub-that-does-not-answer",
        "COTERIE_PUBLIC_URL": f"http://127.0.0.1:{port}/services/coterie/",
        "COTERIE_HUB_PUBLIC_URL": "http://hub.localhost/",
        "COTERIE_DATABASE_URL": f"sqlite:///{folder}/coterie.sqlite",
        "COTERIE_LIMIT_BODY_SECONDS": str(_BODY_SECONDS),
        "COTERIE_LIMIT_ANSWER_SECONDS": str(_ANSWER_SECONDS),
        "COTERIE_LIMIT_CONNECTIONS": str(_CONNECTIONS),
    }
    log = folder / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220  (outlives the call)
            [sys.executable, "-m", "coterie.cli", "service"],
            env={**os.environ, **settings},
            stdout=output,
            stderr=output,
        )
    service = Alone(port, log)
    try:
        await until(service.is_well, within=90)
        yield service
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 20)
        hub.close()


async def _send_for_ever(line: Line, piece: bytes, every: float = 0.0) -> None:
    while True:
        await line.send(piece)
        await asyncio.sleep(every)


async def test_a_body_without_end_is_refused_while_it_comes(alone: Alone) -> None:
    """Chunked, so that nothing announces its length (RFC 9112, section 7.1)."""
    async with a_line(alone.port) as line:
        await line.send(request("POST", _CALL, alone.host, _JSON, "Transfer-Encoding: chunked"))
        sending = asyncio.create_task(_send_for_ever(line, b"10000\r\n" + bytes(65536) + b"\r\n"))
        async with asyncio.timeout(_WITHIN):
            answer = await line.answer()
        sending.cancel()

    assert answer is not None
    assert (413, True) == (answer.status, b'"content-too-large"' in answer.body)


async def test_a_body_that_announces_too_much_is_not_waited_for(alone: Alone) -> None:
    async with a_line(alone.port) as line:
        await line.send(request("POST", _CALL, alone.host, _JSON, f"Content-Length: {2**40}"))
        async with asyncio.timeout(_WITHIN):
            answer = await line.answer()

    assert answer is not None
    assert (413, True) == (answer.status, b'"content-too-large"' in answer.body)


async def test_a_body_as_large_as_may_be_is_read(alone: Alone) -> None:
    """The control: one byte less is looked at, and refused for what it is."""
    answers = []
    for length in (Limits().body_bytes, Limits().body_bytes + 1):
        async with a_line(alone.port) as line:
            await line.send(request("POST", _CALL, alone.host, _JSON, body=b'"' + b"x" * (length - 2) + b'"'))
            answers.append(await line.answer())

    assert [401, 413] == [answer.status for answer in answers if answer is not None]


async def test_through_the_proxy_it_is_the_same(demo: Demo) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield bytes(65536)

    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {demo.tokens['alice']}"}
    async with loopback_client() as http:
        answers = [
            await http.post(f"{demo.service_url}api/v1/workspaces", content=content, headers=headers)
            for content in (pieces(), bytes(2 * 1024 * 1024))
        ]

    assert [(413, "content-too-large")] * 2 == [(answer.status_code, answer.json()["code"]) for answer in answers]


async def test_a_body_that_comes_drop_by_drop_is_given_up(alone: Alone) -> None:
    async with a_line(alone.port) as line:
        await line.send(request("POST", _CALL, alone.host, _JSON, "Content-Length: 1000"))
        sending = asyncio.create_task(_send_for_ever(line, b" ", every=0.1))
        async with asyncio.timeout(_WITHIN):
            answer = await line.answer()
            rest = await line.rest(_WITHIN)
        sending.cancel()

    assert answer is not None
    assert (408, True, b"") == (answer.status, b'"request-too-slow"' in answer.body, rest)


@pytest.mark.parametrize("beginning", [b"", b"GET / HTTP/1.1\r\nX: "], ids=["nothing", "headers"])
async def test_headers_that_come_drop_by_drop_end_the_connection(alone: Alone, beginning: bytes) -> None:
    async with a_line(alone.port) as line:
        await line.send(beginning)
        sending = asyncio.create_task(_send_for_ever(line, b"x" if beginning else b"", every=0.1))
        async with asyncio.timeout(_WITHIN):
            received = await line.rest(_WITHIN - 1)
        sending.cancel()

    assert (b"HTTP/1.1 408" if beginning else b"") == received[:12]
    assert await alone.is_well()


async def test_what_is_left_of_a_body_that_was_answered_is_not_waited_for(alone: Alone) -> None:
    async with a_line(alone.port) as line:
        await line.send(request("POST", f"{_CALL}-not-there", alone.host, "Content-Length: 1000"))
        answer = await line.answer()
        sending = asyncio.create_task(_send_for_ever(line, b" ", every=0.1))
        async with asyncio.timeout(_WITHIN):
            await line.rest(_WITHIN - 1)
        sending.cancel()

    assert answer is not None
    assert 404 == answer.status


@pytest.mark.parametrize(
    "asked",
    [
        ("GET", "/services/coterie/" + "x" * 1_000_000),
        ("GET", "/services/coterie/", "X: " + "x" * 1_000_000),
        ("GET", "/services/coterie/", *(f"X-{number}: {'x' * 100}" for number in range(10_000))),
    ],
    ids=["address", "header", "headers"],
)
async def test_headers_without_measure_are_refused(alone: Alone, asked: tuple[str, ...]) -> None:
    async with a_line(alone.port) as line:
        await line.send(request(*asked, alone.host))
        received = await line.rest(_WITHIN)

    assert b"HTTP/1.1 400" == received[:12]
    assert await alone.is_well()


async def test_a_hub_that_does_not_answer_keeps_nobody_waiting_for_ever(alone: Alone) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=_WITHIN) as http:
        headers = {"Authorization": "Bearer 0123456789abcdef0123456789abcdef"}
        api = await http.get(f"http://127.0.0.1:{alone.port}{_CALL}", headers=headers)
        cookie = {"Cookie": "coterie=0123456789abcdef0123456789abcdef"}
        page = await http.get(f"http://127.0.0.1:{alone.port}/services/coterie/", headers=cookie)

    assert (503, "answer-too-slow") == (api.status_code, api.json()["code"])
    assert (503, "text/html") == (page.status_code, page.headers["Content-Type"].partition(";")[0])
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Not answered in time: GET" in alone.log.read_text()


async def test_connections_that_say_nothing_make_room(alone: Alone) -> None:
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(a_line(alone.port)) for _ in range(_CONNECTIONS + 5)]
        is_well = await alone.is_well()
        async with asyncio.timeout(_BODY_SECONDS):
            await asyncio.gather(*(line.rest(_WITHIN) for line in lines[:5]))

    assert is_well
    assert "More connections than allowed" in alone.log.read_text()


async def test_connections_that_wait_for_an_answer_are_all_that_there_is_room_for(alone: Alone) -> None:
    """The control: these make no room before they have their answers."""
    token = "Authorization: Bearer 0123456789abcdef0123456789abcdef"
    async with AsyncExitStack() as stack:
        lines: list[Line] = []

        async def is_full() -> bool:
            # Those whose requests have not been read make room, also for the question whether there is any.
            for _ in range(1 if lines else _CONNECTIONS):
                lines.append(await stack.enter_async_context(a_line(alone.port)))
                await lines[-1].send(request("GET", _CALL, alone.host, token))
            return not await alone.is_well()

        await until(is_full, within=_WITHIN)
        answers = [await line.answer() for line in lines]
        is_well = await alone.is_well()

    assert [503] * _CONNECTIONS == [answer.status for answer in answers if answer is not None]
    assert is_well
