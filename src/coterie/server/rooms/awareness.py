"""Verified presence: who is in a room, where, and under which name. No I/O.

Words: a *client* is one copy of a document, known by a number that it chose; its *clock* grows with each state it
announces, and other clients take only what is newer. Stock clients send everybody's entries back as they hear them, so
most of what arrives here is an echo and is ignored.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from coterie.server.rooms.connection import Connection
from coterie.server.rooms.frames import LEFT, MAX_VIEWER_FRAME, Entry

#: Clients that one person may have in a room. A page needs one; an extension with a document of its own may bring
#: another. Also how many states of one frame are looked at.
MAX_CLIENTS: Final = 32

#: Length of one client's state as text. Cursors and names take a few hundred characters.
MAX_STATE: Final = 8 * 1024

#: Bytes of all states of one person, and of everybody in a room. Whoever has heard of everybody must be able to say so
#: in one frame, as a Viewer too.
MAX_STATES: Final = 64 * 1024
MAX_STATES_IN_ROOM: Final = MAX_VIEWER_FRAME // 2

#: Bytes of an entry besides its state, at most.
_NUMBERS: Final = 24

#: How many clients one connection may introduce in its life.
MAX_INTRODUCTIONS: Final = 64

#: How many clients that have left are remembered of each person.
MAX_RETIRED: Final = 256


@dataclass(slots=True)
class _Present:
    owner: Connection
    clock: int
    state: str

    @property
    def person(self) -> str:
        return self.owner.access.person

    @property
    def size(self) -> int:
        return len(self.state) + _NUMBERS  # it is ASCII


@dataclass(frozen=True, slots=True)
class _Retired:
    person: str
    clock: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of an awareness frame: *news* is for everybody, *ask_again* goes back to the sender alone.

    *came* are the clients in *news* that were not there before. *is_urgent* says that somebody came or left, as opposed
    to moved. *is_activity* says that the sender came or moved: stock clients also repeat themselves now and then.
    """

    news: tuple[Entry, ...]
    ask_again: tuple[Entry, ...]
    came: frozenset[int] = frozenset()
    is_urgent: bool = False
    is_activity: bool = False


class Presence:
    """The states of everybody in one room.

    A connection speaks for the clients it introduced first, and for nobody else's. A number whose client has left can
    be taken up again only by the same person, with a later clock. How many clients and how much state there may be is
    counted by person, over all their connections: what is too much is not taken, and counted in the connection's
    ``dropped``.
    """

    def __init__(self) -> None:
        self._present: dict[int, _Present] = {}
        self._clients: Counter[str] = Counter()  # by person
        self._sizes: Counter[str] = Counter()  # bytes, by person
        self._size = 0  # bytes
        self._introduced: Counter[Connection] = Counter()
        self._retired: dict[int, _Retired] = {}
        self._retired_of: dict[str, dict[int, None]] = {}  # the same clients by person, the first to leave first

    def everybody(self) -> tuple[Entry, ...]:
        """All that are present, in the order in which they came."""
        return tuple(Entry(client, present.clock, present.state) for client, present in self._present.items())

    def hear(self, speaker: Connection, entries: Iterable[Entry]) -> Heard:
        """Take what *speaker* may say. The ``user`` in each accepted state is the verified one. Of a client of which
        *entries* speak more than once, the last counts."""
        news: list[Entry] = []
        ask_again: list[Entry] = []
        came: set[int] = set()
        is_urgent = False
        is_activity = False
        looked_at = 0
        for entry in {entry.client: entry for entry in entries}.values():
            if self._is_returning(speaker, entry):
                # The others have seen this client leave at this clock and would not believe an equal one. A client that
                # hears itself called gone answers with a later clock.
                ask_again.append(Entry(entry.client, self._retired[entry.client].clock, LEFT))
            elif self._may_say(speaker, entry):
                if entry.state == LEFT:
                    self._retire(entry.client, speaker.access.person, entry.clock)
                    news.append(entry)
                    is_urgent = True
                    continue
                if looked_at == MAX_CLIENTS or not self._may_add(speaker, entry.client):
                    speaker.dropped += 1
                    continue
                looked_at += 1
                before = self._present.get(entry.client)
                if (said := self._take(speaker, entry)) is not None:
                    news.append(said)
                    is_activity |= before is None or before.state != said.state
                    if before is None:
                        came.add(entry.client)
        return Heard(tuple(news), tuple(ask_again), frozenset(came), is_urgent or bool(came), is_activity)

    def echoes_from(self, speaker: Connection) -> Callable[[int, int], bool]:
        """A function that says of a client and a clock whether *speaker* only repeats what is known. It need not find
        out all of them: ``hear`` ignores the rest."""
        present_clients = self._present

        def is_echo(client: int, clock: int) -> bool:
            present = present_clients.get(client)
            if present is None or clock > present.clock:
                return False
            return clock < present.clock or present.owner is not speaker  # who leaves may do so at the clock it has

        return is_echo

    def recall(self, speaker: Connection) -> tuple[Entry, ...]:
        """Entries for *speaker* alone that make its clients announce themselves again."""
        return tuple(
            Entry(client, present.clock, LEFT) for client, present in self._present.items() if present.owner is speaker
        )

    def forget(self, leaver: Connection) -> tuple[Entry, ...]:
        """Remove the clients of *leaver*; the entries tell the others."""
        self._introduced.pop(leaver, None)
        gone = self.recall(leaver)
        for entry in gone:
            self._retire(entry.client, leaver.access.person, entry.clock)
        return gone

    def _is_returning(self, speaker: Connection, entry: Entry) -> bool:
        retired = self._retired.get(entry.client)
        return (
            retired is not None
            and retired.person == speaker.access.person
            and entry.clock <= retired.clock
            and entry.state != LEFT
        )

    def _may_say(self, speaker: Connection, entry: Entry) -> bool:
        """Whether it is new, and *speaker*'s to say."""
        present = self._present.get(entry.client)
        if present is None:
            retired = self._retired.get(entry.client)
            return entry.state != LEFT and (retired is None or retired.person == speaker.access.person)
        if present.owner is speaker:
            return entry.clock > present.clock or (entry.clock == present.clock and entry.state == LEFT)
        # The same person's new connection, while the server has not yet noticed that the old one is dead.
        return present.person == speaker.access.person and entry.clock > present.clock and entry.state != LEFT

    def _may_add(self, speaker: Connection, client: int) -> bool:
        if client in self._present:
            return True
        if self._clients[speaker.access.person] >= MAX_CLIENTS:
            return False
        return client in self._retired or self._introduced[speaker] < MAX_INTRODUCTIONS

    def _take(self, speaker: Connection, entry: Entry) -> Entry | None:
        state = _verified(entry.state, speaker.identity)
        if state is None:
            return None
        person = speaker.access.person
        before, after = self._present.get(entry.client), _Present(speaker, entry.clock, state)
        grown = after.size - (0 if before is None else before.size)
        if self._sizes[person] + grown > MAX_STATES or self._size + grown > MAX_STATES_IN_ROOM:
            speaker.dropped += 1
            return None
        if before is not None:
            self._count_out(before)
        elif not self._forget_retired(entry.client):
            self._introduced[speaker] += 1
        self._present[entry.client] = after
        self._clients[person] += 1
        self._sizes[person] += after.size
        self._size += after.size
        return Entry(entry.client, entry.clock, state)

    def _retire(self, client: int, person: str, clock: int) -> None:
        self._count_out(self._present.pop(client))
        self._retired[client] = _Retired(person, clock)
        of_person = self._retired_of.setdefault(person, {})
        of_person[client] = None
        if len(of_person) > MAX_RETIRED:
            self._forget_retired(next(iter(of_person)))

    def _forget_retired(self, client: int) -> bool:
        """Whether there was anything to forget."""
        retired = self._retired.pop(client, None)
        if retired is None:
            return False
        del self._retired_of[retired.person][client]
        if not self._retired_of[retired.person]:
            del self._retired_of[retired.person]
        return True

    def _count_out(self, present: _Present) -> None:
        person = present.person
        self._size -= present.size
        self._sizes[person] -= present.size
        self._clients[person] -= 1
        if not self._clients[person]:
            del self._clients[person], self._sizes[person]


def _verified(state: str, identity: dict[str, Any]) -> str | None:
    """The state with the verified user in it. None if it is nothing that every client could read."""
    if len(state) > MAX_STATE:
        return None
    try:
        body = json.loads(state)
        if not isinstance(body, dict):
            return None
        # Python reads and writes NaN and Infinity, which JSON.parse does not: one such state would break every page.
        return json.dumps({**body, "user": identity}, separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError):
        return None
