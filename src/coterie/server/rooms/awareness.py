"""Verified presence: who is in a room, where, and under which name. No I/O.

Words: a *client* is one copy of a document, known by a number that it chose; its *clock* grows with each state it
announces, and other clients take only what is newer. Stock clients send everybody's entries back as they hear them, so
most of what arrives here is an echo and is ignored.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from coterie.server.rooms.connection import Connection
from coterie.server.rooms.frames import LEFT, Entry

#: A page needs one; an extension with a document of its own may bring another.
MAX_CLIENTS = 8

#: Length of one client's state as text. Cursors and names take a few hundred characters.
MAX_STATE = 64 * 1024

#: How many clients that have left are remembered.
MAX_RETIRED = 4096


@dataclass(slots=True)
class _Present:
    owner: Connection
    clock: int
    state: str


@dataclass(frozen=True, slots=True)
class _Retired:
    person: str
    clock: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of an awareness frame: *news* is for everybody, *ask_again* goes back to the sender alone.

    *is_urgent* says that somebody came or left, as opposed to moved.
    """

    news: tuple[Entry, ...]
    ask_again: tuple[Entry, ...]
    is_urgent: bool = False


class Presence:
    """The states of everybody in one room.

    A connection speaks for the clients it introduced first, and for nobody else's. A number whose client has left can
    be taken up again only by the same person, with a later clock.
    """

    def __init__(self) -> None:
        self._present: dict[int, _Present] = {}
        self._owned: Counter[Connection] = Counter()  # how many clients each connection speaks for
        self._retired: OrderedDict[int, _Retired] = OrderedDict()

    def everybody(self) -> tuple[Entry, ...]:
        """All that are present, in the order in which they came."""
        return tuple(Entry(client, present.clock, present.state) for client, present in self._present.items())

    def hear(self, speaker: Connection, entries: Iterable[Entry]) -> Heard:
        """Take what *speaker* may say. The ``user`` in each accepted state is the verified one."""
        news: list[Entry] = []
        ask_again: list[Entry] = []
        is_urgent = False
        for entry in entries:
            if self._is_returning(speaker, entry):
                # The others have seen this client leave at this clock and would not believe an equal one. A client that
                # hears itself called gone answers with a later clock.
                ask_again.append(Entry(entry.client, self._retired[entry.client].clock, LEFT))
            elif self._may_say(speaker, entry):
                is_moving = entry.client in self._present and entry.state != LEFT
                if (said := self._take(speaker, entry)) is not None:
                    news.append(said)
                    is_urgent |= not is_moving
        return Heard(tuple(news), tuple(ask_again), is_urgent)

    def echoes_from(self, speaker: Connection) -> Callable[[int, int], bool]:
        """A function that says of a client and a clock whether *speaker* only repeats what is known of somebody else.
        It need not find out all of them: ``hear`` ignores the rest."""
        present_clients = self._present

        def is_echo(client: int, clock: int) -> bool:
            present = present_clients.get(client)
            return present is not None and clock <= present.clock and present.owner is not speaker

        return is_echo

    def recall(self, speaker: Connection) -> tuple[Entry, ...]:
        """Entries for *speaker* alone that make its clients announce themselves again."""
        return tuple(
            Entry(client, present.clock, LEFT) for client, present in self._present.items() if present.owner is speaker
        )

    def forget(self, leaver: Connection) -> tuple[Entry, ...]:
        """Remove the clients of *leaver*; the entries tell the others."""
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
        present = self._present.get(entry.client)
        if present is None:
            return self._may_introduce(speaker, entry)
        if present.owner is speaker:
            return entry.clock > present.clock or (entry.clock == present.clock and entry.state == LEFT)
        # The same person's new connection, while the server has not yet noticed that the old one is dead.
        is_same_person = present.owner.access.person == speaker.access.person
        return is_same_person and entry.clock > present.clock and entry.state != LEFT and self._has_room_for(speaker)

    def _may_introduce(self, speaker: Connection, entry: Entry) -> bool:
        retired = self._retired.get(entry.client)
        if entry.state == LEFT or (retired is not None and retired.person != speaker.access.person):
            return False
        return self._has_room_for(speaker)

    def _has_room_for(self, speaker: Connection) -> bool:
        return self._owned[speaker] < MAX_CLIENTS

    def _take(self, speaker: Connection, entry: Entry) -> Entry | None:
        if entry.state == LEFT:
            self._retire(entry.client, speaker.access.person, entry.clock)
            return entry
        state = _verified(entry.state, speaker.identity)
        if state is None:
            return None
        self._retired.pop(entry.client, None)
        if (before := self._present.get(entry.client)) is not None:
            self._count_out(before.owner)
        self._present[entry.client] = _Present(speaker, entry.clock, state)
        self._owned[speaker] += 1
        return Entry(entry.client, entry.clock, state)

    def _retire(self, client: int, person: str, clock: int) -> None:
        self._count_out(self._present.pop(client).owner)
        self._retired[client] = _Retired(person, clock)
        if len(self._retired) > MAX_RETIRED:
            self._retired.popitem(last=False)

    def _count_out(self, owner: Connection) -> None:
        self._owned[owner] -= 1
        if not self._owned[owner]:
            del self._owned[owner]


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
