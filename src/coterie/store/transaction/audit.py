"""The audit log: who did what. Records are added and read, and never changed, but for the addresses of people who are
anonymised."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, false, insert, or_, select

from coterie.policy import Principal
from coterie.store.columns import is_storable
from coterie.store.records import AuditEntry, AuditRecord
from coterie.store.tables import audit
from coterie.store.transaction.statements import Statements


class Audit(Statements):
    """What a transaction can do with the audit log."""

    async def append_audit(self, entry: AuditEntry) -> None:
        """Record *entry*, together with all else that the transaction changes or not at all. Raises Malformed, and
        NotFound where the actor has been anonymised meanwhile: then nothing of it happens."""
        await self._insist_known(entry.actor_id)
        await self._change(
            insert(audit).values(
                at=entry.at,
                actor_id=entry.actor_id,
                act=entry.act,
                workspace_id=entry.workspace_id,
                workspace_name=entry.workspace_name,
                subject_kind=None if entry.subject is None else entry.subject.kind,
                subject_key=None if entry.subject is None else entry.subject.key,
                details=dict(entry.details),
                via=entry.via,
                address=entry.address,
            )
        )

    async def list_audit(
        self,
        *,
        workspace_id: str | None = None,
        actor_ids: list[str] | None = None,
        act: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int,
    ) -> list[AuditRecord]:
        """At most *limit* records, the youngest first: those that fit every condition that is not None. *actor_ids* are
        the people of whom one did it; *before* is the number of the record that the list goes on after."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if workspace_id is not None:
            query = query.where(audit.c.workspace_id == workspace_id)
        if actor_ids is not None:
            query = query.where(audit.c.actor_id.in_(actor_ids))
        if act is not None:
            query = query.where(audit.c.act == act)
        if since is not None:
            query = query.where(audit.c.at >= since)
        if until is not None:
            query = query.where(audit.c.at < until)
        if before is not None:
            query = query.where(audit.c.id < before)
        return [_record_of(row) for row in await self._rows(query)]

    async def find_latest_about(self, workspace_id: str, subjects: Collection[Principal]) -> AuditRecord | None:
        """The youngest record of what was done in this workspace to one of *subjects*."""
        is_one = [
            and_(audit.c.subject_kind == subject.kind, audit.c.subject_key == subject.key)
            for subject in subjects
            if is_storable(subject.key)
        ]
        query = select(audit).where(audit.c.workspace_id == workspace_id, or_(false(), *is_one))
        row = await self._row(query.order_by(audit.c.id.desc()).limit(1))
        return None if row is None else _record_of(row)


def _record_of(row: Row[Any]) -> AuditRecord:
    subject = None if row.subject_kind is None else Principal(row.subject_kind, row.subject_key)
    entry = AuditEntry(
        at=row.at,
        actor_id=row.actor_id,
        act=row.act,
        via=row.via,
        address=row.address,
        workspace_id=row.workspace_id,
        workspace_name=row.workspace_name,
        subject=subject,
        details=row.details,
    )
    return AuditRecord(row.id, entry)
