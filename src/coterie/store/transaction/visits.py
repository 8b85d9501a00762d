"""Visits: who has opened which workspace, and when last."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update

from coterie.store.tables import visits
from coterie.store.transaction.statements import Statements


class Visits(Statements):
    """What a transaction can do with visits."""

    async def note_visit(self, workspace_id: str, person_id: str, at: datetime) -> None:
        """The person opens this workspace. Raises NotFound for what is not stored, and where the person has been
        anonymised."""
        await self._insist_known(person_id)
        if not await self._add_unless_there(visits, workspace_id=workspace_id, person_id=person_id, at=at):
            await self._change(
                update(visits)
                .where(visits.c.workspace_id == workspace_id, visits.c.person_id == person_id)
                .values(at=at)
            )
