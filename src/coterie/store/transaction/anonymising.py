"""Anonymising a person: what was about them goes, what they created moves, and their name is no longer known."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, or_, select, union, union_all, update

from coterie.policy import PrincipalKind
from coterie.store.columns import is_storable
from coterie.store.errors import Conflict
from coterie.store.records import NO_SOURCE, NO_TIME, StoredGrant, StoredPerson, StoredWorkspace
from coterie.store.tables import (
    audit,
    blocks,
    entries,
    favourites,
    grants,
    invitations,
    persons,
    requests,
    visits,
    workspaces,
)
from coterie.store.transaction.grants import grant_of
from coterie.store.transaction.persons import person_of
from coterie.store.transaction.statements import Statements
from coterie.store.transaction.workspaces import workspace_of

#: What people have at most once in a workspace, each with a column ``person_id``.
_OF_A_PERSON = (blocks, favourites, visits, requests, entries)


class Anonymising(Statements):
    """What a transaction can do to anonymise somebody."""

    async def list_people_named(self, name: str) -> list[StoredPerson]:
        """Everybody whom the Hub has called *name* as long as this store knows, the earliest account first."""
        if not is_storable(name):
            return []
        query = select(persons).where(persons.c.name == name).order_by(persons.c.hub_created)
        return [person_of(row) for row in await self._rows(query)]

    async def list_created_by(self, person_ids: Collection[str]) -> list[StoredWorkspace]:
        """The workspaces that these people created, by id; not their homes."""
        query = select(workspaces).where(workspaces.c.creator_id.in_(person_ids), ~workspaces.c.is_home)
        return [workspace_of(row) for row in await self._rows(query.order_by(workspaces.c.id))]

    async def list_grants_to(
        self, person_ids: Collection[str], *, workspaces_of: Collection[str] | None = None
    ) -> list[StoredGrant]:
        """Every grant, in any workspace or home, that names one of these people, by workspace; with *workspaces_of*
        only in what those people created."""
        query = select(grants).where(_to(person_ids))
        if workspaces_of is not None:
            created = select(workspaces.c.id).where(workspaces.c.creator_id.in_(workspaces_of), ~workspaces.c.is_home)
            query = query.where(grants.c.workspace_id.in_(created))
        rows = await self._rows(query.order_by(grants.c.workspace_id, grants.c.principal_key, grants.c.source))
        return [grant_of(row) for row in rows]

    async def list_reached_by(self, person_id: str) -> list[str]:
        """The ids, in order, of the workspaces and homes whose people may notice that this person goes: those that they
        created, where a grant names them, to which they invited, and which they opened. Their own home is not among
        them."""
        home = and_(workspaces.c.is_home, workspaces.c.creator_id == person_id)
        return sorted(await self._around([person_id]) - set(await self._ids(home)))

    async def is_blank(self, person_id: str) -> bool:
        """Whether nothing at all is stored about this person but who they are."""
        found = union_all(
            select(workspaces.c.id.label("id")).where(workspaces.c.creator_id == person_id),
            select(grants.c.workspace_id).where(or_(_to([person_id]), grants.c.created_by == person_id)),
            select(invitations.c.workspace_id).where(invitations.c.created_by == person_id),
            select(audit.c.actor_id).where(or_(audit.c.actor_id == person_id, audit.c.subject_key == person_id)),
            *(select(table.c.workspace_id).where(table.c.person_id == person_id) for table in _OF_A_PERSON),
        ).subquery()
        return await self._row(select(found.c.id).limit(1)) is None

    async def hold_people(self, people: Collection[StoredPerson], performer_id: str) -> None:
        """Keep these people, and everything that names them or that they created, from being changed by anybody else
        until the commit. *performer_id* is who gets what they created. Raises Conflict where somebody is no longer who
        they were or something came between: nothing was changed, and trying again makes sense.

        Workspaces come first and in the order of their ids, then persons in the order of theirs: whoever takes several
        locks takes them in this order, so that nobody waits in a circle.
        """
        ids = [person.id for person in people]
        around = await self._around(ids)
        for workspace_id in sorted(around):
            await self._lock(workspace_id)
        held = {person_id: await self._hold(person_id, performer_id) for person_id in sorted({*ids, performer_id})}
        if any(held[person.id] != person for person in people) or await self._around(ids) != around:
            raise Conflict("Somebody changed something about this person at the same time.")

    async def _hold(self, person_id: str, performer_id: str) -> StoredPerson | None:
        # Whoever is to be anonymised must not be referred to anew meanwhile; the performer only has to stay.
        is_performer = person_id == performer_id
        query = select(persons).where(persons.c.id == person_id)
        row = (await self._change(query.with_for_update(read=is_performer, key_share=is_performer))).first()
        return None if row is None else person_of(row)

    async def _around(self, person_ids: Collection[str]) -> set[str]:
        """The ids of every workspace and home that these people created or in which something is about them."""
        reached = union(
            select(workspaces.c.id.label("id")).where(workspaces.c.creator_id.in_(person_ids)),
            select(grants.c.workspace_id).where(_to(person_ids)),
            select(invitations.c.workspace_id).where(invitations.c.created_by.in_(person_ids)),
            *(select(table.c.workspace_id).where(table.c.person_id.in_(person_ids)) for table in (requests, entries)),
        ).subquery()
        return {row.id for row in await self._rows(select(reached.c.id))}

    async def _ids(self, condition: ColumnElement[bool]) -> list[str]:
        return [row.id for row in await self._rows(select(workspaces.c.id).where(condition))]

    async def move_workspaces(self, from_id: str, to_id: str) -> int:
        """Make the person with the id *to_id* the Creator of all that *from_id* created, in place of whatever names
        them there. Answers how many grants that were. Call hold_people() before.

        Copies that have no files yet get none any more: whether *from_id* might still have had them is no longer known,
        and that *to_id* may is no reason to show them to everybody in the copy.
        """
        moving = [workspace.id for workspace in await self.list_created_by([from_id])]
        removed = 0
        for workspace_id in moving:
            await self._lock(workspace_id)
            dropped = await self._change(delete(grants).where(grants.c.workspace_id == workspace_id, _to([to_id])))
            removed += dropped.rowcount
            for table in (requests, blocks):
                mine = (table.c.workspace_id == workspace_id, table.c.person_id == to_id)
                await self._change(delete(table).where(*mine))
            await self._change(update(workspaces).where(workspaces.c.id == workspace_id).values(creator_id=to_id))
        waiting = (workspaces.c.id.in_(moving), workspaces.c.copied_from.is_not(None))
        await self._change(update(workspaces).where(*waiting).values(copied_from=NO_SOURCE))
        return removed

    async def forget_person(self, person_id: str, pseudonym: str, at: datetime) -> None:
        """Remove all that is about this person (grants that name them, marks, requests, entries, blocks, their home,
        the addresses they came from), revoke their invitations at *at*, and have them known as *pseudonym* from now on.
        What they gave to others, and what is recorded of them, stays. Move what they created first, and call
        hold_people() before that."""
        await self._change(delete(grants).where(_to([person_id])))
        for table in _OF_A_PERSON:
            await self._change(delete(table).where(table.c.person_id == person_id))
        await self._change(delete(workspaces).where(workspaces.c.is_home, workspaces.c.creator_id == person_id))
        theirs = (invitations.c.created_by == person_id, invitations.c.revoked_at.is_(None))
        await self._change(update(invitations).where(*theirs).values(revoked_at=at))
        await self._change(update(audit).where(audit.c.actor_id == person_id).values(address=None))
        await self._change(update(persons).where(persons.c.id == person_id).values(name=pseudonym, hub_created=NO_TIME))


def _to(person_ids: Collection[str]) -> ColumnElement[bool]:
    return and_(grants.c.principal_kind == PrincipalKind.USER, grants.c.principal_key.in_(person_ids))
