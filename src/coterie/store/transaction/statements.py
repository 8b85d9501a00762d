"""How every subject talks to the database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CursorResult, Executable, Row, Select, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from coterie.store.errors import NotFound, translated
from coterie.store.ids import is_id
from coterie.store.records import NO_TIME
from coterie.store.tables import persons, workspaces


class Statements:
    """A connection inside a transaction, and what it may still do."""

    def __init__(self, connection: AsyncConnection, *, is_writing: bool) -> None:
        self._connection = connection
        self._is_writing = is_writing
        self._locked: set[str] = set()
        self.has_appended = False

    @property
    def _is_postgresql(self) -> bool:
        return self._connection.dialect.name == "postgresql"

    async def _rows(self, query: Select[Any]) -> list[Row[Any]]:
        with translated():
            return list((await self._connection.execute(query)).all())

    async def _row(self, query: Select[Any]) -> Row[Any] | None:
        with translated():
            row: Row[Any] | None = (await self._connection.execute(query)).first()
        return row

    async def _change(self, statement: Executable) -> CursorResult[Any]:
        if not self._is_writing:
            raise RuntimeError("a transaction of reading() changes nothing: use writing()")
        with translated():
            return await self._connection.execute(statement)

    async def _add_unless_there(self, table: Table, **values: object) -> bool:
        """Insert a row unless a unique key of it is taken, waiting for whoever is inserting it just now. Answers
        whether it was added."""
        insert = postgresql.insert if self._is_postgresql else sqlite.insert
        added = await self._change(insert(table).values(**values).on_conflict_do_nothing())
        return added.rowcount == 1

    def _refuse_late(self, workspace_id: str) -> None:
        if self.has_appended and workspace_id not in self._locked:
            raise RuntimeError("events come last: change every workspace before the first event is appended")

    async def _insist_known(self, person_id: str) -> None:
        """Keep this person from being anonymised until the commit. Raises NotFound where they have been; whoever is not
        stored at all passes."""
        query = select(persons.c.hub_created).where(persons.c.id == person_id)
        row = (await self._change(query.with_for_update(read=True, key_share=True))).first()
        if row is not None and row.hub_created == NO_TIME:
            raise NotFound("This person has been anonymised.")

    async def _lock(self, workspace_id: str) -> None:
        """Wait until nobody else changes this workspace, and keep it so until the commit. Raises NotFound."""
        if workspace_id in self._locked:
            return
        if not is_id(workspace_id):
            raise NotFound("There is no such workspace.")
        self._refuse_late(workspace_id)
        # FOR NO KEY UPDATE: rows that only refer to the workspace need not wait. SQLite knows no row locks; there
        # the transaction already is the only one that writes.
        query = select(workspaces.c.id).where(workspaces.c.id == workspace_id).with_for_update(key_share=True)
        if (await self._change(query)).first() is None:
            raise NotFound("There is no such workspace.")
        self._locked.add(workspace_id)
