"""Invitations: secret links of which the store keeps a digest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select, update

from coterie.policy import Role
from coterie.store.columns import in_utc, is_storable
from coterie.store.ids import new_id
from coterie.store.records import StoredInvitation
from coterie.store.tables import invitations
from coterie.store.transaction.statements import Statements


class Invitations(Statements):
    """What a transaction can do with invitations."""

    async def add_invitation(
        self,
        workspace_id: str,
        digest: str,
        role: Role,
        *,
        for_session: bool,
        max_uses: int | None,
        expires_at: datetime,
        by: str,
        at: datetime,
    ) -> StoredInvitation:
        """A new invitation, whose secret has this *digest* (SHA-256, hexadecimal), by the person with the id *by*.
        Raises NotFound for an unknown workspace and for a person who has been anonymised."""
        await self._lock(workspace_id)
        await self._insist_known(by)
        added = StoredInvitation(
            id=new_id(),
            workspace_id=workspace_id,
            role=role,
            for_session=for_session,
            max_uses=max_uses,
            uses=0,
            expires_at=in_utc(expires_at),
            revoked_at=None,
            created_at=in_utc(at),
            created_by=by,
        )
        await self._change(insert(invitations).values(asdict(added) | {"digest": digest}))
        return added

    async def find_invitation(self, digest: str) -> StoredInvitation | None:
        """The invitation whose secret has this digest, also one that no longer works; None where there is none."""
        row = await self._row(select(invitations).where(invitations.c.digest == digest))
        return None if row is None else _invitation_of(row)

    async def list_invitations(self, workspace_id: str, at: datetime) -> list[StoredInvitation]:
        """Those of this workspace that are neither revoked nor run out at the instant *at*, the oldest first."""
        query = select(invitations).where(invitations.c.workspace_id == workspace_id, *working(at))
        rows = await self._rows(query.order_by(invitations.c.created_at, invitations.c.id))
        return [_invitation_of(row) for row in rows]

    async def count_invitations_by(self, person_ids: Collection[str], at: datetime) -> int:
        """How many that one of these people made, in any workspace or home, work at the instant *at*."""
        count = select(func.count().label("count_")).select_from(invitations)
        row = await self._row(count.where(invitations.c.created_by.in_(person_ids), *working(at)))
        return 0 if row is None else int(row.count_)

    async def count_use(self, invitation: StoredInvitation) -> None:
        """One more person has accepted it. Raises NotFound for an unknown workspace."""
        await self._lock(invitation.workspace_id)
        await self._change(
            update(invitations).where(invitations.c.id == invitation.id).values(uses=invitations.c.uses + 1)
        )

    async def revoke_invitations(self, workspace_id: str, at: datetime, *, id_: str | None = None) -> int:
        """Have those of this workspace that still work, or the one with the id *id_* alone, work no longer. Answers how
        many that were. Raises NotFound for an unknown workspace."""
        await self._lock(workspace_id)
        if id_ is not None and not is_storable(id_):
            return 0
        mine = [invitations.c.workspace_id == workspace_id, *working(at)]
        if id_ is not None:
            mine.append(invitations.c.id == id_)
        revoked = await self._change(update(invitations).where(*mine).values(revoked_at=in_utc(at)))
        return revoked.rowcount


def working(at: datetime) -> list[ColumnElement[bool]]:
    """What holds for an invitation that is neither revoked nor run out at the instant *at*."""
    return [invitations.c.revoked_at.is_(None), invitations.c.expires_at > in_utc(at)]


def _invitation_of(row: Row[Any]) -> StoredInvitation:
    return StoredInvitation(
        id=row.id,
        workspace_id=row.workspace_id,
        role=row.role,
        for_session=row.for_session,
        max_uses=row.max_uses,
        uses=row.uses,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        created_at=row.created_at,
        created_by=row.created_by,
    )
