"""Who is here now, and in which documents: from connections that went through the gate, and from nothing that anybody
says. No I/O; everything happens on the loop.

Word of this module: a *visit* is one open connection, to a document's room or to none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Protocol

from coterie.server.access import Access
from coterie.server.rooms.pace import Clock, LoopClock, Pace

#: Where the web application's settings hold the People of its server.
PEOPLE_SETTING: Final = "coterie_people"

#: Seconds between two lists at least: for people who come, go elsewhere or have another role; for people who leave; and
#: where nothing but who was active last is new. Where telling takes long, it gets a fraction of the time.
COMING_EVERY: Final = 0.25
LEAVING_EVERY: Final = 0.02
ORDER_EVERY: Final = 2.0

#: How many documents of one person are told.
MAX_DOCUMENTS: Final = 20


class Visitor(Protocol):
    """A connection that went through the gate. *identity* is what others are shown, as ``connection.describe`` has
    it."""

    @property
    def access(self) -> Access: ...

    @property
    def identity(self) -> dict[str, Any]: ...


class Placed(Protocol):
    """An open document."""

    @property
    def path(self) -> str:
        """Where its file is now, as the contents API writes it."""


@dataclass(frozen=True, slots=True)
class Present:
    """A person who is here. *hub_name* is their name in the Hub, *name* what others see; *documents* are paths, the one
    in which they were active last first."""

    hub_name: str
    name: str
    initials: str
    color: str
    role: str
    documents: tuple[str, ...]

    def text(self, *, is_you: bool) -> str:
        """As JSON."""
        shown = {"name": self.name, "username": self.hub_name, "initials": self.initials, "color": self.color}
        return json.dumps({**shown, "role": self.role, "is_you": is_you, "documents": self.documents})


class Roll:
    """Everybody who is here at one moment, whoever was active last first."""

    def __init__(self, people: tuple[Present, ...]) -> None:
        self.people = people
        self._texts = [person.text(is_you=False) for person in people]
        self._places = {person.hub_name: place for place, person in enumerate(people)}

    def told_to(self, hub_name: str) -> str:
        """The message of the live channel for who is called *hub_name*. Quick: it is made for everybody."""
        texts, place = self._texts, self._places.get(hub_name)
        if place is not None:
            texts = [*texts[:place], self.people[place].text(is_you=True), *texts[place + 1 :]]
        return f'{{"people": [{", ".join(texts)}]}}'


@dataclass(eq=False, slots=True)
class _Visit:
    visitor: Visitor
    document: Placed | None
    active: int  # of two visits, the one in which something was done later has the greater


class People:
    """The people of one server. Accounts are told apart by their names in the Hub: whoever comes under a name that was
    given anew has had the connections of the one before cut."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._visits: dict[Visitor, _Visit] = {}
        self._latest: _Visit | None = None
        self._counter = count()
        self._roll: Roll | None = Roll(())  # None: to be made anew
        self._told: tuple[Present, ...] = ()
        self._watchers: dict[object, Callable[[Roll], None]] = {}
        self._pace = Pace(self._tell, clock or LoopClock())

    def enter(self, visitor: Visitor, document: Placed | None = None) -> None:
        """A connection is open."""
        self._visits[visitor] = self._latest = _Visit(visitor, document, next(self._counter))
        self.changed()

    def leave(self, visitor: Visitor) -> None:
        """It is not any more, or nothing of it counts any more. Harmless if it never was."""
        if self._visits.pop(visitor, None) is not None:
            self._roll = None
            self._pace.due(max(LEAVING_EVERY, 2 * self._pace.took))

    def changed(self) -> None:
        """Somebody's role or a document's path may be another."""
        self._roll = None
        self._pace.due(max(COMING_EVERY, 4 * self._pace.took))

    def stirred(self, visitor: Visitor) -> None:
        """Something was done there. Called for every keystroke."""
        visit = self._visits.get(visitor)
        if visit is None or visit is self._latest:
            return
        visit.active, self._latest = next(self._counter), visit
        self._roll = None
        self._pace.due(max(ORDER_EVERY, 20 * self._pace.took))

    def now(self) -> Roll:
        """Who is here."""
        if self._roll is None:
            self._roll = Roll(self._look())
        return self._roll

    def watch(self, callback: Callable[[Roll], None]) -> Callable[[], None]:
        """Call *callback*, which must not raise, with each list from now on that differs from the one before. The
        answer ends that, and may be called more than once."""
        watcher = object()
        self._watchers[watcher] = callback

        def unwatch() -> None:
            self._watchers.pop(watcher, None)

        return unwatch

    def close(self) -> None:
        """Nobody is told anything any more."""
        self._pace.stop()
        self._watchers.clear()

    def _look(self) -> tuple[Present, ...]:
        visits: dict[str, list[_Visit]] = {}
        for visit in sorted(self._visits.values(), key=lambda visit: visit.active, reverse=True):
            visits.setdefault(visit.visitor.access.name, []).append(visit)
        return tuple(_present(name, of_person) for name, of_person in visits.items())

    def _tell(self) -> None:
        roll = self.now()
        if roll.people != self._told:
            self._told = roll.people
            for callback in tuple(self._watchers.values()):  # being told may end somebody's watching
                callback(roll)


def _present(hub_name: str, visits: list[_Visit]) -> Present:
    visitor = visits[0].visitor
    shown = visitor.identity
    paths = dict.fromkeys(visit.document.path for visit in visits if visit.document is not None)
    return Present(
        hub_name,
        shown["display_name"],
        shown["initials"],
        shown["color"],
        visitor.access.role.word,
        tuple(paths)[:MAX_DOCUMENTS],
    )
