"""Persons: who the Hub's names stand for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select, union

from coterie.policy import PrincipalKind
from coterie.store.columns import is_storable
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
