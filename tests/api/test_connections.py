"""The service's own port, on a real uvicorn and raw sockets."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import uvicorn

from attacks.plain_http import Line, a_line, request
from coterie.service.connections import BACKLOG, impatient, make_room
from support.demo import until

WITHIN = 30.0
MOST = 3
HELLO = request("GET", "/hello", "Host: here")
#: More than the network's own buffers hold, in bytes.
LARGE = 64 << 20


class Place:
    """An application that answers /hello at once, /slow when it may, /large with more than fits anywhere, and a POST
    once its body has come."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.asked = 0
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",
            port=0,
            log_config=None,
            lifespan="off",
            ws="none",
            http=impatient(30, MOST),
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve())

    @property
    def port(self) -> int:
        port: int = self._server.servers[0].sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> set[Any]:
        return set(self._server.server_state.connections)

    async def start(self) -> None:
        async def is_up() -> bool:
            return self._server.started

        await until(is_up, every=0.01)

    async def close(self) -> None:
        self.may_answer.set()
        self._server.should_exit = True
        await self._serving

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        if scope["path"] == "/slow":
            await self.may_answer.wait()
        if scope["method"] == "POST":
            while (await receive()).get("more_body"):
                pass
        await send({"type": "http.response.start", "status": 200})
        body = bytes(LARGE) if scope["path"] == "/large" else b"hello"
        await send({"type": "http.response.body", "body": body})

    async def has_been_asked(self, times: int) -> None:
        async def is_so() -> bool:
            return self.asked >= times

        await until(is_so, within=WITHIN, every=0.01)

    async def answers(self) -> bool:
        async with a_line(self.port) as line:
            return await says_hello(line)


async def says_hello(line: Line) -> bool:
    """Whether *line* is open and served."""
    await line.send(HELLO)
    async with asyncio.timeout(WITHIN):
        answer = await line.answer()
    return answer is not None and answer.status == 200


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    await place.start()
    yield place
    await place.close()


async def test_the_connection_that_has_waited_longest_makes_room_for_a_new_one(place: Place) -> None:
    async with a_line(place.port) as first, a_line(place.port) as second, a_line(place.port) as third:
        await second.send(b"GET /hello HTTP/1.1\r\nHost: here\r\n")
        assert await says_hello(third)
        assert await says_hello(first)  # and so is the one that waits least

        assert await place.answers()
        assert b"" == await second.rest(WITHIN)
        assert [True, True] == [await says_hello(line) for line in (first, third)]


@pytest.mark.parametrize(
    "asked", [request("POST", "/hello", "Host: here", "Content-Length: 10"), request("GET", "/large", "Host: here")]
)
async def test_who_does_not_send_what_is_awaited_or_read_what_is_answered_makes_room_as_well(
    place: Place, asked: bytes
) -> None:
    async with a_line(place.port) as first, a_line(place.port) as second, a_line(place.port) as third:
        for line in (first, second, third):
            await line.send(asked)
        await place.has_been_asked(3)

        assert [True] * 4 == [await place.answers() for _ in range(4)]


async def test_what_is_about_to_close_makes_room_while_its_answer_is_not_read(place: Place) -> None:
    async with a_line(place.port) as first, a_line(place.port) as second, a_line(place.port) as third:
        assert [True] * 3 == [await says_hello(line) for line in (first, second, third)]
        for connection in place.connections:
            connection.transport.set_write_buffer_limits(2 * LARGE)  # the rest is too little to be waited for
        for line in (first, second, third):
            await line.send(request("GET", "/large", "Host: here", "Connection: close"))
        await place.has_been_asked(6)

        assert [True] * 4 == [await place.answers() for _ in range(4)]


async def test_whose_headers_are_too_large_gets_the_answer_to_that_and_makes_room(place: Place) -> None:
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(a_line(place.port)) for _ in range(MOST)]
        for line in lines:
            await line.send(request("GET", "/hello", "Host: here", f"Cookie: {'x' * 1_000_000}"))
        answers = [await line.answer() for line in lines]

        assert [(400, True)] * MOST == [
            (answer.status, b"delete the cookies of this site" in answer.body)
            for answer in answers
            if answer is not None
        ]
        assert await place.answers()
        assert [b""] * MOST == [await line.rest(WITHIN) for line in lines]
    assert 1 == place.asked


async def test_what_cannot_be_read_behind_a_request_makes_room_as_well(place: Place) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(MOST):
            line = await stack.enter_async_context(a_line(place.port))
            await line.send(HELLO + b"no request\r\n\r\n")
            answers = [await line.answer(), await line.answer()]
            assert [200, 400] == [answer.status for answer in answers if answer is not None]

        assert await place.answers()


@pytest.mark.parametrize(("method", "path", "status"), [("POST", "/slow", b"400"), ("GET", "/large", b"200")])
async def test_what_cannot_be_read_of_a_request_that_is_being_answered_adds_nothing_to_the_answer(
    place: Place, caplog: pytest.LogCaptureFixture, method: str, path: str, status: bytes
) -> None:
    async with a_line(place.port) as line:
        await line.send(request(method, path, "Host: here", "Transfer-Encoding: chunked"))
        await place.has_been_asked(1)
        await line.send(b"no chunk\r\n")
        received = await line.rest(WITHIN)
    place.may_answer.set()

    assert 1 == received.count(b"HTTP/1.1 ")
    assert b"HTTP/1.1 " + status == received[:12]
    assert await place.answers()
    assert not [record for record in caplog.records if record.name == "asyncio"]


async def test_a_request_under_way_keeps_its_place_and_a_new_one_is_turned_away(place: Place) -> None:
    async with a_line(place.port) as first, a_line(place.port) as second, a_line(place.port) as third:
        for line in (first, second, third):
            await line.send(request("GET", "/slow", "Host: here"))
        await place.has_been_asked(3)
        async with a_line(place.port) as turned_away:
            refused = await turned_away.answer()
        place.may_answer.set()
        answers = [await line.answer() for line in (first, second, third)]

        assert refused is not None
        assert (503, "close") == (refused.status, refused.headers["connection"])
        assert [200] * 3 == [answer.status for answer in answers if answer is not None]
        assert await place.answers()


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "raised", "answered"),
    [
        (1024, 20_000, 4000, 4000 + 256 + 4 * BACKLOG, 4000),
        (1024, 4096, 4000, 4096, 4096 - 256 - 4 * BACKLOG),
        (1024, 2500, 4000, 2500, 625),
        (20_000, 20_000, 4000, None, 4000),
        (1024, 1024, 4000, 1024, 256),
        (1024, 1024, 100, 1024, 100),
        (1024, resource.RLIM_INFINITY, 4000, 4000 + 256 + 4 * BACKLOG, 4000),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 4000, None, 4000),
        (20_000, 20_000, 0, None, None),
    ],
)
def test_as_many_files_may_be_open_as_there_are_connections_and_some(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    soft: int,
    hard: int,
    connections: int,
    raised: int | None,
    answered: int | None,
) -> None:
    set_: list[int] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: set_.append(limits[0]))

    assert answered == make_room(connections)
    assert ([] if raised is None else [raised]) == set_
    assert (answered is not None and answered < connections) == ("connections are taken in" in caplog.text)
