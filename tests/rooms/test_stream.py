"""A connection's way out, on a real tornado and raw sockets."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream
from tornado.web import Application
from tornado.websocket import WebSocketHandler
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from coterie.server.rooms import stream as stream_module
from coterie.server.rooms.frames import from_wire, to_wire
from coterie.server.rooms.stream import MAX_ANSWERS_WAITING, MAX_WAITING, SILENCE, Stream, plain_stream
from rooms.serving import eventually
from rooms.wire_frames import BINARY, CLOSE, CONTINUATION, wire_frame


class Held(WebSocketHandler):
    """A connection that the test holds by its stream."""

    stream: Stream

    def initialize(self, opened: list[Held]) -> None:
        self.opened = opened
        self.heard: list[str | bytes] = []
        self.drained = 0
        self.stuck = 0
        self.is_closed = False

    def open(self) -> None:
        self.stream = Stream(self, self._drained, self._stuck)
        self.opened.append(self)

    def on_message(self, message: str | bytes) -> None:
        self.heard.append(message)

    def on_close(self) -> None:
        self.is_closed = True
        self.stream.stop()

    def _drained(self) -> None:
        self.drained += 1

    def _stuck(self) -> None:
        self.stuck += 1

    def get_compression_options(self) -> None:
        return None


class Place:
    """A server that answers, for each connection to it, both of its ends."""

    def __init__(self) -> None:
        self.opened: list[Held] = []
        self._held: list[Held] = []
        self._server = HTTPServer(Application([("/", Held, {"opened": self.opened})]))
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        self._server.add_socket(listening)

    async def close(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()
        for held in self._held:
            if held.ws_connection is not None:
                held.ws_connection._abort()

    async def connect(self) -> tuple[Any, Held]:
        client = await connect(f"ws://127.0.0.1:{self.port}/", max_size=None, compression=None)
        return client, await self._newest()

    async def connect_raw(self) -> tuple[Raw, Held]:
        """A client that reads only what it is told to, through small buffers."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        raw = Raw(sock)
        await raw.send(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\n\r\n"
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += await raw.read(1)
        return raw, await self._newest()

    async def _newest(self) -> Held:
        await eventually(lambda: self.opened)
        held = self.opened.pop()
        held.ws_connection.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self._held.append(held)
        return held


class Raw:
    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def read(self, size: int) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.socket, size)

    async def read_all(self, size: int) -> bytes:
        data = b""
        async with asyncio.timeout(30):
            while len(data) < size:
                piece = await self.read(size - len(data))
                if not piece:
                    break
                data += piece
        return data

    async def received(self) -> bytes:
        """All that comes until the connection is closed or breaks."""
        data = b""
        async with asyncio.timeout(15):
            with suppress(ConnectionError):
                while piece := await self.read(65536):
                    data += piece
        return data

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    yield place
    await place.close()


@pytest.fixture(params=["as it is", "another tornado"])
def any_tornado(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what we know of tornado, and with all of it left to tornado."""
    if request.param == "another tornado":
        monkeypatch.setattr(stream_module, "plain_stream", lambda _: None)


def fill(held: Held) -> int:
    """Offer until no more is taken. How many messages were."""
    message = to_wire(bytes(100_000))
    for count in range(1000):
        if not held.stream.offer(message):
            return count
    raise AssertionError("everything is taken")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 2_000_000])
def test_a_frame_is_built_as_it_is_read(size: int) -> None:
    message = os.urandom(size)

    assert message == from_wire(to_wire(message))


@pytest.mark.usefixtures("any_tornado")
@pytest.mark.parametrize("way", ["offer", "send"])
async def test_messages_arrive_whole_and_in_order_between_tornados_own(place: Place, way: str) -> None:
    client, held = await place.connect()
    messages = [os.urandom(size) for size in (2_000_000, 0, 1, 125, 126, 65535, 65536, 500_000, 5)]
    for message in messages:
        getattr(held.stream, way)(to_wire(message))
        held.ping(b"between")

    assert messages == [await client.recv() for _ in messages]
    await client.close()


async def test_what_tornado_has_inside_is_what_we_think(place: Place) -> None:
    """Fails when a new tornado is built otherwise. Then everything still works, at several times the cost."""
    client, held = await place.connect()
    stream = plain_stream(held)

    assert stream is held.ws_connection.stream
    assert type(stream) is IOStream
    assert not held.ws_connection.server_terminated

    writes: list[Any] = []
    original, stream.write = stream.write, writes.append
    held.stream.offer(to_wire(b"straight to the socket"))
    stream.write = original

    assert (await client.recv(), writes) == (b"straight to the socket", [])
    await client.close()


async def test_listening_goes_on_from_one_frame_to_the_next(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when a new tornado listens otherwise."""
    client, held = await place.connect()
    loop = asyncio.get_running_loop()
    stopped: list[Any] = []
    monkeypatch.setattr(loop, "remove_reader", lambda fd: stopped.append(fd))
    for number in range(20):
        await client.send(b"%d" % number)
        await eventually(lambda: len(held.heard) > number)  # noqa: B023

    assert [] == [fd for fd in stopped if fd == held.ws_connection.stream.socket.fileno()]
    monkeypatch.undo()
    await client.close()


@pytest.mark.usefixtures("any_tornado")
async def test_what_comes_faster_than_it_is_read_waits_with_the_sender(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, held = await place.connect_raw()
    buffered: list[int] = []
    monkeypatch.setattr(held, "on_message", lambda _: buffered.append(held.ws_connection.stream._read_buffer_size))
    frames = wire_frame(BINARY, b"x") * 100_000
    await raw.send(frames)
    await eventually(lambda: len(buffered) == 100_000)

    assert max(buffered) <= 2 * held.ws_connection.stream.read_chunk_size
    raw.close()


async def test_nothing_of_ours_comes_into_the_middle_of_what_tornado_is_sending(place: Place) -> None:
    raw, held = await place.connect_raw()
    theirs, ours = to_wire(bytes(5_000_000)), to_wire(b"ours")
    held.ws_connection.stream.write(theirs)
    began = b""
    while not began:  # the network brings it, whatever this loop does
        with suppress(BlockingIOError):
            began = raw.socket.recv(1_000_000)
    held.stream.offer(ours)  # there is room in the socket again, and tornado does not know it yet
    rest = theirs[len(began) :] + ours

    assert rest == await raw.read_all(len(rest))
    raw.close()


@pytest.mark.usefixtures("any_tornado")
async def test_what_waits_for_who_does_not_read_is_bounded_and_arrives_when_they_do(place: Place) -> None:
    raw, held = await place.connect_raw()
    taken = fill(held)

    assert 0 < held.stream.waiting <= MAX_WAITING
    assert not held.stream.is_idle
    assert fill(held) == 0

    wire = to_wire(bytes(100_000))

    assert wire * taken == await raw.read_all(len(wire) * taken)

    await eventually(lambda: held.drained)

    assert held.stream.is_idle
    assert held.stuck == 0

    held.stream.offer(to_wire(b"again"))

    assert to_wire(b"again") == await raw.read_all(7)
    raw.close()


async def test_one_message_may_be_larger_than_what_may_wait_if_nothing_does(place: Place) -> None:
    client, held = await place.connect()
    message = os.urandom(3 * MAX_WAITING)

    assert held.stream.offer(to_wire(message))
    assert not held.stream.offer(to_wire(b"x"))
    assert message == await client.recv()

    await eventually(lambda: held.stream.is_idle)

    assert held.stream.offer(to_wire(b"x"))
    await client.close()


async def test_answers_go_through_up_to_a_bound_and_then_the_connection_is_stuck(place: Place) -> None:
    raw, held = await place.connect_raw()
    fill(held)
    before, answer = held.stream.waiting, to_wire(bytes(1000))
    while not held.stuck:
        held.stream.send(answer)

    assert held.stream.waiting <= before + MAX_ANSWERS_WAITING
    raw.close()


async def test_the_bound_for_answers_begins_anew_once_all_was_read(place: Place) -> None:
    raw, held = await place.connect_raw()
    answer = to_wire(bytes(MAX_ANSWERS_WAITING - 10))
    for _ in range(3):
        held.stream.send(answer)
        held.stream.send(answer[:100])
        await raw.read_all(len(answer) + 100)
        await eventually(lambda: held.stream.is_idle)

    assert held.stuck == 0
    raw.close()


@pytest.mark.usefixtures("any_tornado")
async def test_who_reads_nothing_for_long_is_stuck(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "PATIENCE", 0.1)
    raw, held = await place.connect_raw()
    fill(held)
    await eventually(lambda: held.stuck)
    raw.close()


async def test_who_reads_slowly_is_not_stuck(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, held = await place.connect_raw()
    left = fill(held) * len(to_wire(bytes(100_000)))
    looks: list[bool] = []
    while left > 600_000:
        left -= len(await raw.read_all(600_000))
        held.stream._look()
        looks.append(bool(held.stuck))

    assert len(looks) > 3
    assert not any(looks)
    raw.close()


@pytest.mark.usefixtures("any_tornado")
async def test_nothing_is_sent_after_a_stop(place: Place) -> None:
    client, held = await place.connect()
    held.stream.offer(to_wire(b"before"))
    held.stream.stop()
    for way in (held.stream.offer, held.stream.send):
        way(to_wire(b"after"))
    held.close(4000)

    assert await client.recv() == b"before"
    with pytest.raises(ConnectionClosed):
        await client.recv()
    assert client.close_code == 4000


@pytest.mark.usefixtures("any_tornado")
async def test_nothing_is_raised_by_a_connection_that_is_gone(place: Place) -> None:
    raw, held = await place.connect_raw()
    fill(held)
    raw.close()
    for _ in range(100):
        held.stream.offer(to_wire(bytes(1000)))
        held.stream.send(to_wire(b"x"))
        await asyncio.sleep(0)
    await eventually(lambda: held.ws_connection is None)

    assert held.stream.offer(to_wire(b"x"))
    assert held.drained == 0


async def test_a_flood_of_empty_parts_of_a_message_does_not_keep_the_others_waiting(place: Place) -> None:
    raw, held = await place.connect_raw()
    loop, taken, is_done = asyncio.get_running_loop(), [0], False

    def take_turn() -> None:
        taken.append(held.ws_connection._wire_bytes_in)
        if not is_done:
            loop.call_soon(take_turn)

    parts = 50_000
    take_turn()
    await raw.send(wire_frame(BINARY, b"", is_final=False) + wire_frame(CONTINUATION, b"", is_final=False) * parts)
    await raw.send(wire_frame(CONTINUATION, b"whole"))
    await eventually(lambda: held.heard)
    is_done = True

    assert held.heard == [b"whole"]
    assert max(after - before for before, after in pairwise(taken)) < 4096
    raw.close()


@pytest.mark.usefixtures("any_tornado")
async def test_who_is_ended_while_something_waits_gets_none_of_it(place: Place) -> None:
    raw, held = await place.connect_raw()
    message = to_wire(bytes(100_000))
    taken = fill(held)
    held.stream.end(4403, "ended")
    received = await raw.received()

    assert len(received) < taken * len(message) / 2
    await eventually(lambda: held.is_closed)
    raw.close()


@pytest.mark.usefixtures("any_tornado")
async def test_who_is_ended_while_nothing_waits_is_told_why(place: Place) -> None:
    client, held = await place.connect()
    held.stream.offer(to_wire(b"before"))
    await eventually(lambda: held.stream.is_idle)
    held.stream.end(4403, "ended")

    assert await client.recv() == b"before"
    with pytest.raises(ConnectionClosed):
        await client.recv()
    assert (4403, "ended") == (client.close_code, client.close_reason)


@pytest.mark.usefixtures("any_tornado")
@pytest.mark.parametrize("way", ["offer", "send"])
async def test_nothing_is_sent_after_tornados_own_close_frame(place: Place, way: str) -> None:
    raw, held = await place.connect_raw()
    held.ws_connection.close(1000)
    getattr(held.stream, way)(to_wire(b"after"))
    await raw.send(wire_frame(CLOSE, b""))

    assert await raw.received() == b"\x88\x02\x03\xe8"
    raw.close()


def seems_long_silent(held: Held) -> bool:
    """Whether a connection from which there was no sign for long, but for those that have just been seen, is ended."""
    held.stuck = 0
    held.stream._listening.cancel()
    held.stream._listen()
    held.stream._alive_at -= 2 * SILENCE
    return held.stuck > 0


@pytest.mark.usefixtures("any_tornado")
async def test_who_was_not_heard_of_for_long_is_stuck(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "SILENCE", 0.1)
    raw, held = await place.connect_raw()
    held.stream.offer(to_wire(b"the network takes this, whoever is at its other end"))
    await eventually(lambda: held.stuck)
    raw.close()


async def test_who_says_something_now_and_then_is_not_stuck(place: Place) -> None:
    raw, held = await place.connect_raw()

    assert not seems_long_silent(held)
    assert seems_long_silent(held)

    held.stream.heard()

    assert not seems_long_silent(held)
    raw.close()


@pytest.mark.usefixtures("any_tornado")
async def test_who_only_reads_slowly_is_not_taken_for_dead(place: Place) -> None:
    raw, held = await place.connect_raw()
    fill(held)
    seems_long_silent(held)
    waiting = held.stream.waiting
    while held.stream.waiting == waiting:
        await raw.read(65536)

    assert not seems_long_silent(held)
    assert seems_long_silent(held)
    raw.close()


async def test_who_is_sending_something_large_is_not_taken_for_dead(place: Place) -> None:
    raw, held = await place.connect_raw()
    message = wire_frame(BINARY, bytes(1_000_000))
    seems_long_silent(held)
    for at in range(0, 300, 100):
        before = held.ws_connection.stream._read_buffer_size
        await raw.send(message[at : at + 100])
        await eventually(lambda before=before: held.ws_connection.stream._read_buffer_size != before)

        assert not seems_long_silent(held)

    assert seems_long_silent(held)
    raw.close()
