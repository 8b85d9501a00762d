"""Requests: who asks to be let into a workspace."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, func, or_, select

from coterie.policy import DIRECT, PrincipalKind, Role
from coterie.store.records import StoredRequest
from coterie.store.tables import grants, requests
from coterie.store.transaction.statements import Statements


class Requests(Statements):
    """What a transaction can do with requests."""

    async def add_request(self, workspace_id: str, person_id: str, note: str, at: datetime) -> bool:
        """The person asks to be let in. Answers False, and keeps the first, where one is waiting already. Raises
        NotFound for what is not stored, and Malformed."""
        await self._lock(workspace_id)
        return await self._add_unless_there(requests, workspace_id=workspace_id, person_id=person_id, note=note, at=at)

    async def remove_request(self, workspace_id: str, person_id: str) -> bool:
        """Forget the person's request. Answers whether there was one. Raises NotFound for an unknown workspace."""
        await self._lock(workspace_id)
        removed = await self._change(
            delete(requests).where(requests.c.workspace_id == workspace_id, requests.c.person_id == person_id)
        )
        return removed.rowcount == 1

    async def list_requests(self, workspace_id: str) -> list[StoredRequest]:
        """All that wait in this workspace, the oldest first."""
        query = select(requests).where(requests.c.workspace_id == workspace_id)
        return [_request_of(row) for row in await self._rows(query.order_by(requests.c.at, requests.c.person_id))]

    async def roles_by_name(self, workspace_id: str, at: datetime) -> dict[str, Role]:
        """Of those who wait in this workspace and have a role here by name at the instant *at*: the role, by the
        person's id."""
        is_theirs = and_(
            grants.c.workspace_id == requests.c.workspace_id,
            grants.c.principal_kind == PrincipalKind.USER,
            grants.c.principal_key == requests.c.person_id,
            grants.c.source == DIRECT,
            or_(grants.c.expires_at.is_(None), grants.c.expires_at > at),
        )
        query = select(requests.c.person_id, grants.c.role).join(grants, is_theirs)
        rows = await self._rows(query.where(requests.c.workspace_id == workspace_id))
        return {row.person_id: row.role for row in rows}

    async def count_requests(self, workspace_ids: list[str]) -> dict[str, int]:
        """How many wait in each of these workspaces; those without any are left out."""
        if not workspace_ids:
            return {}
        count = func.count().label("count_")
        query = select(requests.c.workspace_id, count).where(requests.c.workspace_id.in_(workspace_ids))
        rows = await self._rows(query.group_by(requests.c.workspace_id))
        return {row.workspace_id: int(row.count_) for row in rows}


def _request_of(row: Row[Any]) -> StoredRequest:
    return StoredRequest(row.workspace_id, row.person_id, row.note, row.at)
