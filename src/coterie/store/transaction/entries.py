"""Entries: who opened a workspace and awaits, or holds, a Hub share for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, select, update

from coterie.store.errors import NotFound
from coterie.store.records import EntryState, StoredEntry
from coterie.store.tables import entries
from coterie.store.transaction.statements import Statements


class Entries(Statements):
    """What a transaction can do with entries."""

    async def want_entry(self, workspace_id: str, person_id: str, at: datetime) -> StoredEntry:
        """The person's entry, added as wanted where there is none; one that is there stays as it is. Raises NotFound
        for what is not stored."""
        await self._add_unless_there(
            entries, workspace_id=workspace_id, person_id=person_id, state=EntryState.WANTED, at=at
        )
        entry = await self.find_entry(workspace_id, person_id)
        if entry is None:
            raise NotFound("The entry was removed at this moment.")
        return entry

    async def find_entry(self, workspace_id: str, person_id: str) -> StoredEntry | None:
        """The person's entry, None where they did not open this workspace."""
        row = await self._row(select(entries).where(*_is(workspace_id, person_id)))
        return None if row is None else entry_of(row)

    async def mark_admitted(self, workspace_id: str, person_id: str) -> bool:
        """The person holds the Hub share now. Answers False where the entry is gone: the share has to go as well."""
        marked = await self._change(
            update(entries).where(*_is(workspace_id, person_id)).values(state=EntryState.ADMITTED)
        )
        return marked.rowcount == 1

    async def remove_entry(self, workspace_id: str, person_id: str) -> bool:
        """Forget the person's entry. Answers whether there was one."""
        removed = await self._change(delete(entries).where(*_is(workspace_id, person_id)))
        return removed.rowcount == 1

    async def reset_entries(self, workspace_id: str) -> int:
        """Have everybody who was admitted wait again. Answers how many they are."""
        admitted = (entries.c.workspace_id == workspace_id, entries.c.state == EntryState.ADMITTED)
        reset = await self._change(update(entries).where(*admitted).values(state=EntryState.WANTED))
        return reset.rowcount

    async def list_entries(self, workspace_id: str) -> list[StoredEntry]:
        """All entries of this workspace, the oldest first."""
        return await self._list(entries.c.workspace_id == workspace_id)

    async def _list(self, condition: ColumnElement[bool]) -> list[StoredEntry]:
        order = (entries.c.at, entries.c.workspace_id, entries.c.person_id)
        return [entry_of(row) for row in await self._rows(select(entries).where(condition).order_by(*order))]


def _is(workspace_id: str, person_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return entries.c.workspace_id == workspace_id, entries.c.person_id == person_id


def entry_of(row: Row[Any]) -> StoredEntry:
    """The entry in a row of ``entries``."""
    return StoredEntry(row.workspace_id, row.person_id, row.state, row.at)
