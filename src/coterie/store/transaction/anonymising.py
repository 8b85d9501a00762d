"""Anonymising a person: what was about them goes, what they created moves, and their name is no longer known."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import delete, select, update

from coterie.policy import PrincipalKind
from coterie.store.records import StoredGrant, StoredPerson, StoredWorkspace
from coterie.store.tables import blocks, entries, favourites, grants, persons, requests, visits, workspaces
from coterie.store.transaction.grants import grant_of
from coterie.store.transaction.persons import person_of
from coterie.store.transaction.statements import Statements
from coterie.store.transaction.workspaces import workspace_of

#: In place of when the Hub made the account, which would tell whose it was.
_NO_TIME: Final = datetime.fromtimestamp(0, UTC)


class Anonymising(Statements):
    """What a transaction can do to anonymise somebody."""

    async def list_people_named(self, name: str) -> list[StoredPerson]:
        """Everybody whom the Hub has called *name* as long as this store knows, the earliest account first."""
        query = select(persons).where(persons.c.name == name).order_by(persons.c.hub_created)
        return [person_of(row) for row in await self._rows(query)]

    async def list_created_by(self, person_id: str) -> list[StoredWorkspace]:
        """The workspaces that this person created, by id; not the home."""
        query = select(workspaces).where(workspaces.c.creator_id == person_id, ~workspaces.c.is_home)
        return [workspace_of(row) for row in await self._rows(query.order_by(workspaces.c.id))]

    async def list_grants_to(self, person_id: str) -> list[StoredGrant]:
        """Every grant, in any workspace or home, that names this person, by workspace."""
        query = select(grants).where(grants.c.principal_kind == PrincipalKind.USER, grants.c.principal_key == person_id)
        rows = await self._rows(query.order_by(grants.c.workspace_id, grants.c.source))
        return [grant_of(row) for row in rows]

    async def move_workspaces(self, from_id: str, to_id: str) -> int:
        """Make the person with the id *to_id* the Creator of all that *from_id* created, in place of any grants that
        name them there. Answers how many grants that were."""
        moving = await self.list_created_by(from_id)
        removed = 0
        for workspace in moving:
            await self._lock(workspace.id)
            dropped = await self._change(
                delete(grants).where(
                    grants.c.workspace_id == workspace.id,
                    grants.c.principal_kind == PrincipalKind.USER,
                    grants.c.principal_key == to_id,
                )
            )
            removed += dropped.rowcount
            await self._change(update(workspaces).where(workspaces.c.id == workspace.id).values(creator_id=to_id))
        return removed

    async def forget_person(self, person_id: str, pseudonym: str) -> None:
        """Remove all that is about this person (grants that name them, marks, requests, entries, blocks, their home)
        and have them known as *pseudonym* from now on. What they gave to others, and what is recorded of them, stays.
        Move what they created first."""
        for grant in await self.list_grants_to(person_id):
            await self._lock(grant.workspace_id)
        await self._change(
            delete(grants).where(grants.c.principal_kind == PrincipalKind.USER, grants.c.principal_key == person_id)
        )
        for table in (blocks, favourites, visits, requests, entries):
            await self._change(delete(table).where(table.c.person_id == person_id))
        await self._change(delete(workspaces).where(workspaces.c.is_home, workspaces.c.creator_id == person_id))
        await self._change(
            update(persons).where(persons.c.id == person_id).values(name=pseudonym, hub_created=_NO_TIME)
        )
