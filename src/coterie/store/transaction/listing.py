"""One person's list of workspaces: three queries, however long the list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, union_all

from coterie import policy
from coterie.policy import DIRECT, GeneralAccess, Person
from coterie.store.records import Cursor, ListedWorkspace, StoredGrant, StoredPerson
from coterie.store.tables import blocks, favourites, grants, persons, visits, workspaces
from coterie.store.transaction.grants import grant_of, ways_to
from coterie.store.transaction.persons import person_of
from coterie.store.transaction.statements import Statements
from coterie.store.transaction.workspaces import workspace_of


class Listing(Statements):
    """What a transaction can list for a person."""

    async def list_workspaces(
        self, person: Person, *, at: datetime, after: str | None = None, limit: int
    ) -> list[ListedWorkspace]:
        """The workspaces that belong in the sidebar of *person* at the instant *at*, the newest first.

        Those the person created, those with a grant that counts and reaches the person, and the Global ones; neither
        homes nor what only a link or the office of an administrator opens. *after* is the ``cursor`` of an earlier
        item, None for the beginning; ask for one more than is needed to know whether the list goes on. Raises
        Malformed for another text.
        """
        creators = persons.alias("creators")
        query = (
            select(
                workspaces,
                creators.c.name.label("creator_name"),
                creators.c.hub_created.label("creator_hub_created"),
                favourites.c.person_id.is_not(None).label("is_favourite"),
                visits.c.person_id.is_not(None).label("is_visited"),
                _is_blocked(person).label("is_blocked"),
            )
            .join(creators, creators.c.id == workspaces.c.creator_id)
            .outerjoin(
                favourites,
                and_(favourites.c.workspace_id == workspaces.c.id, favourites.c.person_id == person.id),
            )
            .outerjoin(visits, and_(visits.c.workspace_id == workspaces.c.id, visits.c.person_id == person.id))
            # By id, so that each way to the person uses its own index instead of walking all workspaces.
            .where(workspaces.c.id.in_(_reaching(person, at)), ~workspaces.c.is_home)
            .order_by(workspaces.c.created_at.desc(), workspaces.c.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(_behind(Cursor.parse(after)))
        rows = await self._rows(query)
        granted = await self._list_grants_reaching(person, [row.id for row in rows])
        givers = await self._list_givers(granted.values())
        return [
            ListedWorkspace(
                workspace=workspace_of(row),
                creator=StoredPerson(row.creator_id, row.creator_name, row.creator_hub_created),
                facts=policy.Workspace(
                    creator=row.creator_id,
                    general_access=row.general_access,
                    session=row.session,
                    grants=tuple(grant.fact for grant in granted[row.id]),
                    blocked=frozenset({person.id} if row.is_blocked else ()),
                ),
                is_favourite=bool(row.is_favourite),
                is_visited=bool(row.is_visited),
                given_by=givers[granted[row.id][-1].created_by] if granted[row.id] else None,
            )
            for row in rows
        ]

    async def _list_grants_reaching(self, person: Person, ids: list[str]) -> dict[str, list[StoredGrant]]:
        """The oldest first."""
        found: dict[str, list[StoredGrant]] = defaultdict(list)
        if ids:
            query = select(grants).where(grants.c.workspace_id.in_(ids), or_(*ways_to(person)))
            for row in await self._rows(query.order_by(grants.c.created_at)):
                found[row.workspace_id].append(grant_of(row))
        return found

    async def _list_givers(self, granted: Iterable[list[StoredGrant]]) -> dict[str, StoredPerson]:
        ids = {youngest.created_by for *_, youngest in granted}
        rows = await self._rows(select(persons).where(persons.c.id.in_(ids))) if ids else []
        return {row.id: person_of(row) for row in rows}


def _reaching(person: Person, at: datetime) -> Select[tuple[str]]:
    """The ids of what reaches *person* at the instant *at*."""
    created = select(workspaces.c.id).where(workspaces.c.creator_id == person.id)
    everybodys = select(workspaces.c.id).where(workspaces.c.general_access == GeneralAccess.GLOBAL)
    counting = (
        or_(grants.c.expires_at.is_(None), grants.c.expires_at > at),
        or_(grants.c.session.is_(None), grants.c.session == workspaces.c.session),
        or_(grants.c.source == DIRECT, ~_is_blocked(person)),
    )
    granted = [
        select(workspaces.c.id).join(grants, grants.c.workspace_id == workspaces.c.id).where(way, *counting)
        for way in ways_to(person)
    ]
    reaching = union_all(created, everybodys, *granted).subquery()
    return select(reaching.c.id)


def _is_blocked(person: Person) -> ColumnElement[bool]:
    return exists().where(blocks.c.workspace_id == workspaces.c.id, blocks.c.person_id == person.id)


def _behind(cursor: Cursor) -> ColumnElement[bool]:
    return or_(
        workspaces.c.created_at < cursor.created_at,
        and_(workspaces.c.created_at == cursor.created_at, workspaces.c.id > cursor.id),
    )
