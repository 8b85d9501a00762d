"""One person's list of workspaces: at most three queries, however long the list."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, exists, not_, or_, select, true, union_all

from coterie import policy
from coterie.policy import DIRECT, GeneralAccess, Person
from coterie.store.columns import folded, is_storable
from coterie.store.errors import NotFound
from coterie.store.records import Cursor, ListedWorkspace, Section, StoredGrant, StoredPerson
from coterie.store.tables import blocks, favourites, grants, persons, visits, workspaces
from coterie.store.transaction.grants import grant_of, grants_reaching, ways_to
from coterie.store.transaction.persons import person_of
from coterie.store.transaction.statements import Statements
from coterie.store.transaction.workspaces import workspace_of

#: What a home is called besides its owner's name, folded.
_HOME = folded("Home of ")


class Listing(Statements):
    """What a transaction can list for a person."""

    async def list_workspaces(
        self,
        person: Person,
        *,
        at: datetime,
        after: str | None = None,
        limit: int,
        q: str = "",
        section: Section | None = None,
    ) -> list[ListedWorkspace]:
        """The workspaces that belong in the sidebar of *person* at the instant *at*, the newest first.

        Those the person created, those with a grant that counts and reaches the person, homes among them, and the
        Global ones; neither the person's own home nor what only a link or the office of an administrator opens. With
        *q* those alone whose name has it somewhere, whatever the case; with *section* those of that section alone.
        *after* is the ``cursor`` of an earlier item, None for the beginning; ask for one more than is needed to know
        whether the list goes on. Raises Malformed for another text.
        """
        behind = [] if after is None else [_behind(Cursor.parse(after))]
        if not is_storable(q):
            return []
        reaching = union_all(_created(person), _everybodys(), *_granted(person, at)).subquery()
        query = (
            _listed(person)
            # By id, so that each way to the person uses its own index instead of walking all workspaces.
            .where(workspaces.c.id.in_(select(reaching.c.id)), not_(_is_own_home(person)), *behind)
            .order_by(workspaces.c.created_at.desc(), workspaces.c.id)
            .limit(limit)
        )
        if q:
            called = case((workspaces.c.is_home, _HOME + workspaces.c.name_folded), else_=workspaces.c.name_folded)
            query = query.where(called.contains(folded(q), autoescape=True))
        if section is not None:
            query = query.where(*_in_section(section, person, at))
        return await self._complete(person, await self._rows(query), at)

    async def get_listed(self, workspace_id: str, person: Person, *, at: datetime) -> ListedWorkspace:
        """This workspace or home as an item of *person*'s list would be, whether the list has it or not. Raises
        NotFound."""
        rows = await self._rows(_listed(person).where(workspaces.c.id == workspace_id))
        if not rows:
            raise NotFound("There is no such workspace.")
        return (await self._complete(person, rows, at))[0]

    async def _complete(self, person: Person, rows: list[Row[Any]], at: datetime) -> list[ListedWorkspace]:
        """The items of *rows*, with the grants that reach *person* in each."""
        granted = await self._list_grants_reaching(person, [row.id for row in rows])
        given = {row.id: _given_by_others(person, granted[row.id], row, at) for row in rows}
        givers = await self._list_givers({grants[-1].created_by for grants in given.values() if grants})
        return [
            ListedWorkspace(
                workspace=workspace_of(row),
                creator=StoredPerson(row.creator_id, row.creator_name, row.creator_hub_created),
                facts=policy.Workspace(
                    creator=row.creator_id,
                    general_access=row.general_access,
                    is_home=row.is_home,
                    session=row.session,
                    grants=tuple(grant.fact for grant in granted[row.id]),
                    blocked=frozenset({person.id} if row.is_blocked else ()),
                ),
                is_favourite=bool(row.is_favourite),
                is_visited=bool(row.is_visited),
                given_by=givers[given[row.id][-1].created_by] if given[row.id] else None,
            )
            for row in rows
        ]

    async def _list_grants_reaching(self, person: Person, ids: list[str]) -> dict[str, list[StoredGrant]]:
        """The oldest first."""
        found: dict[str, list[StoredGrant]] = defaultdict(list)
        if ids:
            query = grants_reaching(person, grants.c.workspace_id.in_(ids))
            for row in await self._rows(query.order_by("created_at")):
                found[row.workspace_id].append(grant_of(row))
        return found

    async def _list_givers(self, ids: set[str]) -> dict[str, StoredPerson]:
        rows = await self._rows(select(persons).where(persons.c.id.in_(ids))) if ids else []
        return {row.id: person_of(row) for row in rows}


def _listed(person: Person) -> Select[Any]:
    """Workspaces with what an item of *person*'s list says besides."""
    creators = persons.alias("creators")
    mine = {
        table: and_(table.c.workspace_id == workspaces.c.id, table.c.person_id == person.id)
        for table in (favourites, visits)
    }
    return (
        select(
            workspaces,
            creators.c.name.label("creator_name"),
            creators.c.hub_created.label("creator_hub_created"),
            favourites.c.person_id.is_not(None).label("is_favourite"),
            visits.c.person_id.is_not(None).label("is_visited"),
            _is_blocked(person).label("is_blocked"),
        )
        .join(creators, creators.c.id == workspaces.c.creator_id)
        .outerjoin(favourites, mine[favourites])
        .outerjoin(visits, mine[visits])
    )


def _created(person: Person) -> Select[tuple[str]]:
    return select(workspaces.c.id).where(workspaces.c.creator_id == person.id)


def _is_own_home(person: Person) -> ColumnElement[bool]:
    return and_(workspaces.c.is_home, workspaces.c.creator_id == person.id)


def _everybodys() -> Select[tuple[str]]:
    return select(workspaces.c.id).where(workspaces.c.general_access == GeneralAccess.GLOBAL)


def _granted(person: Person, at: datetime) -> list[Select[tuple[str]]]:
    """The ids of what grants open to *person* at the instant *at*, one query for each kind of principal."""
    counting = (
        or_(grants.c.expires_at.is_(None), grants.c.expires_at > at),
        or_(grants.c.session.is_(None), grants.c.session == workspaces.c.session),
        or_(grants.c.source == DIRECT, ~_is_blocked(person)),
    )
    return [
        select(workspaces.c.id).join(grants, grants.c.workspace_id == workspaces.c.id).where(way, *counting)
        for way in ways_to(person)
    ]


def _in_section(section: Section, person: Person, at: datetime) -> list[ColumnElement[bool]]:
    """What makes a workspace that reaches *person* one of *section*. The first section that fits has it."""
    is_archived = workspaces.c.archived_at.is_not(None)
    is_favourite = favourites.c.person_id.is_not(None)
    is_mine = workspaces.c.creator_id == person.id
    granted = union_all(*_granted(person, at)).subquery()
    fits = {
        Section.ARCHIVED: is_archived,
        Section.FAVOURITES: is_favourite,
        Section.MINE: is_mine,
        Section.SHARED: workspaces.c.id.in_(select(granted.c.id)),
        Section.GLOBAL: true(),
    }
    earlier = list(Section)[: list(Section).index(section)]
    return [fits[section], *(not_(fits[each]) for each in earlier)]


def _given_by_others(person: Person, granted: list[StoredGrant], row: Row[Any], at: datetime) -> list[StoredGrant]:
    """Those of *granted* that count in the workspace of *row* and that somebody else made."""
    return [
        grant
        for grant in granted
        if grant.created_by != person.id
        and grant.fact.counts(session=row.session, at=at)
        and (grant.source == DIRECT or not row.is_blocked)
    ]


def _is_blocked(person: Person) -> ColumnElement[bool]:
    return exists().where(blocks.c.workspace_id == workspaces.c.id, blocks.c.person_id == person.id)


def _behind(cursor: Cursor) -> ColumnElement[bool]:
    return or_(
        workspaces.c.created_at < cursor.created_at,
        and_(workspaces.c.created_at == cursor.created_at, workspaces.c.id > cursor.id),
    )
