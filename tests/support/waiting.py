"""Waiting until somebody else waits: for tests of what happens when two change the same thing at once."""

from __future__ import annotations

import asyncio

from sqlalchemy import column, func, select, table

from coterie.store import Store
from support.demo import until

_ACTIVITY = table("pg_stat_activity", column("datname"), column("wait_event_type"))
_WAITING = select(_ACTIVITY).where(
    _ACTIVITY.c.datname == func.current_database(), _ACTIVITY.c.wait_event_type == "Lock"
)


async def until_it_waits_or_is_done(store: Store, task: asyncio.Task[object]) -> None:
    """Go on once *task* has ended, or somebody waits for what the caller's own transaction of *store* holds."""

    async def is_so() -> bool:
        return task.done() or await _somebody_waits(store)

    await until(is_so)


async def _somebody_waits(store: Store) -> bool:
    if store._turn is not None:
        return bool(store._turn._waiters)
    async with store.reading() as tx:
        return await tx._row(_WAITING) is not None
