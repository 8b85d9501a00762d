"""Verified presence: who is in a room, where, and under which name. No I/O.

Words: a *client* is one copy of a document, known by a number that it chose; its *clock* grows with each state it
announces, and other clients take only what is newer. Stock clients send everybody's entries back as they hear them, so
most of what arrives here is an echo and is ignored.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable
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
    """What became of an awareness frame: *news* is for everybody, *ask_again* goes back to the sender alone."""

    news: tuple[Entry, ...]
    ask_again: tuple[Entry, ...]


class Presence:
    """The states of everybody in one room.

    A connection speaks for the clients it introduced first, and for nobody else's. A number whose client has left can
    be taken up again only by the same person, with a later clock.
    """

    def __init__(self) -> None:
        self._present: dict[int, _Present] = {}
        self._retired: OrderedDict[int, _Retired] = OrderedDict()

    def everybody(self) -> tuple[Entry, ...]:
        """All that are present, in the order in which they came."""
        return tuple(Entry(client, present.clock, present.state) for client, present in self._present.items())

    def hear(self, speaker: Connection, entries: Iterable[Entry]) -> Heard:
        """Take what *speaker* may say. The ``user`` in each accepted state is the verified one."""
        news: list[Entry] = []
        ask_again: list[Entry] = []
        for entry in entries:
            if self._is_returning(speaker, entry):
                # The others have seen this client leave at this clock and would not believe an equal one. A client that
                # hears itself called gone answers with a later clock.
                ask_again.append(Entry(entry.client, self._retired[entry.client].clock, LEFT))
            elif self._may_say(speaker, entry) and (said := self._take(speaker, entry)) is not None:
                news.append(said)
        return Heard(tuple(news), tuple(ask_again))

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
        return sum(present.owner is speaker for present in self._present.values()) < MAX_CLIENTS

    def _take(self, speaker: Connection, entry: Entry) -> Entry | None:
        if entry.state == LEFT:
            self._retire(entry.client, speaker.access.person, entry.clock)
            return entry
        state = _verified(entry.state, speaker.identity)
        if state is None:
            return None
        self._retired.pop(entry.client, None)
        self._present[entry.client] = _Present(speaker, entry.clock, state)
        return Entry(entry.client, entry.clock, state)

    def _retire(self, client: int, person: str, clock: int) -> None:
        del self._present[client]
        self._retired[client] = _Retired(person, clock)
        if len(self._retired) > MAX_RETIRED:
            self._retired.popitem(last=False)


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
