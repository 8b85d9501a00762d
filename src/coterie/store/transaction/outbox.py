"""The outbox: events in the order of their revisions, and how far each consumer has come.

Who has read up to a revision never misses a lower one: revisions become visible in order, on PostgreSQL too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from coterie.policy import Principal
from coterie.store.records import StoredEvent
from coterie.store.tables import consumers, outbox
from coterie.store.transaction.statements import Statements

#: The advisory lock of PostgreSQL that whoever appends holds until the commit.
_ORDER_LOCK = 0x636F7465_0002


class Outbox(Statements):
    """What a transaction can do with the outbox."""

    async def append_event(self, workspace_id: str, kind: str, principal: Principal | None, at: datetime) -> int:
        """Say whose access to look at again (None: everybody's). Answers the event's revision. The workspace need not
        exist any more. Append last: afterwards no other workspace can be changed in this transaction."""
        if self._is_postgresql and not self.has_appended:
            # A sequence alone hands out numbers before their rows can be seen: a reader could pass by one that is
            # committed late. This lock is let go after the commit has become visible.
            await self._change(select(func.pg_advisory_xact_lock(_ORDER_LOCK)))
        self.has_appended = True
        appended = await self._change(
            insert(outbox)
            .values(
                workspace_id=workspace_id,
                kind=kind,
                principal_kind=None if principal is None else principal.kind,
                principal_key=None if principal is None else principal.key,
                at=at,
            )
            .returning(outbox.c.revision)
        )
        return int(appended.scalar_one())

    async def read_after(self, revision: int, *, limit: int, workspace_id: str | None = None) -> list[StoredEvent]:
        """At most *limit* events after *revision*, the oldest first; of one workspace if *workspace_id* names one."""
        query = select(outbox).where(outbox.c.revision > revision).order_by(outbox.c.revision).limit(limit)
        if workspace_id is not None:
            query = query.where(outbox.c.workspace_id == workspace_id)
        return [event_of(row) for row in await self._rows(query)]

    async def latest_revision(self) -> int:
        """The revision of the youngest event, 0 before the first."""
        row = await self._row(select(func.coalesce(func.max(outbox.c.revision), 0).label("revision")))
        return 0 if row is None else int(row.revision)

    async def get_position(self, consumer: str) -> int:
        """The revision up to which this consumer has worked, 0 if it never said."""
        row = await self._row(select(consumers.c.revision).where(consumers.c.name == consumer))
        return 0 if row is None else int(row.revision)

    async def set_position(self, consumer: str, revision: int) -> None:
        """This consumer has worked up to *revision*."""
        if not await self._add_unless_there(consumers, name=consumer, revision=revision):
            await self._change(update(consumers).where(consumers.c.name == consumer).values(revision=revision))


def event_of(row: Row[Any]) -> StoredEvent:
    """The event in a row of ``outbox``."""
    principal = None if row.principal_kind is None else Principal(row.principal_kind, row.principal_key)
    return StoredEvent(row.revision, row.workspace_id, row.kind, principal, row.at)
