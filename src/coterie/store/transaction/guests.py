"""Guests: people whose grant did not come from being named; and blocks, which keep people from becoming guests."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, delete, select, update

from coterie.policy import DIRECT, PrincipalKind, Role
from coterie.store.columns import in_utc, is_storable
from coterie.store.ids import is_id
from coterie.store.records import StoredGrant, StoredPerson
from coterie.store.tables import blocks, grants, invitations, persons
from coterie.store.transaction.grants import grant_of
from coterie.store.transaction.invitations import working
from coterie.store.transaction.persons import person_of
from coterie.store.transaction.statements import Statements


class Guests(Statements):
    """What a transaction can do with guests and blocks."""

    async def put_guest(
        self,
        workspace_id: str,
        person_id: str,
        role: Role,
        *,
        source: str,
        session: str | None,
        by: str,
        at: datetime,
    ) -> None:
        """Let the person in as a guest: by the invitation with the id *source*, or ADMITTED; in *session* alone where
        one is named. It takes the place of what the same source gave earlier. Raises NotFound for an unknown workspace
        and for a person who has been anonymised."""
        await self._lock(workspace_id)
        await self._insist_known(person_id)
        key = {"principal_kind": PrincipalKind.USER, "principal_key": person_id, "source": source}
        changing = {"role": role, "session": session, "created_at": in_utc(at), "created_by": by}
        if not await self._add_unless_there(grants, workspace_id=workspace_id, **key, **changing):
            await self._change(update(grants).where(*_is(workspace_id, person_id, source)).values(changing))

    async def find_guest(self, workspace_id: str, person_id: str, source: str) -> StoredGrant | None:
        """What this source gave the person last, in an earlier session perhaps; None where it gave nothing, or nothing
        since they were removed."""
        row = await self._row(select(grants).where(*_is(workspace_id, person_id, source)))
        return None if row is None else grant_of(row)

    async def remove_guests(self, workspace_id: str, person_ids: Collection[str] | None = None) -> int:
        """Remove all that made these people guests here, or anybody (None), in earlier sessions too. Answers how many
        grants that were. Raises NotFound for an unknown workspace."""
        await self._lock(workspace_id)
        mine = [grants.c.workspace_id == workspace_id, grants.c.source != DIRECT]
        if person_ids is not None:
            mine += [grants.c.principal_kind == PrincipalKind.USER, grants.c.principal_key.in_(person_ids)]
        removed = await self._change(delete(grants).where(*mine))
        return removed.rowcount

    async def forget_past_guests(self, workspace_id: str, session: str, at: datetime) -> int:
        """Remove what made people guests in any session but *session*, unless the same invitation may let them in again
        after the instant *at*: then they are counted among those who accepted it. Answers how many grants that were.
        Raises NotFound for an unknown workspace."""
        await self._lock(workspace_id)
        reusable = select(invitations.c.id).where(invitations.c.workspace_id == workspace_id, *working(at))
        removed = await self._change(
            delete(grants).where(
                grants.c.workspace_id == workspace_id,
                grants.c.source != DIRECT,
                grants.c.session != session,
                grants.c.source.not_in(reusable),
            )
        )
        return removed.rowcount

    async def add_block(self, workspace_id: str, person_id: str) -> bool:
        """Refuse the person invitations and the link from now on. Answers False where that is so already. Raises
        NotFound for what is not stored."""
        await self._lock(workspace_id)
        return await self._add_unless_there(blocks, workspace_id=workspace_id, person_id=person_id)

    async def remove_blocks(self, workspace_id: str, name: str | None = None) -> list[str]:
        """Lift the blocks of everybody called *name*, or of everybody (None). Answers the ids of those they were of.
        Raises NotFound for an unknown workspace."""
        await self._lock(workspace_id)
        lifted = [person.id for person in await self.list_blocked(workspace_id) if name in (None, person.name)]
        if lifted:
            await self._change(
                delete(blocks).where(blocks.c.workspace_id == workspace_id, blocks.c.person_id.in_(lifted))
            )
        return lifted

    async def list_blocked(self, workspace_id: str) -> list[StoredPerson]:
        """Everybody who is blocked here, by name."""
        query = select(persons).join(blocks, blocks.c.person_id == persons.c.id)
        query = query.where(blocks.c.workspace_id == workspace_id).order_by(persons.c.name, persons.c.id)
        return [person_of(row) for row in await self._rows(query)]


def _is(workspace_id: str, person_id: str, source: str) -> list[ColumnElement[bool]]:
    return [
        grants.c.workspace_id == workspace_id,
        grants.c.principal_kind == PrincipalKind.USER,
        grants.c.principal_key == (person_id if is_id(person_id) else ""),
        grants.c.source == (source if is_storable(source) else ""),
    ]
