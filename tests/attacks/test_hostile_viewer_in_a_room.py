"""A Viewer with a WebSocket client of their own: no document changes, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from pycrdt import Doc, Text

from attacks.raw import BINARY, CLOSE, PING, TEXT, Raw, raw_socket
from coterie.server.rooms.frames import (
    MAX_FRAME,
    MAX_NUMBER,
    Awareness,
    Entry,
    QueryAwareness,
    Save,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    encode,
)
from revocation.holding import Place, editing, room_address
from rooms.serving import Client, eventually
from support.demo import Demo

pytestmark = pytest.mark.hub

TEXT_BEFORE = "what alice wrote\n"


@dataclass
class Scene:
    """Alice and Carol are in the document, and all that they have heard so far is known."""

    demo: Demo
    place: Place
    file: str
    alice: Client
    carol: Client

    async def settle(self) -> tuple[list[bytes], list[bytes]]:
        """What the two have heard once all that was sent has been handled, without the answers they asked for."""
        for client in (self.alice, self.carol):
            await client.synchronise()
        answers = {encode(SyncStep2(b"\0\0"))}
        return tuple([m for m in c.heard if m not in answers] for c in (self.alice, self.carol))  # type: ignore[return-value]

    async def look(self) -> tuple[str, str, str, int]:
        """The document in two people's memory and on disk, and when it was written."""
        path = self.demo.work(self.place.url) / self.file
        async with editing(self.demo, "carol", self.place, self.file) as fresh:
            return self.alice.text, fresh.text, path.read_text(), path.stat().st_mtime_ns


@pytest.fixture
async def scene(demo: Demo, place: Place, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    async with _scene(demo, place, f"{abs(hash(request.node.name))}.txt") as made:
        yield made


@asynccontextmanager
async def _scene(demo: Demo, place: Place, file: str) -> AsyncIterator[Scene]:
    demo.put(place.url, file, TEXT_BEFORE)
    async with editing(demo, "alice", place, file) as alice, editing(demo, "carol", place, file) as carol:
        alice.announce({"cursor": 1})
        carol.announce({"cursor": 2})
        async with asyncio.timeout(60):
            while not ({"alice", "carol"} <= set(alice.seen()) and {"alice", "carol"} <= set(carol.seen())):
                await alice.synchronise()
        yield Scene(demo, place, file, alice, carol)


def _evil_update() -> bytes:
    doc: Doc[Text] = Doc()
    doc["source"] = text = Text()
    text += "EVIL"
    return doc.get_update()


def _varint(*numbers: int) -> bytes:
    return bytes(numbers)


Message = tuple[int, bytes]
Makes = Callable[[Scene], list[Message]]

ATTACKS: dict[str, Makes] = {
    "an update": lambda _: [(BINARY, encode(SyncUpdate(_evil_update())))],
    "an update in the handshake": lambda _: [(BINARY, encode(SyncStep2(_evil_update())))],
    "its whole copy, changed": lambda s: [(BINARY, encode(SyncStep2(s.alice.doc.get_update() + b"\0")))],
    "the save message": lambda _: [(BINARY, encode(Save(1)))],
    "unknown kinds": lambda _: [(BINARY, _varint(125, 1, 65))],
    "an unknown kind of sync": lambda _: [(BINARY, _varint(0, 9, 1, 65))],
    "another request than save": lambda _: [(BINARY, b"\x02\x04evil")],
    "text": lambda _: [(TEXT, json.dumps({"type": "save"}).encode())],
    "text that is a frame": lambda _: [(TEXT, encode(Save(1)))],
    "text that is no UTF-8": lambda _: [(TEXT, b"\xff\xfe")],
    "nothing": lambda _: [(BINARY, b"")],
    "a number without end": lambda _: [(BINARY, b"\xff" * 64)],
    "a number that ends too early": lambda _: [(BINARY, b"\x00\x02\xff")],
    "a frame longer than it says": lambda _: [(BINARY, encode(SyncUpdate(_evil_update())) + b"x")],
    "an update shorter than it says": lambda _: [(BINARY, b"\x00\x02\xf0\x01A")],
    "a state vector of more clients than there are": lambda _: [(BINARY, b"\x00\x00\x05\xff\xff\xff\xff\x0f")],
    "a state vector of nonsense": lambda _: [(BINARY, encode(SyncStep1(b"\x01\xff\xff")))],
    "presence of more clients than there are": lambda _: [(BINARY, b"\x01\x05\xff\xff\xff\xff\x0f")],
    "presence that is no JSON": lambda _: [(BINARY, encode(Awareness((Entry(5, 1, "{"),))))],
    "presence that is no object": lambda _: [(BINARY, encode(Awareness((Entry(5, 1, "[1]"),))))],
    "presence that JavaScript cannot read": lambda _: [(BINARY, encode(Awareness((Entry(5, 1, '{"a":NaN}'),))))],
    "presence that is too large": lambda _: [
        (BINARY, encode(Awareness((Entry(5, 1, json.dumps({"a": "x" * 100_000})),))))
    ],
    "presence nested without end": lambda _: [
        (BINARY, encode(Awareness((Entry(5, 1, '{"a":' * 9000 + "1" + "}" * 9000),))))
    ],
    "somebody else's cursor": lambda s: [
        (BINARY, encode(Awareness((Entry(s.alice.doc.client_id, MAX_NUMBER, '{"user":{"username":"alice"}}'),))))
    ],
    "somebody else's leaving": lambda s: [
        (BINARY, encode(Awareness((Entry(s.alice.doc.client_id, clock, "null"),)))) for clock in (1, 2, MAX_NUMBER)
    ],
    "somebody else among many": lambda s: [
        (BINARY, encode(Awareness(tuple(Entry(s.carol.doc.client_id, n, "null") for n in range(50)))))
    ],
    "a question, a thousand times": lambda _: [(BINARY, encode(QueryAwareness()))] * 1000,
    "pings and a close of its own, then an update": lambda _: [
        (PING, b"x"),
        (CLOSE, b"\x03\xe8"),
        (BINARY, encode(SyncUpdate(_evil_update()))),
    ],
    "a big update": lambda _: [(BINARY, encode(SyncUpdate(b"\x01" * 4_000_000)))],
    "unknown opcodes": lambda _: [(0x3, b"x"), (0xB, b"x"), (BINARY, encode(SyncUpdate(_evil_update())))],
}


async def _until_handled(bob: Raw) -> None:
    """Everything bob sent has been handled: the server hung up, or answers a question asked after it."""
    already = len(bob.received)
    await bob.send(encode(SyncStep1(b"\0")))
    async with asyncio.timeout(60):
        while not (bob.gone.is_set() or bob.closed.is_set()):
            answers = [payload for opcode, payload in bob.received[already:] if opcode == BINARY]
            if any(payload[:2] == b"\x00\x01" for payload in answers):
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("attack", ATTACKS)
async def test_nothing_that_a_viewer_sends_changes_anything(scene: Scene, attack: str) -> None:
    heard, before = await scene.settle(), await scene.look()
    async with raw_socket(scene.demo, "bob", await room_address(scene.demo, "bob", scene.place, scene.file)) as bob:
        for opcode, payload in ATTACKS[attack](scene):
            await bob.send(payload, opcode)
        await _until_handled(bob)

        assert heard == await scene.settle()
        assert before == await scene.look()
    assert {"alice", "carol"} == set(scene.alice.seen()) == set(scene.carol.seen())
    assert TEXT_BEFORE == before[0]


async def test_a_frame_larger_than_is_read_ends_its_own_connection_only(scene: Scene) -> None:
    heard, before = await scene.settle(), await scene.look()
    async with raw_socket(scene.demo, "bob", await room_address(scene.demo, "bob", scene.place, scene.file)) as bob:
        await bob.send(b"\x00\x02", announced=MAX_FRAME + 1)
        async with asyncio.timeout(60):
            await bob.gone.wait()

    assert (heard, before) == (await scene.settle(), await scene.look())


@pytest.mark.parametrize("session", ["", "?sessionId=", "?sessionId=none", "?sessionId=0-0", "?sessionid={}"])
async def test_without_its_session_a_viewer_is_not_in_the_room(scene: Scene, session: str) -> None:
    heard, before = await scene.settle(), await scene.look()
    address, _, good = (await room_address(scene.demo, "bob", scene.place, scene.file)).partition("?sessionId=")

    async with raw_socket(scene.demo, "bob", address + session.format(good)) as bob:
        for _ in range(2):  # before the close and, which he ignores, after it
            for frame in (SyncStep1(b"\0"), SyncStep2(_evil_update()), SyncUpdate(_evil_update()), Save(1)):
                await bob.send(encode(frame))
            async with asyncio.timeout(60):
                await bob.closed.wait()
        after = await scene.settle(), await scene.look()
        codes = [int.from_bytes(payload[:2]) for opcode, payload in bob.received if opcode == CLOSE]
        shown = [payload for opcode, payload in bob.received if opcode == BINARY]

    assert ([1003], []) == (codes, shown)
    assert (heard, before) == after


async def test_a_viewer_shows_others_nothing_but_the_verified_person(scene: Scene) -> None:
    claimed = {"user": {"username": "alice", "name": "Alice", "role": "creator"}, "cursor": 3}
    async with raw_socket(scene.demo, "bob", await room_address(scene.demo, "bob", scene.place, scene.file)) as bob:
        await bob.send(encode(Awareness((Entry(4711, 1, json.dumps(claimed)),))))
        _, shown = await eventually(lambda: scene.alice.presence.get(4711))

    assert ("bob", "viewer") == (shown["user"]["username"], shown["user"]["role"])


async def test_an_editor_types_undisturbed_through_all_of_it(scene: Scene) -> None:
    address = await room_address(scene.demo, "bob", scene.place, scene.file)
    async with raw_socket(scene.demo, "bob", address) as bob:
        for number in range(20):
            await bob.send(encode(SyncUpdate(_evil_update())))
            scene.carol.type(f"{number} ")
        await _until_handled(bob)
    async with asyncio.timeout(60):
        while scene.alice.text != scene.carol.text:
            await scene.alice.synchronise()

    assert "".join(f"{number} " for number in reversed(range(20))) + TEXT_BEFORE == scene.alice.text
