"""Grants: who is named in a workspace, with which role."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, insert, select, update

from coterie.policy import DIRECT, Person, Principal, PrincipalKind, Role
from coterie.store.columns import in_utc, is_storable
from coterie.store.records import StoredGrant
from coterie.store.tables import grants
from coterie.store.transaction.statements import Statements


class Grants(Statements):
    """What a transaction can do with grants."""

    async def list_grants(self, workspace_id: str) -> list[StoredGrant]:
        """All grants of this workspace, the oldest first; none for a workspace that does not exist."""
        order = (grants.c.created_at, grants.c.principal_kind, grants.c.principal_key, grants.c.source)
        rows = await self._rows(select(grants).where(grants.c.workspace_id == workspace_id).order_by(*order))
        return [grant_of(row) for row in rows]

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
        workspace or person, Malformed, and Conflict for the role of the Creator.
        """
        await self._lock(workspace_id)
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
