"""Telling clients what they lack: one answer at a time for each, and with a rest in between.

Making an answer takes time that all others wait, and holding it takes memory, so nobody can have either as often as
they like. A client that asks again before it was answered gets one answer, to its newest question. The rest is each
person's, whichever of their connections asks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Final

from pycrdt import Decoder

from coterie.server.rooms.connection import Connection
from coterie.server.rooms.endings import MALFORMED_FRAME
from coterie.server.rooms.frames import EMPTY_UPDATE, SyncStep2, SyncUpdate, encode_to_wire
from coterie.server.rooms.live import NOTHING, LiveDocument
from coterie.server.rooms.pace import Clock, Timer

#: How many times longer than it took to make an answer the same person has to wait for the next.
REST_AFTER_ANSWER: Final = 20

#: An answer of so many bytes to a client that has nothing of the document yet is kept for so many seconds, for others
#: who come at the same time: a class opens a notebook together, and a copy for each would take the server's time and
#: memory.
SHARED_FROM: Final = 256 * 1024
SHARED_FOR: Final = 10.0

#: Bytes of a state vector that are looked through for clients that the document has.
LOOKED_THROUGH: Final = 1024


@dataclass(slots=True)
class _Asking:
    """What one connection has asked. *state_vector* says what the client has; None if it has been answered."""

    state_vector: bytes | None = None
    timer: Timer | None = None


@dataclass(frozen=True, slots=True)
class _Shared:
    """An answer to a client that has nothing; *state_vector* and *changes* are those of the document then."""

    wire: bytes
    state_vector: bytes
    changes: int


class Answers:
    """Of one document. While *is_settled* says no, nobody is told anything; ``go_on`` is to be called when it changes
    and whenever something that waited for a connection has left."""

    def __init__(self, live: LiveDocument, is_settled: Callable[[], bool], clock: Clock) -> None:
        self._live = live
        self._is_settled = is_settled
        self._clock = clock
        self._asking: dict[Connection, _Asking] = {}
        self._not_before: dict[str, float] = {}  # by person, in the clock's time
        self._shared: _Shared | None = None
        self._sharing: Timer | None = None

    def ask(self, connection: Connection, state_vector: bytes) -> None:
        """Answer now or as soon as may be. What turns out to be no state vector ends the connection."""
        self._asking.setdefault(connection, _Asking()).state_vector = state_vector
        self.go_on(connection)

    def go_on(self, connection: Connection) -> None:
        """Answer *connection*, if it has asked and may be told now."""
        asking = self._asking.get(connection)
        if asking is None or asking.state_vector is None or not connection.outlet.is_idle or not self._is_settled():
            return
        began, person = self._clock.now(), connection.access.person
        not_before = self._not_before.get(person, -inf)
        if began < not_before:
            if asking.timer is None:
                asking.timer = self._clock.later(not_before - began, partial(self._go_on_rested, connection))
            return
        state_vector, asking.state_vector = asking.state_vector, None
        try:
            self._send(connection, state_vector)
        except ValueError:
            connection.end(MALFORMED_FRAME)
            return
        ended = self._clock.now()
        self._not_before[person] = ended + REST_AFTER_ANSWER * (ended - began)

    def forget(self, connection: Connection) -> None:
        """It has left. How long its person has to rest is remembered."""
        asking = self._asking.pop(connection, None)
        if asking is not None and asking.timer is not None:
            asking.timer.cancel()
        now = self._clock.now()
        for person in [person for person, not_before in self._not_before.items() if not_before <= now]:
            del self._not_before[person]

    def close(self) -> None:
        """Nobody is told anything any more."""
        for connection in tuple(self._asking):
            self.forget(connection)
        if self._sharing is not None:
            self._sharing.cancel()
        self._forget_shared()

    def _go_on_rested(self, connection: Connection) -> None:
        self._asking[connection].timer = None
        self.go_on(connection)

    def _send(self, connection: Connection, state_vector: bytes) -> None:
        has_nothing = self._has_nothing(state_vector)
        if has_nothing and (shared := self._shared) is not None:
            is_new = shared.changes == self._live.changes
            rest = EMPTY_UPDATE if is_new else self._live.since(shared.state_vector)
            if len(rest) < SHARED_FROM:
                connection.outlet.send(shared.wire)
                if rest != EMPTY_UPDATE:
                    connection.outlet.send(encode_to_wire(SyncUpdate(rest)))
                return
        wire = encode_to_wire(SyncStep2(self._live.since(state_vector)))
        connection.outlet.send(wire)
        if has_nothing and len(wire) >= SHARED_FROM:
            self._share(_Shared(wire, self._live.state_vector(), self._live.changes))

    def _has_nothing(self, state_vector: bytes) -> bool:
        """Whether a client with this state vector certainly lacks the whole document."""
        if state_vector == NOTHING:
            return True
        if len(state_vector) > LOOKED_THROUGH:
            return False
        try:
            return _clients(state_vector).isdisjoint(_clients(self._live.state_vector()))
        except (IndexError, RuntimeError):  # it ends too early
            return False

    def _share(self, shared: _Shared) -> None:
        if self._sharing is not None:
            self._sharing.cancel()
        self._shared = shared
        self._sharing = self._clock.later(SHARED_FOR, self._forget_shared)

    def _forget_shared(self) -> None:
        self._shared = self._sharing = None


def _clients(state_vector: bytes) -> set[int]:
    """Whom a state vector names. Raises IndexError or RuntimeError for one that was cut short."""
    decoder = Decoder(state_vector)
    return {(decoder.read_var_uint(), decoder.read_var_uint())[0] for _ in range(decoder.read_var_uint())}
