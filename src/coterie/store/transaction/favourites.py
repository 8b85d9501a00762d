"""Favourites: each person's own marks."""

from __future__ import annotations

from sqlalchemy import delete, select

from coterie.store.tables import favourites
from coterie.store.transaction.statements import Statements


class Favourites(Statements):
    """What a transaction can do with favourites."""

    async def set_favourite(self, workspace_id: str, person_id: str, on: bool) -> None:
        """Set or take away the person's mark; no matter which it was. Raises NotFound for what is not stored, and where
        the person has been anonymised."""
        if on:
            await self._insist_known(person_id)
            await self._add_unless_there(favourites, workspace_id=workspace_id, person_id=person_id)
            return
        await self._change(
            delete(favourites).where(favourites.c.workspace_id == workspace_id, favourites.c.person_id == person_id)
        )

    async def is_favourite(self, workspace_id: str, person_id: str) -> bool:
        """Whether the person marked this workspace."""
        query = select(favourites).where(favourites.c.workspace_id == workspace_id, favourites.c.person_id == person_id)
        return await self._row(query) is not None
