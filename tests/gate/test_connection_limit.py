"""The server's own port, on a real tornado and raw sockets."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import socket
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import jupyter_server.serverapp
import pytest
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from attacks.plain_http import Line, a_line, request
from coterie.server.connection_limit import ConnectionLimit, GuardedServer, most_connections
from rooms.serving import eventually
from support.demo import until

WITHIN = 20.0
HELLO = request("GET", "/hello", "Host: here")
#: Headers that do not end.
PIECE = b"GET /hello HTTP/1.1\r\nHost: here\r\n"
UPGRADE = (
    "Host: here",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


class _Hello(RequestHandler):
    def get(self) -> None:
        self.finish("hello")


class _Slow(RequestHandler):
    """Answers when it may. The gate has let pass whoever asks for /passed."""

    def initialize(self, place: Place) -> None:
        self.place = place

    async def get(self) -> None:
        if self.request.path == "/passed":
            self.place.limit.let_pass(self, self.get_argument("name", f"person {self.place.asked}"))
        self.place.asked += 1
        await self.place.may_answer.wait()
        self.finish("at last")


class _Echo(WebSocketHandler):
    def initialize(self, place: Place) -> None:
        self.place = place

    def prepare(self) -> None:
        self.place.streams.append(self.request.connection.stream)
        self.place.limit.let_pass(self, self.get_argument("name", "somebody"))

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Place:
    def __init__(self, most: int, first_headers: float = 30.0) -> None:
        self.limit = ConnectionLimit(most, first_headers)
        self.may_answer = asyncio.Event()
        self.asked = 0
        self.streams: list[Any] = []
        self._lines: list[Line] = []
        routes: list[Any] = [("/hello", _Hello)]
        routes += [(path, _Slow, {"place": self}) for path in ("/passed", "/slow")]
        routes += [("/echo", _Echo, {"place": self})]
        self._server = GuardedServer(Application(routes), limit=self.limit)
        sockets = bind_sockets(0, "127.0.0.1")
        self.port: int = sockets[0].getsockname()[1]
        self._server.add_sockets(sockets)

    async def close(self) -> None:
        self.may_answer.set()
        self._server.stop()
        for line in self._lines:
            await line.hang_up()
        await self._server.close_all_connections()

    async def line(self) -> Line:
        """A connection that has been taken in."""
        before = len(self.limit)
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port))
        self._lines.append(line)
        await eventually(lambda: len(self.limit) > before)
        return line

    async def ask(self, path: str, line: Line) -> None:
        """Has a request on its way that is not answered yet."""
        before = self.asked
        await line.send(request("GET", path, "Host: here"))
        await eventually(lambda: self.asked > before)

    async def answers(self) -> bool:
        async with a_line(self.port) as line:
            return await says_hello(line)


@pytest.fixture
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    place = Place(*getattr(request, "param", (3,)))
    yield place
    await place.close()


async def says_hello(line: Line) -> bool:
    """Whether *line* is open and served."""
    await line.send(HELLO)
    async with asyncio.timeout(WITHIN):
        answer = await line.answer()
    return answer is not None and answer.body == b"hello"


async def is_gone(line: Line) -> bool:
    # Of a line that is still open nothing came either.
    return await line.rest(WITHIN) == b"" and (line._reader.at_eof() or line._reader.exception() is not None)


async def test_the_connection_that_has_waited_longest_makes_room_for_a_new_one(place: Place) -> None:
    first, second, third = [await place.line() for _ in range(3)]
    await second.send(PIECE)

    assert await says_hello(first)  # and so is the one that waits least
    assert await place.answers()
    assert await is_gone(second)
    assert [True, True] == [await says_hello(line) for line in (first, third)]


async def test_who_passed_the_gate_stays_and_who_has_not_goes(place: Place) -> None:
    socket_, asking, stranger = [await place.line() for _ in range(3)]
    await socket_.send(request("GET", "/echo", *UPGRADE))
    assert (await socket_.head()).startswith(b"HTTP/1.1 101")
    await place.ask("/passed", asking)
    await place.ask("/slow", stranger)

    assert await place.answers()
    assert await is_gone(stranger)

    place.may_answer.set()
    answer = await asking.answer()

    assert answer is not None
    assert b"at last" == answer.body
    await socket_.send(b"\x81\x82\0\0\0\0hi")
    assert b"\x81\x02hi" == await socket_._reader.readexactly(4)


async def test_where_everybody_has_passed_a_new_one_is_turned_away_until_somebody_has_gone(place: Place) -> None:
    asking = [await place.line() for _ in range(3)]
    for line in asking:
        await place.ask("/passed", line)

    async with a_line(place.port) as turned_away:
        answer = await turned_away.answer()

    assert answer is not None
    assert (503, "close") == (answer.status, answer.headers["connection"])

    place.may_answer.set()

    assert [b"at last"] * 3 == [answer.body for line in asking if (answer := await line.answer()) is not None]
    assert await place.answers()


@pytest.mark.parametrize("place", [(16,)], indirect=True)
async def test_who_has_more_than_a_share_closes_their_own_and_nobody_elses(place: Place) -> None:
    bobs, alices = [await place.line() for _ in range(4)], await place.line()
    await alices.send(request("GET", "/echo?name=alice", *UPGRADE))
    await alices.head()
    for line in bobs:
        await line.send(request("GET", "/echo?name=bob", *UPGRADE))
        await line.head()

    assert [True, True] == [await is_gone(line) for line in bobs[:2]]
    for line in (*bobs[2:], alices):
        await line.send(b"\x81\x82\0\0\0\0hi")
        assert b"\x81\x02hi" == await line._reader.readexactly(4)
    assert 3 == len(place.limit)


async def test_websockets_that_have_ended_take_no_room(place: Place) -> None:
    for _ in range(10):
        async with a_line(place.port) as line:
            await line.send(request("GET", "/echo", *UPGRADE))
            assert (await line.head()).startswith(b"HTTP/1.1 101")
        await eventually(lambda: all(stream.closed() for stream in place.streams))

    assert len(place.streams) == 10


@pytest.mark.parametrize("place", [(10, 2.0)], indirect=True)
@pytest.mark.parametrize("beginning", [b"", PIECE], ids=["nothing", "a piece"])
async def test_who_does_not_say_what_they_want_is_not_waited_for(place: Place, beginning: bytes) -> None:
    silent, asking = await place.line(), await place.line()
    await silent.send(beginning)
    assert await says_hello(asking)

    assert await is_gone(silent)
    assert await says_hello(asking)  # the control: whoever has asked once may take their time


@pytest.mark.parametrize("place", [(500,)], indirect=True)
async def test_an_abrupt_burst_passes(place: Place) -> None:
    burst = [socket.socket() for _ in range(3000)]
    try:
        for one in burst:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", place.port))
        # Whoever comes in the middle of it may be closed again before having said a word, or find the queue full: then
        # the kernel tries again after one, three and seven seconds.
        await until(place.answers, within=60)
        assert len(place.limit) <= 500
    finally:
        for one in burst:
            one.close()


@contextmanager
def files_left(count: int) -> Iterator[None]:
    """This process can open so many more files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    gaps = [os.open(os.devnull, os.O_RDONLY)]
    while gaps[-1] <= highest:
        gaps.append(os.open(os.devnull, os.O_RDONLY))
    resource.setrlimit(resource.RLIMIT_NOFILE, (gaps[-1] + 1 + count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for gap in gaps:
            os.close(gap)


@pytest.mark.parametrize("place", [(1000,)], indirect=True)
async def test_where_no_more_files_can_be_opened_the_longest_wait_ends_or_the_new_one_does(place: Place) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.socket()) for _ in range(30)]
        for client in clients:
            client.settimeout(WITHIN)
        first, last, latest = clients[:24], clients[24], clients[25:]
        gc.collect()  # what others left open would be closed in the middle of this
        stack.enter_context(files_left(10))
        for client in [*first, last]:
            await asyncio.to_thread(client.connect, ("127.0.0.1", place.port))
        last.sendall(HELLO)
        answered = await asyncio.to_thread(last.recv, 4096)
        taken_in = len(place.limit)
        await eventually(lambda: not place.limit._asking)
        for number, stream in enumerate(list(place.limit._waiting)):  # as if all had passed
            place.limit._forget(stream)
            place.limit._names[stream] = str(number)
            place.limit._passed[str(number)] = OrderedDict({stream: None})
        refused = []
        for client in latest:
            with suppress(OSError):  # whatever was left meanwhile is used by others
                while True:
                    stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            await asyncio.to_thread(client.connect, ("127.0.0.1", place.port))
            refused.append(await asyncio.to_thread(client.recv, 4096))

    assert answered.endswith(b"hello")
    assert 10 == taken_in  # so nobody was closed for a connection that did not come
    assert [b""] * len(latest) == refused
    assert await place.answers()


@pytest.mark.parametrize("place", [(10,)], indirect=True)
async def test_what_tornado_has_inside_is_what_we_think(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when a new tornado is built otherwise, or when jupyter-server serves by something else."""
    entered: list[IOStream] = []
    enter = place.limit.enter
    monkeypatch.setattr(place.limit, "enter", lambda stream: entered.append(stream) or enter(stream))
    line = await place.line()
    assert await says_hello(line)  # so `start_request` was given something with this very stream
    await eventually(lambda: entered == list(place.limit._waiting))
    await line.send(request("GET", "/echo", *UPGRADE))
    await line.head()

    assert (entered, set(entered)) == (place.streams, set(place.limit._names))
    assert jupyter_server.serverapp.httpserver.HTTPServer is HTTPServer
    assert HTTPServer.configurable_base() is HTTPServer


@pytest.mark.parametrize(
    ("files", "most"), [(64, 32), (4096, 2048), (1 << 20, 4000), (resource.RLIM_INFINITY, 4000), (1, 1)]
)
def test_half_of_the_files_is_left_for_everything_else(monkeypatch: pytest.MonkeyPatch, files: int, most: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))

    assert most == most_connections()
