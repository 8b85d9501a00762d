"""Removals: accounts of deleted workspaces that the Hub is still to remove, with their files."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from coterie.store.records import StoredRemoval
from coterie.store.tables import removals
from coterie.store.transaction.statements import Statements


class Removals(Statements):
    """What a transaction can do with removals."""

    async def note_removal(self, account: str, at: datetime) -> None:
        """The account's workspace is gone since *at*. Noting it twice is the same as once."""
        await self._add_unless_there(removals, account=account, at=at)

    async def list_removals(self) -> list[StoredRemoval]:
        """Every account that is still to be removed, oldest first."""
        rows = await self._rows(select(removals).order_by(removals.c.at, removals.c.account))
        return [StoredRemoval(row.account, row.at) for row in rows]

    async def forget_removal(self, account: str) -> None:
        """The account is gone, or is not to be removed. One that was not noted is fine."""
        await self._change(delete(removals).where(removals.c.account == account))
