"""Clients that do not behave as WebSocket clients should, on a real Jupyter server."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from coterie.policy.roles import Role
from coterie.server.rooms.connection import Connection
from coterie.server.rooms.endings import MALFORMED_FRAME, ending
from coterie.server.rooms.frames import MAX_VIEWER_FRAME, SyncStep1, SyncUpdate, encode
from coterie.server.rooms.handlers import RoomHandler
from coterie.server.rooms.stream import MAX_ANSWERS_WAITING, MAX_WAITING
from coterie.wire.close_codes import ACCESS_ENDED
from rooms.peers import update
from rooms.serving import Client, Server, access, eventually, headers
from rooms.wire_frames import BINARY, wire_frame

#: More than the network's own buffers hold, in bytes.
LETTERS = 100_000
EDITS = 300


async def _address(server: Server, path: str, person: str, role: str) -> str:
    session = await server.session(path, person, role)
    return f"/api/collaboration/room/text:file:{session['fileId']}?sessionId={session['sessionId']}"


async def test_who_does_not_read_costs_little_keeps_nobody_waiting_and_misses_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PATIENCE", "SILENCE"):  # on a slow machine it takes longer than these
        monkeypatch.setattr(f"coterie.server.rooms.stream.{name}", 600.0)
    (server.root / "a.txt").write_text("start\n")
    alice, carol = await server.open("a.txt"), await server.open("a.txt", "carol")
    address = f"ws://{server.address}{await _address(server, 'a.txt', 'bob', 'viewer')}"
    async with connect(
        address, additional_headers=headers("bob", "viewer"), max_size=None, max_queue=1, ping_interval=None
    ) as deaf:
        await deaf.send(encode(SyncStep1(b"\x00")))
        handler = server.handler_of("bob")
        waiting = []
        for number in range(EDITS):
            alice.type(f"{number} " + "x" * LETTERS)
            await alice.synchronise()
            waiting.append(handler._stream.waiting)
            alice.document._ysource.clear()
        await carol.synchronise()

        assert alice.text == carol.text == ""
        assert 0 < max(waiting) <= MAX_WAITING + MAX_ANSWERS_WAITING

        alice.type("the end")
        bob = Client(deaf)
        await eventually(lambda: bob.text == "the end")
        await bob.synchronise()
    for client in (alice, carol):
        await client.close()


async def test_who_ignores_that_they_were_sent_away_is_not_heard_and_is_cut_off(server: Server) -> None:
    (server.root / "a.txt").write_text("start\n")
    alice = await server.open("a.txt")
    reader, writer = await asyncio.open_connection(*server.address.split(":"))
    lines = [f"GET {await _address(server, 'a.txt', 'mallory', 'editor')} HTTP/1.1", f"Host: {server.address}"]
    lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "X-Person: mallory"]
    lines += ["X-Role: editor", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
    writer.write("\r\n".join(lines).encode())
    await reader.readuntil(b"\r\n\r\n")
    handler = server.handler_of("mallory")
    await eventually(lambda: handler._room is not None)
    handler.end(ACCESS_ENDED)
    evil = wire_frame(BINARY, encode(SyncUpdate(update("EVIL"))))
    for _ in range(100):
        writer.write(evil)
    async with asyncio.timeout(15):
        try:
            while await reader.read(65536):
                pass
        except ConnectionError:
            pass
    await alice.synchronise()

    assert alice.text == "start\n"
    assert handler.ws_connection is None

    writer.close()
    await alice.close()


def _handlers_of(server: Server, person: str) -> list[Any]:
    return [handler for handler in server.handlers if isinstance(handler, RoomHandler) and _name_of(handler) == person]


def _name_of(handler: RoomHandler) -> str | None:
    return handler.coterie_access and handler.coterie_access.name


def _resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _knock(server: Server, target: str) -> bytes:
    """The status with which a stranger's WebSocket is answered."""
    reader, writer = await asyncio.open_connection(*server.address.split(":"))
    writer.write(
        f"GET {target} HTTP/1.1\r\nHost: {server.address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    answer = await reader.readline()
    writer.close()
    return answer.split()[1]


async def test_two_thousand_strangers_leave_nothing_behind(server: Server) -> None:
    (server.root / "a.txt").write_text("start\n")
    room = await _address(server, "a.txt", "alice", "editor")

    async def knock(times: int) -> set[bytes]:
        answers: set[bytes] = set()
        for number in range(0, times, 50):
            targets = [room, f"/api/collaboration/room/text:file:{number}", "/api/collaboration/room/x"]
            answers |= set(await asyncio.gather(*(_knock(server, targets[n % 3]) for n in range(50))))
        return answers

    await knock(300)
    gc.collect()
    memory, files, tasks = _resident(), _open_files(), len(asyncio.all_tasks())

    assert await knock(2000) == {b"403"}

    gc.collect()
    await eventually(lambda: _open_files() <= files)
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks)

    assert server.rooms._open == {}
    assert server.rooms.everybody.is_empty
    assert _resident() - memory < 16 * 1024 * 1024


async def test_a_connection_that_breaks_off_while_the_document_is_loading_is_in_no_room(server: Server) -> None:
    (server.root / "a.txt").write_text("start\n")
    address = await _address(server, "a.txt", "bob", "viewer")
    sock = socket.create_connection(tuple(server.address.split(":")))
    request = f"GET {address} HTTP/1.1\r\nHost: {server.address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    request += "Sec-WebSocket-Version: 13\r\nX-Person: bob\r\nX-Role: viewer\r\n"
    sock.sendall((request + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
    sock.close()
    (handler,) = await eventually(lambda: _handlers_of(server, "bob"))
    await eventually(lambda: handler._is_over)
    alice = await server.open("a.txt")
    (document,) = server.rooms._open.values()

    assert [handler._connection] != list(document.room._connections)
    assert len(document.room._connections) == 1

    await alice.close()


async def test_a_connection_that_is_ended_while_it_joins_is_in_no_room(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (server.root / "a.txt").write_text("start\n")
    join = server.rooms.join

    async def join_and_end(name: Any, session: str, connection: Connection, is_wanted: Any) -> Any:
        room = await join(name, session, connection, is_wanted)
        connection.end(ACCESS_ENDED)
        return room

    monkeypatch.setattr(server.rooms, "join", join_and_end)
    bob = await server.connect((await _address(server, "a.txt", "bob", "viewer")).rpartition("/")[2], "bob", "viewer")
    await bob.closed()
    (document,) = server.rooms._open.values()
    await eventually(lambda: document.room.is_empty)


async def test_who_was_sent_away_while_something_waited_gets_none_of_it(server: Server) -> None:
    (server.root / "a.txt").write_text("start\n")
    alice = await server.open("a.txt")
    address = f"ws://{server.address}{await _address(server, 'a.txt', 'bob', 'viewer')}"
    async with connect(address, additional_headers=headers("bob", "viewer"), max_size=None, max_queue=1) as deaf:
        handler = server.handler_of("bob")
        await eventually(lambda: handler._room is not None)
        while not handler._stream.waiting:
            alice.type("x" * LETTERS)
            await alice.synchronise()
        alice.type("SECRET")
        await alice.synchronise()
        handler.end(ACCESS_ENDED)
        received = []
        with suppress(ConnectionClosed):
            while True:
                received.append(await deaf.recv())
    await eventually(lambda: handler._on_close_called)

    assert not any(b"SECRET" in message for message in received)
    assert deaf.close_code != ending(ACCESS_ENDED).status

    await alice.close()


async def test_every_sign_of_life_counts(server: Server) -> None:
    (server.root / "a.txt").write_text("start\n")
    bob = await server.open("a.txt", "bob", "viewer")
    handler = server.handler_of("bob")

    def make_old() -> None:
        handler._stream._alive_at = -1.0

    for give_sign in (
        lambda: bob.send(SyncStep1(b"\x00")),
        lambda: asyncio.ensure_future(bob.socket.ping()),
        lambda: handler.ping(b""),
    ):
        make_old()
        give_sign()
        await eventually(lambda: handler._stream._alive_at >= 0)

    assert (30.0, 0.0) == (handler.ping_interval, handler.ping_timeout)

    await bob.close()


async def test_who_became_a_viewer_may_not_say_more_than_viewers(server: Server) -> None:
    (server.root / "a.txt").write_text("start\n")
    bob = await server.open("a.txt", "bob")
    server.handler_of("bob").access_changed(access("bob", Role.VIEWER))
    bob.send(encode(SyncUpdate(bytes(MAX_VIEWER_FRAME))))

    assert await bob.closed() == (MALFORMED_FRAME.status, ending(MALFORMED_FRAME).reason)
