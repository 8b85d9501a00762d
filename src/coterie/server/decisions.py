"""The service's decisions, kept for a moment: at most until their ``until``, an event, or ten seconds have passed (half
of the lease where that is less).

While the service cannot be reached, what is known goes on counting until the lease ends, counted from the service's
last answer about the person; after that nobody is let in but the owner of a home, whose access no grant gave.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from coterie.client import ServiceRefused, ServiceUnreachable
from coterie.policy import Person, Role, Workspace, decide
from coterie.server.access import Access
from coterie.wire.bodies import ServerDecision

log = logging.getLogger("coterie")

#: For how long a decision is not asked for again without an event (seconds): groups and rights change silently.
FRESH_FOR = 10.0


#: How long the service may take over a question when no lease is left to wait in (seconds).
_PATIENCE = 1.0


class Undecided(Exception):
    """The service cannot be asked, and what was known is too old to count."""


@dataclass(frozen=True, slots=True)
class _Kept:
    access: Access | None
    at: float


class Decisions:
    """What each person may do here. *ask* is the service's answer for one Hub name, *ask_at_once* for several, by name;
    *owner* is a home's owner."""

    def __init__(
        self,
        ask: Callable[[str], Awaitable[ServerDecision]],
        ask_at_once: Callable[[Collection[str]], Awaitable[Mapping[str, ServerDecision]]],
        *,
        owner: str | None,
        lease: float,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ask = ask
        self._ask_at_once = ask_at_once
        self._owner = owner
        self._lease = lease
        self._fresh_for = min(FRESH_FOR, lease / 2)
        self._clock = clock
        self._now = now
        self._kept: dict[str, _Kept] = {}
        self._generation = 0  # changes with all that is about everybody
        self._generations: Counter[str] = Counter()  # change with what is about one name

    async def get(self, name: str, *, for_connections: bool = False) -> Access | None:
        """The access of the person called *name*, None for none. Raises Undecided.

        A refusal is asked for again each time: somebody who has just been let in must not be kept out by it. Whoever
        has to wait with *for_connections* goes on with them meanwhile: then a service that hangs must not lengthen the
        lease. Everybody else waits outside, for as long as the client has patience.
        """
        kept = self._kept.get(name)
        if kept is None or kept.access is None or self.is_due(name):
            return await self._look_again(name, for_connections=for_connections)
        return kept.access

    async def _look_again(self, name: str, *, for_connections: bool) -> Access | None:
        while True:
            generation, asked_at = self._generation_of(name), self._clock()
            try:
                async with asyncio.timeout(self._left(name) if for_connections else None):
                    access = _access(await self._ask(name))
            except (ServiceUnreachable, ServiceRefused, TimeoutError) as error:
                return self._without_service(name, error)
            if generation == self._generation_of(name):
                self._kept[name] = _Kept(access, asked_at)
                return access
            # An event came while the question was on its way: the answer may be older than the change.

    async def look_again_at_all(self, names: Collection[str]) -> dict[str, Access | None]:
        """What the service says now of several who are connected, by one question. Whoever is left out has to be looked
        at alone: the service did not answer, or something has changed meanwhile."""
        generations, asked_at = {name: self._generation_of(name) for name in names}, self._clock()
        left = [seconds for name in names if (seconds := self._left(name)) is not None]
        try:
            async with asyncio.timeout(min(left, default=None)):
                answers = await self._ask_at_once(names)
        except (ServiceUnreachable, ServiceRefused, TimeoutError):
            return {}
        found = {
            name: _access(decision)
            for name, decision in answers.items()
            if generations.get(name) == self._generation_of(name)
        }
        self._kept |= {name: _Kept(access, asked_at) for name, access in found.items()}
        return found

    def forget(self, name: str | None) -> None:
        """Keep nothing about *name* (None: about anybody) any longer, answers that are on their way included."""
        if name is None:
            self._generation += 1
            self._generations.clear()
            self._kept.clear()
        else:
            self._generations[name] += 1
            self._kept.pop(name, None)

    def is_due(self, name: str) -> bool:
        """Whether what is kept about *name* is too old to go on without asking."""
        kept = self._kept.get(name)
        return kept is None or not self._counts(kept) or self._clock() - kept.at >= self._fresh_for

    def _generation_of(self, name: str) -> tuple[int, int]:
        return self._generation, self._generations[name]

    def _counts(self, kept: _Kept) -> bool:
        return kept.access is None or kept.access.until is None or self._now() < kept.access.until

    def _left(self, name: str) -> float | None:
        """How much of the lease is left (seconds), and a moment where nothing is. None: as long as the client has."""
        kept = self._kept.get(name)
        return None if kept is None else max(_PATIENCE, kept.at + self._lease - self._clock())

    def _without_service(self, name: str, error: Exception) -> Access | None:
        if name == self._owner:
            return _owner_access(name, self._now())
        kept = self._kept.get(name)
        if kept is None or not self._counts(kept) or self._clock() - kept.at >= self._lease:
            log.warning("What %s may do here cannot be decided: %s", name, error)
            raise Undecided from error
        return kept.access


def _access(decision: ServerDecision) -> Access | None:
    if decision.role is None:
        return None
    return Access(decision.person, decision.name, Role.parse(decision.role), tuple(decision.reasons), decision.until)


def _owner_access(name: str, at: datetime) -> Access | None:
    """A home's owner, decided from the one fact that holds without the service. The id is empty: nobody told it."""
    decision = decide(Person(name, name), Workspace(creator=name, is_home=True), at=at)
    if decision.role is None:
        return None
    return Access("", name, decision.role, tuple(reason.sentence for reason in decision.reasons))
