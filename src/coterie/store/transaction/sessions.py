"""Sessions: which run of its server a workspace or home is in. A session is known from
when its gate reports until it ends."""

from __future__ import annotations

from sqlalchemy import select, update

from coterie.store.records import StoredWorkspace
from coterie.store.tables import workspaces
from coterie.store.transaction.statements import Statements
from coterie.store.transaction.workspaces import workspace_of


class Sessions(Statements):
    """What a transaction can do with sessions."""

    async def report_session(self, workspace_id: str, session: str) -> bool:
        """The gate of this session is up; the session takes the place of any other. Answers whether that is news.
        Raises NotFound."""
        await self._lock(workspace_id)
        reported = await self._change(
            update(workspaces)
            .where(
                workspaces.c.id == workspace_id,
                workspaces.c.session.is_distinct_from(session),
            )
            .values(session=session)
        )
        return reported.rowcount == 1

    async def end_session(self, workspace_id: str, session: str) -> bool:
        """This session is over. Answers False, and changes nothing, where it is not the current one any more."""
        self._refuse_late(workspace_id)
        ended = await self._change(
            update(workspaces)
            .where(workspaces.c.id == workspace_id, workspaces.c.session == session)
            .values(session=None)
        )
        self._locked.add(workspace_id)  # the change itself took the lock
        return ended.rowcount == 1

    async def list_sessions(self) -> list[StoredWorkspace]:
        """The workspaces and homes that are in a session, by id."""
        query = select(workspaces).where(workspaces.c.session.is_not(None)).order_by(workspaces.c.id)
        return [workspace_of(row) for row in await self._rows(query)]
