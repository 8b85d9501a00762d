"""Persons: who the Hub's names stand for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, func, or_, select, union, update

from coterie.policy import PrincipalKind
from coterie.store.columns import folded, is_storable
from coterie.store.errors import NotFound
from coterie.store.ids import is_id, new_id
from coterie.store.records import StoredPerson
from coterie.store.tables import entries, grants, outbox, persons, workspaces
from coterie.store.transaction.statements import Statements


class Persons(Statements):
    """What a transaction can do with persons."""

    async def see_person(self, name: str, hub_created: datetime) -> StoredPerson:
        """The person whom the Hub calls *name* since *hub_created*; added if never seen. Raises Malformed."""
        await self._add_unless_there(persons, id=new_id(), name=name, hub_created=hub_created)
        query = select(persons).where(persons.c.name == name, persons.c.hub_created == hub_created)
        row = await self._row(query)
        if row is None:
            raise NotFound("There is no such person any more.")
        return person_of(row)

    async def find_person_named(self, name: str, hub_created: datetime) -> StoredPerson | None:
        """The person whom the Hub calls *name* since *hub_created*, None if never seen. Enough in reading()."""
        if not is_storable(name):
            return None
        row = await self._row(select(persons).where(persons.c.name == name, persons.c.hub_created == hub_created))
        return None if row is None else person_of(row)

    async def list_people_since(self, hub_created: datetime) -> list[StoredPerson]:
        """Everybody whose account the Hub made at this very instant, by name. Enough in reading()."""
        query = select(persons).where(persons.c.hub_created == hub_created).order_by(persons.c.name)
        return [person_of(row) for row in await self._rows(query)]

    async def rename_person(self, person: StoredPerson, name: str) -> bool:
        """The Hub has given the account of *person* another *name*: their home goes by it too, and the home of whoever
        bore it before is gone. Answers False, and changes nothing, where *person* is stored otherwise by now. Raises
        Conflict where somebody is known by this name and instant already, and Malformed."""
        homes = select(workspaces.c.id).where(
            workspaces.c.is_home, or_(workspaces.c.creator_id == person.id, workspaces.c.account == name)
        )
        for row in await self._rows(homes.order_by(workspaces.c.id)):
            await self._lock(row.id)
        is_still_so = (persons.c.id == person.id, persons.c.name == person.name)
        renamed = await self._change(
            update(persons).where(*is_still_so, persons.c.hub_created == person.hub_created).values(name=name)
        )
        if renamed.rowcount != 1:
            return False
        is_theirs = workspaces.c.creator_id == person.id
        await self._change(delete(workspaces).where(workspaces.c.is_home, workspaces.c.account == name, ~is_theirs))
        await self._change(
            update(workspaces)
            .where(workspaces.c.is_home, is_theirs)
            .values(account=name, name=name, name_folded=folded(name))
        )
        return True

    async def search_people(self, text: str, *, limit: int) -> list[StoredPerson]:
        """At most *limit* people whose name has *text* in it, whatever the case of ASCII letters, by name and then by
        account, the earliest first."""
        if not is_storable(text):
            return []
        query = select(persons).where(func.lower(persons.c.name).contains(text.lower(), autoescape=True))
        query = query.order_by(persons.c.name, persons.c.hub_created).limit(limit)
        return [person_of(row) for row in await self._rows(query)]

    async def get_people(self, ids: Iterable[str]) -> dict[str, StoredPerson]:
        """The persons with these ids, by id. Raises NotFound if one of them is not stored."""
        wanted = set(ids)
        rows = await self._rows(select(persons).where(persons.c.id.in_(wanted))) if wanted else []
        if len(rows) != len(wanted):
            raise NotFound("One of these persons is not stored.")
        return {row.id: person_of(row) for row in rows}

    async def list_people_known_in(self, workspace_id: str, ids: Iterable[str]) -> list[StoredPerson]:
        """Those of the persons with these ids who stand in anything that is recorded of this workspace or home, by
        name: its creator, whom a grant names or was given by, who opened it, and whoever an event was about."""
        wanted = {person_id for person_id in ids if is_id(person_id)}
        if not wanted:
            return []
        query = select(persons).where(persons.c.id.in_(wanted), persons.c.id.in_(_known_in(workspace_id)))
        return [person_of(row) for row in await self._rows(query.order_by(persons.c.name, persons.c.id))]


def _known_in(workspace_id: str) -> Select[tuple[str]]:
    is_user_of_grant = grants.c.principal_kind == PrincipalKind.USER
    is_user_of_event = outbox.c.principal_kind == PrincipalKind.USER
    known = union(
        select(workspaces.c.creator_id.label("id")).where(workspaces.c.id == workspace_id),
        select(grants.c.created_by).where(grants.c.workspace_id == workspace_id),
        select(grants.c.principal_key).where(grants.c.workspace_id == workspace_id, is_user_of_grant),
        select(entries.c.person_id).where(entries.c.workspace_id == workspace_id),
        select(outbox.c.principal_key).where(outbox.c.workspace_id == workspace_id, is_user_of_event),
    ).subquery()
    return select(known.c.id)


def person_of(row: Row[Any]) -> StoredPerson:
    """The person in a row of ``persons``."""
    return StoredPerson(row.id, row.name, row.hub_created)
