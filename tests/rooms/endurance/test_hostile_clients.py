"""Clients that do as they like, against a server in a process of its own."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pycrdt import (
    Decoder,
    Doc,
    Text,
    YMessageType,
    YSyncMessageType,
    create_awareness_message,
    create_sync_message,
    create_update_message,
    handle_sync_message,
    write_var_uint,
)
from websockets.asyncio.client import ClientConnection, connect

from attacks.raw import CLOSE, Raw
from rooms.endurance.page import SAVE, Page
from rooms.endurance.process import ServerProcess
from rooms.serving import eventually, headers

#: What a server may grow by when nothing is left behind: tornado and Python keep some buffers for the next connection.
#: Two thousand connections that each left as little as one object of 4 KiB would go beyond.
NOTHING = 8 * 1024 * 1024


async def _room(server: ServerProcess, path: str, person: str, role: str) -> str:
    session = await server.session(path, "text:file", person, role)
    return f"/api/collaboration/room/text:file:{session['fileId']}?sessionId={session['sessionId']}"


async def _handshake(
    server: ServerProcess, target: str, person: str = "", role: str = ""
) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for a WebSocket; the answer, and the connection as it is then."""
    host, _, port = server.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {server.address}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        *(f"{name}: {value}" for name, value in headers(person, role).items()),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    return await reader.readuntil(b"\r\n\r\n"), reader, writer


@asynccontextmanager
async def _raw(server: ServerProcess, path: str, person: str, role: str) -> AsyncIterator[Raw]:
    answer, reader, writer = await _handshake(server, await _room(server, path, person, role), person, role)
    assert answer.startswith(b"HTTP/1.1 101"), answer
    raw = Raw(reader, writer)
    try:
        yield raw
    finally:
        await raw.hang_up()


async def test_two_thousand_who_are_nobody_leave_nothing_behind(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    (server.root / "a.txt").write_text("start\n")
    room = await _room(server, "a.txt", "alice", "editor")

    async def knock(number: int) -> bytes:
        targets = [
            room,
            f"/api/collaboration/room/text:file:{number}",
            "/api/collaboration/room/JupyterLab:globalAwareness",
        ]
        # Some have signed in and are nobody here, some have not even signed in.
        person = "mallory" if number % 2 else ""
        answer, _, writer = await _handshake(server, targets[number % 3], person)
        writer.close()
        await writer.wait_closed()
        return answer.split(b"\r\n")[0]

    async def knock_often(times: int) -> set[bytes]:
        answers: set[bytes] = set()
        for start in range(0, times, 50):
            answers |= set(await asyncio.gather(*(knock(start + number) for number in range(50))))
        return answers

    await knock_often(200)
    await _once_it_has_loaded(server)
    before = server.usage()
    answers = await knock_often(2000)
    await eventually(lambda: server.usage().handles <= before.handles)
    after = server.usage()

    assert answers == {b"HTTP/1.1 403 Forbidden"}
    assert (before.processes, before.threads) == (after.processes, after.threads)
    assert after.memory - before.memory <= NOTHING
    assert list(server.journals.glob("*.journal")) == []


async def _once_it_has_loaded(server: ServerProcess) -> None:
    """The process beside the server still loads what it needs after the server has begun to answer: wait until memory
    has not grown for two seconds."""
    looks: list[int] = []
    async with asyncio.timeout(60):
        while len(looks) < 20 or len(set(looks[-20:])) > 1:
            looks.append(server.usage().memory)
            await asyncio.sleep(0.1)


async def test_clients_that_never_read_cost_a_bounded_amount_and_miss_nothing_when_they_read_again(
    start_server: Callable[..., ServerProcess],
    open_page: Callable[..., Awaitable[Page]],
    never_read: Callable[[ServerProcess, str, str], Awaitable[ClientConnection]],
) -> None:
    server = start_server(journal_keep_days=0, journal_keep_megabytes=1)
    (server.root / "a.txt").write_text("start\n")
    alice = await open_page(server, "a.txt")
    bob = await open_page(server, "a.txt", person="bob", role="viewer")
    idle = [await never_read(server, "a.txt", f"idle-{number}") for number in range(5)]
    source = alice.document._ysource

    async def type_megabytes(number: int) -> None:
        for _ in range(number * 4):
            text = base64.b64encode(os.urandom(192 * 1024)).decode()  # a quarter of a megabyte
            del source[0 : len(str(source))]
            source.insert(0, text)
            await alice.synchronise()

    await type_megabytes(8)  # the first few are the buffers' of both operating systems
    before = server.usage()
    await type_megabytes(40)
    await eventually(lambda: bob.document.get() == alice.document.get())
    # 200 MB have been sent to those who do not read. What the process beside the server takes for a moment, to save,
    # is not their cost.
    await eventually(lambda: server.usage().memory - before.memory <= 60 * 1024 * 1024)

    for connection in idle:
        assert alice.document.get() == await _read_on(connection, alice)


@pytest.fixture
async def never_read() -> AsyncIterator[Callable[[ServerProcess, str, str], Awaitable[ClientConnection]]]:
    """Connect a Viewer whose operating system takes little, and who reads nothing of it."""
    opened: list[ClientConnection] = []

    async def connect_(server: ServerProcess, path: str, person: str) -> ClientConnection:
        opened.append(await _connect_without_reading(server, path, person))
        return opened[-1]

    yield connect_
    for connection in opened:
        connection.transport.abort()
        await connection.wait_closed()


async def _connect_without_reading(server: ServerProcess, path: str, person: str) -> ClientConnection:
    host, _, port = server.address.partition(":")
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))
    room = await _room(server, path, person, "viewer")
    return await connect(
        f"ws://{server.address}{room}",
        sock=narrow,
        additional_headers=headers(person, "viewer"),
        max_queue=1,
        max_size=None,
        ping_interval=None,
    )


async def _read_on(connection: ClientConnection, other: Page) -> str:
    """What the one who did not read has, once nothing that *other* has is missing."""
    doc: Doc[Any] = Doc()
    text = doc.get("source", type=Text)
    await connection.send(create_sync_message(doc))
    async with asyncio.timeout(30):
        while str(text) != other.document.get():
            message = await connection.recv()
            if message[0] == YMessageType.SYNC:
                handle_sync_message(message[1:], doc)
    return str(text)


async def test_who_ignores_the_close_is_not_heard_any_more_and_is_cut_off(
    common_server: ServerProcess, open_page: Callable[..., Awaitable[Page]]
) -> None:
    (common_server.root / "ignored.txt").write_text("start\n")
    alice = await open_page(common_server, "ignored.txt")
    before = common_server.usage()
    doc: Doc[Any] = Doc()
    doc.get("source", type=Text).insert(0, "after the end ")
    async with _raw(common_server, "ignored.txt", "mallory", "editor") as mallory:
        await eventually(lambda: mallory.received)
        await mallory.send(b"\x63")
        await mallory.closed.wait()
        for _ in range(20):
            await mallory.send(create_update_message(doc.get_update()))
        await alice.synchronise()

        assert alice.document.get() == "start\n"
        assert [payload[:2] for opcode, payload in mallory.received if opcode == CLOSE] == [(1002).to_bytes(2)]

        await mallory.gone.wait()
    await eventually(lambda: common_server.usage().handles <= before.handles)

    assert alice.document.get() == "start\n"


async def test_nothing_that_a_viewer_sends_does_anything(
    common_server: ServerProcess, open_page: Callable[..., Awaitable[Page]]
) -> None:
    path = common_server.root / "viewed.txt"
    path.write_text("start\n")
    written = path.stat()
    alice = await open_page(common_server, "viewed.txt")
    doc: Doc[Any] = Doc()
    doc.get("source", type=Text).insert(0, "a viewer's ")
    update = doc.get_update()
    deletion = _deletion_of_everything(alice)
    async with _raw(common_server, "viewed.txt", "bob", "viewer") as bob:
        for message in (
            create_update_message(update),
            _as_answer(create_update_message(update)),
            create_update_message(deletion),
            _as_answer(create_update_message(deletion)),
            SAVE + write_var_uint(1),
        ):
            await bob.send(message)
        await bob.send(create_sync_message(Doc()))
        await eventually(lambda: any(payload[:2] == b"\x00\x01" for _, payload in bob.received))

        assert not any(payload[:1] == b"\x02" for _, payload in bob.received)  # no save is answered
        assert not bob.closed.is_set()
    await alice.synchronise()

    assert alice.document.get() == "start\n"
    assert (path.read_text(), path.stat().st_mtime_ns, path.stat().st_ino) == (
        "start\n",
        written.st_mtime_ns,
        written.st_ino,
    )


def _as_answer(update_message: bytes) -> bytes:
    """The same update, as the answer to a question for it."""
    return bytes([YMessageType.SYNC, YSyncMessageType.SYNC_STEP2]) + update_message[2:]


def _deletion_of_everything(page: Page) -> bytes:
    doc: Doc[Any] = Doc()
    text = doc.get("source", type=Text)
    doc.apply_update(page.doc.get_update())
    before = doc.get_state()
    del text[0 : len(str(text))]
    return doc.get_update(before)


@pytest.mark.parametrize("role", ["viewer", "editor"])
@pytest.mark.parametrize(
    "message",
    [b"", b"\x00", b"\x00\x03\x00", b"\x00\x02\x05\x00", b"\x01\x01", b"\x02\x04oops\x01", b"\x7d\x00", b"\xff" * 40],
)
async def test_what_is_no_frame_ends_its_connection_and_no_other(
    common_server: ServerProcess, open_page: Callable[..., Awaitable[Page]], message: bytes, role: str
) -> None:
    (common_server.root / "nonsense.txt").write_text("start\n")
    alice = await open_page(common_server, "nonsense.txt")
    async with _raw(common_server, "nonsense.txt", "mallory", role) as mallory:
        await mallory.send(message)
        await asyncio.wait_for(mallory.closed.wait(), 15)

        assert [payload[:2] for opcode, payload in mallory.received if opcode == CLOSE] == [(1002).to_bytes(2)]
    await alice.synchronise()


async def test_presence_is_the_persons_own_whatever_a_client_says(common_server: ServerProcess) -> None:
    (common_server.root / "presence.txt").write_text("start\n")
    async with (
        _raw(common_server, "presence.txt", "alice", "editor") as alice,
        _raw(common_server, "presence.txt", "bob", "viewer") as bob,
        _raw(common_server, "presence.txt", "mallory", "viewer") as mallory,
    ):
        await alice.send(_awareness((7, 1, {"cursor": 1})))
        await eventually(lambda: _presence(bob).get(7))
        # A forged name, somebody else's number with a later clock, and somebody else's leaving.
        await mallory.send(_awareness((8, 1, {"user": {"username": "alice", "role": "owner"}, "cursor": 2})))
        await mallory.send(_awareness((7, 9, {"cursor": "stolen"}), (7, 10, None)))
        await mallory.send(_awareness((9, 1, {"cursor": "last"})))
        await eventually(lambda: 9 in _presence(bob))

        assert {number: state["user"]["username"] for number, state in _presence(bob).items()} == {
            7: "alice",
            8: "mallory",
            9: "mallory",
        }
        assert _presence(bob)[7]["cursor"] == 1
        assert _presence(bob)[8]["user"]["role"] == "viewer"

        await alice.send(_awareness((7, 2, {"cursor": 3})))
        await eventually(lambda: _presence(bob)[7]["cursor"] == 3)


async def test_the_numbers_of_who_has_left_are_nobody_elses(common_server: ServerProcess) -> None:
    (common_server.root / "numbers.txt").write_text("start\n")
    async with (
        _raw(common_server, "numbers.txt", "bob", "viewer") as bob,
        _raw(common_server, "numbers.txt", "mallory", "viewer") as mallory,
    ):
        async with _raw(common_server, "numbers.txt", "alice", "editor") as alice:
            await alice.send(_awareness((7, 1, {"cursor": 1})))
            await eventually(lambda: _presence(bob).get(7))
        await eventually(lambda: 7 not in _presence(bob))
        await mallory.send(_awareness((7, 5, {"cursor": "stolen"})))
        await mallory.send(_awareness((9, 1, {"cursor": "last"})))
        await eventually(lambda: 9 in _presence(bob))

        assert 7 not in _presence(bob)


def _awareness(*entries: tuple[int, int, Any]) -> bytes:
    parts = [write_var_uint(len(entries))]
    for client, clock, state in entries:
        text = json.dumps(state).encode()
        parts += [write_var_uint(client), write_var_uint(clock), write_var_uint(len(text)), text]
    return create_awareness_message(b"".join(parts))


def _presence(raw: Raw) -> dict[int, dict[str, Any]]:
    """Who is there, as a client has it that believes every later clock."""
    clocks: dict[int, int] = {}
    states: dict[int, dict[str, Any]] = {}
    for _, payload in raw.received:
        if payload[:1] != bytes([YMessageType.AWARENESS]):
            continue
        decoder = Decoder(Decoder(payload[1:]).read_message() or b"")
        for _ in range(decoder.read_var_uint()):
            client, clock = decoder.read_var_uint(), decoder.read_var_uint()
            state = json.loads(decoder.read_var_string())
            if clock > clocks.get(client, -1) or (clock == clocks[client] and state is None):
                clocks[client] = clock
                states.pop(client, None)
                if state is not None:
                    states[client] = state
    return states
