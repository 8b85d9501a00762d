"""Refused attempts, on their way into the audit log.

An answer never waits for the log, and does not tell by the time it takes whether there was something to write: attempts
are noted in memory and written a moment later, those at workspaces that do not exist just like those at ones that do.
Nobody can flood the log: the same attempt is written at most once a minute, with how often it was made.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from coterie.actions.actor import Actor, record
from coterie.actions.audit import RECORDED_REFUSALS
from coterie.actions.sight import look
from coterie.actions.world import World
from coterie.store import Malformed, NotFound, StoreError
from coterie.wire.audit import AuditAct
from coterie.wire.problems import ProblemCode

#: How long an attempt waits to be written (seconds).
_WRITTEN_AFTER = 1.0
#: How long the same attempt is only counted after it was written (seconds).
_COUNTED_FOR = 60.0
#: At so many places may one person be refused within that time and have each recorded; what is more is recorded without
#: its place.
PLACES_MAX = 10
#: More is not kept in memory, and goes unrecorded.
_SERIES_MAX = 10_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What *actor* was refused with *code*. *workspace* is an id or ``~name`` as they gave it, whether there is such a
    one or not; None where it was about none. *method* and *path* are the request's, with the names of what stands in
    the path in place of it: a path may name people."""

    actor: Actor
    code: ProblemCode
    workspace: str | None
    method: str
    path: str


@dataclass(slots=True)
class _Series:
    attempt: Attempt
    count: int = 0
    written_at: float | None = None


class Refusals:
    """The refused attempts of this process. Notes are lost when it ends without having written them, and one that
    cannot be written for a defect."""

    def __init__(self, world: World, clock: Callable[[], float] = time.monotonic) -> None:
        self._world = world
        self._clock = clock
        self._series: dict[tuple[str, str | None, ProblemCode], _Series] = {}
        self._places: Counter[str] = Counter()

    def note(self, attempt: Attempt) -> None:
        """Have *attempt* written soon, or count it with the same one. What the log does not keep is left out."""
        if attempt.code not in RECORDED_REFUSALS:
            return
        person = attempt.actor.id
        key = (person, attempt.workspace, attempt.code)
        if key not in self._series and self._places[person] >= PLACES_MAX:
            attempt = Attempt(attempt.actor, attempt.code, None, attempt.method, attempt.path)
            key = (person, None, attempt.code)
        if key not in self._series:
            if len(self._series) >= _SERIES_MAX:
                return
            self._series[key] = _Series(attempt)
            self._places[person] += 1
        self._series[key].count += 1

    async def write(self) -> None:
        """Write what is due. What the store does not take now is tried again the next time."""
        now = self._clock()
        for key, series in list(self._series.items()):
            if series.written_at is not None and now - series.written_at < _COUNTED_FOR:
                continue
            if series.count == 0:
                self._forget(key)
                continue
            count = series.count
            try:
                await self._record(series.attempt, count)
            except StoreError as error:
                log.warning("Refused attempts wait to be recorded: %s", error)
                return
            except Exception:
                # Whatever it was, nothing would be recorded any more if this ended, or began with it again.
                log.exception("A refused attempt was not recorded.")
            series.count -= count  # more may have come meanwhile
            series.written_at = now

    async def keep_writing(self) -> None:
        """Write for as long as the process lives, and once more at its end."""
        try:
            while True:
                await asyncio.sleep(_WRITTEN_AFTER)
                await self.write()
        finally:
            await self.write()

    def _forget(self, key: tuple[str, str | None, ProblemCode]) -> None:
        del self._series[key]
        self._places[key[0]] -= 1
        if not self._places[key[0]]:
            del self._places[key[0]]

    async def _record(self, attempt: Attempt, count: int) -> None:
        """One record; none of somebody who was anonymised meanwhile, and none that no database takes."""
        place = attempt.workspace
        with suppress(NotFound, Malformed):
            async with self._world.store.writing() as tx:
                sight = None if place is None else await look(self._world, tx, attempt.actor.person, place)
                await record(
                    self._world,
                    tx,
                    attempt.actor,
                    AuditAct.REFUSED,
                    None if sight is None else sight.stored,
                    code=attempt.code.value,
                    method=attempt.method,
                    path=attempt.path,
                    count=count,
                )
