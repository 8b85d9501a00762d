"""Grants: who is named in a workspace, with which role."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    String,
    and_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    union_all,
    update,
)

from coterie.policy import DIRECT, Person, Principal, PrincipalKind, Role
from coterie.store.columns import Exact, Instant, in_utc, is_storable
from coterie.store.records import GrantPlace, StoredGrant
from coterie.store.tables import blocks, grants, persons, workspaces
from coterie.store.transaction.statements import Statements

#: The order of the list of a workspace's grants.
_ORDER = (grants.c.created_at, grants.c.principal_kind, grants.c.principal_key, grants.c.source)


class Grants(Statements):
    """What a transaction can do with grants."""

    async def list_grants(
        self,
        workspace_id: str,
        *,
        after: GrantPlace | None = None,
        limit: int | None = None,
        matching: str = "",
        of_guests: bool | None = None,
    ) -> list[StoredGrant]:
        """The grants of this workspace, the oldest first, but for those of sessions that are over; none for a workspace
        that does not exist.

        At most *limit* of those behind the place *after*, whose principal's name has *matching* in it, without regard
        to the case of ASCII letters. With *of_guests* those of guests alone, or (False) all others.
        """
        running = select(workspaces.c.session).where(workspaces.c.id == workspace_id).scalar_subquery()
        query = select(grants).where(
            grants.c.workspace_id == workspace_id, or_(grants.c.session.is_(None), grants.c.session == running)
        )
        query = query.order_by(*_ORDER).limit(limit)
        if of_guests is not None:
            query = query.where(grants.c.source != DIRECT if of_guests else grants.c.source == DIRECT)
        if after is not None:
            place = (literal(after.created_at, Instant()), literal(after.kind, String()))
            key = (literal(after.principal_key, Exact()), literal(after.source, Exact()))
            query = query.where(tuple_(*_ORDER) > tuple_(*place, *key))
        if matching:
            name = func.coalesce(persons.c.name, grants.c.principal_key)
            is_user = and_(grants.c.principal_kind == PrincipalKind.USER, grants.c.principal_key == persons.c.id)
            query = query.outerjoin(persons, is_user)
            pattern = "".join(f"/{char}" if char in "/%_" else char for char in matching)
            query = query.where(func.lower(name).like(func.lower(f"%{pattern}%"), escape="/"))
        return [grant_of(row) for row in await self._rows(query)]

    async def list_grants_naming(
        self, workspace_id: str, kind: PrincipalKind, names: Collection[str]
    ) -> list[StoredGrant]:
        """The grants of this workspace to principals of this *kind* with one of these *names*, whatever they come from;
        a user is looked up by name, so that several people who were called the same are found."""
        keys = [name for name in names if is_storable(name)]
        is_named = grants.c.principal_key.in_(keys)
        if kind is PrincipalKind.USER:
            is_named = grants.c.principal_key.in_(select(persons.c.id).where(persons.c.name.in_(keys)))
        query = select(grants).where(grants.c.workspace_id == workspace_id, grants.c.principal_kind == kind, is_named)
        return [grant_of(row) for row in await self._rows(query.order_by(*_ORDER))]

    async def find_grant(self, workspace_id: str, principal: Principal) -> StoredGrant | None:
        """The direct grant of *principal*, also one that has expired."""
        if not is_storable(principal.key):
            return None
        row = await self._row(select(grants).where(*_names(workspace_id, principal, source=DIRECT)))
        return None if row is None else grant_of(row)

    async def find_next_end(self, workspace_id: str, after: datetime) -> datetime | None:
        """When the first grant ends that ends later than *after*; None where none will."""
        ends = func.min(grants.c.expires_at).label("at")
        row = await self._row(
            select(ends).where(grants.c.workspace_id == workspace_id, grants.c.expires_at > in_utc(after))
        )
        return None if row is None else row.at

    async def hold(self, workspace_id: str) -> None:
        """Wait until nobody else changes this workspace, and keep it so until the commit. What was read before may
        be old by then. Raises NotFound."""
        await self._lock(workspace_id)

    async def put_grant(
        self,
        workspace_id: str,
        principal: Principal,
        role: Role,
        *,
        expires_at: datetime | None,
        by: str,
        at: datetime,
    ) -> StoredGrant:
        """Set the direct grant of *principal*, by the person with the id *by*.

        Where there is one already that has not expired, it keeps its ``created_at``. Raises NotFound for an unknown
        workspace or person and for one who has been anonymised, Malformed, and Conflict for the role of the Creator.
        """
        await self._lock(workspace_id)
        if principal.kind is PrincipalKind.USER and is_storable(principal.key):
            await self._insist_known(principal.key)
        mine = _names(workspace_id, principal, source=DIRECT)
        before = await self._row(select(grants).where(*mine))
        is_alive = before is not None and (before.expires_at is None or at < before.expires_at)
        granted = StoredGrant(
            workspace_id=workspace_id,
            principal=principal,
            role=role,
            source=DIRECT,
            session=None,
            expires_at=None if expires_at is None else in_utc(expires_at),
            created_at=before.created_at if before is not None and is_alive else in_utc(at),
            created_by=by,
        )
        changing = {
            "role": granted.role,
            "expires_at": granted.expires_at,
            "created_at": granted.created_at,
            "created_by": granted.created_by,
        }
        if before is not None:
            await self._change(update(grants).where(*mine).values(changing))
        else:
            fixed = {
                "workspace_id": workspace_id,
                "principal_kind": principal.kind,
                "principal_key": principal.key,
                "source": DIRECT,
            }
            await self._change(insert(grants).values(fixed | changing))
        return granted

    async def copy_access(self, from_id: str, to_id: str, *, but: Principal, by: str, at: datetime) -> None:
        """Give the workspace *to_id*, which is new, the direct grants of *from_id* that count at *at*, as given by the
        person with the id *by* now, and its blocks. What names *but* is left out. Raises NotFound."""
        await self._lock(to_id)
        kept = (grants.c.principal_kind, grants.c.principal_key, grants.c.role, grants.c.source, grants.c.expires_at)
        fresh = {grants.c.workspace_id: to_id, grants.c.created_at: in_utc(at), grants.c.created_by: by}
        counting = select(*kept, *(literal(value, column.type) for column, value in fresh.items())).where(
            grants.c.workspace_id == from_id,
            grants.c.source == DIRECT,
            or_(grants.c.expires_at.is_(None), grants.c.expires_at > in_utc(at)),
            or_(grants.c.principal_kind != but.kind, grants.c.principal_key != but.key),
        )
        await self._change(insert(grants).from_select([*kept, *fresh], counting))
        blocked = select(literal(to_id, blocks.c.workspace_id.type), blocks.c.person_id).where(
            blocks.c.workspace_id == from_id, blocks.c.person_id != by
        )
        await self._change(insert(blocks).from_select([blocks.c.workspace_id, blocks.c.person_id], blocked))

    async def remove_grants(self, workspace_id: str, principal: Principal) -> int:
        """Remove all that name *principal* here, whatever they come from. Answers how many. Raises NotFound for an
        unknown workspace."""
        await self._lock(workspace_id)
        if not is_storable(principal.key):
            return 0
        removed = await self._change(delete(grants).where(*_names(workspace_id, principal)))
        return removed.rowcount


def _names(workspace_id: str, principal: Principal, source: str | None = None) -> list[ColumnElement[bool]]:
    conditions = [
        grants.c.workspace_id == workspace_id,
        grants.c.principal_kind == principal.kind,
        grants.c.principal_key == principal.key,
    ]
    return conditions if source is None else [*conditions, grants.c.source == source]


def ways_to(person: Person) -> list[ColumnElement[bool]]:
    """How a grant can name *person*, one condition per kind of principal."""

    def names(kind: PrincipalKind, keys: Iterable[str]) -> ColumnElement[bool]:
        storable = [key for key in keys if is_storable(key)]
        return and_(grants.c.principal_kind == kind, grants.c.principal_key.in_(storable))

    return [
        names(PrincipalKind.USER, [person.id]),
        names(PrincipalKind.RIGHT, sorted(person.rights)),
        names(PrincipalKind.GROUP, sorted(person.groups)),
    ]


def grants_reaching(person: Person, *conditions: ColumnElement[bool]) -> Select[Any]:
    """The grants under these *conditions* that name *person*.

    Each way is a question of its own, so that each uses the index of what it looks for: joined by OR, they would have
    every grant of a workspace read.
    """
    found = union_all(*(select(grants).where(*conditions, way) for way in ways_to(person))).subquery()
    return select(found)


def grant_of(row: Row[Any]) -> StoredGrant:
    """The grant in a row of ``grants``."""
    return StoredGrant(
        workspace_id=row.workspace_id,
        principal=Principal(row.principal_kind, row.principal_key),
        role=row.role,
        source=row.source,
        session=row.session,
        expires_at=row.expires_at,
        created_at=row.created_at,
        created_by=row.created_by,
    )
