"""Rooms without a network: a clock that stands still, and connections that keep what they are sent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jupyter_server.auth import User
from jupyter_ydoc import YUnicode
from pycrdt import Doc, Text

from coterie.policy.roles import Role
from coterie.server.rooms import frames
from coterie.server.rooms.connection import Connection
from coterie.server.rooms.room import DocumentRoom, Room
from coterie.wire.close_codes import CloseCode
from rooms.serving import access


@dataclass
class StandingTimer:
    at: float
    call: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


class StandingClock:
    """Time goes on when a test says so, or while something *takes* time."""

    def __init__(self) -> None:
        self.time = 0.0
        self.timers: list[StandingTimer] = []

    def now(self) -> float:
        return self.time

    def later(self, seconds: float, call: Callable[[], None]) -> StandingTimer:
        timer = StandingTimer(self.time + seconds, call)
        self.timers.append(timer)
        return timer

    def go_on(self, seconds: float) -> None:
        until = self.time + seconds
        while due := [timer for timer in self.timers if not timer.is_cancelled and timer.at <= until]:
            timer = min(due, key=lambda timer: timer.at)
            self.timers.remove(timer)
            self.time = max(self.time, timer.at)
            timer.call()
        self.time = until


@dataclass
class Sink:
    """An outlet to somebody who reads at once, or not at all while *is_stuck*."""

    sent: list[bytes] = field(default_factory=list)
    waiting: list[bytes] = field(default_factory=list)
    is_stuck: bool = False
    takes: Callable[[], None] = lambda: None

    @property
    def is_idle(self) -> bool:
        return not self.waiting

    def offer(self, wire: bytes) -> bool:
        if self.waiting:
            return False
        self.send(wire)
        return True

    def send(self, wire: bytes) -> None:
        self.takes()
        (self.waiting if self.is_stuck else self.sent).append(frames.from_wire(wire))


class Peer:
    """A person's connection and, in ``doc``, a copy of the document that follows what arrives."""

    def __init__(self, room: Room, person: str = "alice", role: Role = Role.EDITOR) -> None:
        self.room = room
        self.sink = Sink()
        self.ended: list[CloseCode] = []
        self.connection = Connection(access(person, role), User(person), self.sink, self._end)
        self.doc: Doc[Any] = Doc()
        room.join(self.connection)

    @property
    def sent(self) -> list[bytes]:
        return self.sink.sent

    def says(self, frame: frames.ClientFrame | bytes) -> None:
        self.room.receive(self.connection, frame if isinstance(frame, bytes) else frames.encode(frame))

    def take(self) -> list[frames.ClientFrame]:
        """What has arrived since the last call."""
        arrived = [frames.parse(message) for message in self.sent if message[0] != frames.Kind.RAW]
        self.sent.clear()
        return arrived

    def stops_reading(self) -> None:
        """All that is sent from here on waits, and from the second message on is refused where it may be."""
        self.sink.is_stuck = True

    def reads_on(self) -> None:
        """All that waited arrives."""
        self.sink.is_stuck = False
        self.sent.extend(self.sink.waiting)
        self.sink.waiting.clear()
        self.room.drained(self.connection)

    def text(self) -> str:
        """The text that this person sees, as far as it has arrived."""
        for frame in self.take():
            if isinstance(frame, frames.SyncStep2 | frames.SyncUpdate):
                self.doc.apply_update(frame.update)
        return str(self.doc.get("source", type=Text))

    def _end(self, code: CloseCode) -> None:
        self.ended.append(code)
        self.room.leave(self.connection)


class Document:
    """A text in a room, and all that the room asks of others."""

    def __init__(self, text: str = "") -> None:
        self.clock = StandingClock()
        self.changes = 0
        self.saves: list[Callable[[bool], None]] = []
        self.journal: list[tuple[str, bytes]] = []
        self.disk: OSError | ValueError | None = None  # what is wrong with it
        self.withheld: list[OSError | ValueError] = []
        self.room = DocumentRoom(
            update(text, client_id=0),  # as what is read from a file
            journal=self._write,
            on_change=self._change,
            on_save=self.saves.append,
            on_withheld=self.withheld.append,
            log=logging.getLogger("test"),
            clock=self.clock,
        )

    @property
    def text(self) -> str:
        return text_of(self.room.live.state())

    def _write(self, person: str, update: bytes) -> None:
        if self.disk is not None:
            raise self.disk
        self.journal.append((person, update))

    def _change(self) -> None:
        self.changes += 1


class Writer:
    """Makes updates, one after another, on a document of its own that hears of nobody else's."""

    def __init__(self, *begin: bytes) -> None:
        self.doc: Doc[Any] = Doc()
        self.text = self.doc.get("source", type=Text)
        for state in begin:
            self.doc.apply_update(state)
        self._made: list[bytes] = []
        self._subscription = self.doc.observe(lambda event: self._made.append(event.update))

    def adds(self, letters: str) -> bytes:
        self.text += letters
        return self._made.pop()

    def deletes(self, start: int, stop: int) -> bytes:
        """Bytes, not letters."""
        del self.text[start:stop]
        return self._made.pop()

    def deletes_letter(self, at: int) -> bytes:
        """The letter that has the byte *at*."""
        content = str(self.text).encode()
        starts = [index for index, byte in enumerate(content) if byte & 0xC0 != 0x80] + [len(content)]
        start = max(index for index in starts if index <= at)
        return self.deletes(start, starts[starts.index(start) + 1])


def update(text: str, client_id: int | None = None) -> bytes:
    """The update that makes an empty document hold *text*."""
    doc: Doc[Any] = Doc(client_id=client_id)
    YUnicode(doc).set(text)
    return doc.get_update()


def text_of(state: bytes) -> str:
    doc: Doc[Any] = Doc()
    doc.apply_update(state)
    return str(doc.get("source", type=Text))
