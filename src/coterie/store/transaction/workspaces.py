"""Workspaces and homes: what they are called, whom they belong to, and the facts a decision about them needs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select, update

from coterie import policy
from coterie.policy import GeneralAccess
from coterie.store.columns import folded, in_utc, is_storable
from coterie.store.errors import Conflict, NotFound
from coterie.store.ids import is_id, new_account, new_id
from coterie.store.records import StoredWorkspace
from coterie.store.tables import blocks, grants, persons, workspaces
from coterie.store.transaction.grants import grant_of, grants_reaching
from coterie.store.transaction.statements import Statements


class Workspaces(Statements):
    """What a transaction can do with workspaces and homes themselves."""

    async def add_workspace(
        self,
        name: str,
        creator_id: str,
        at: datetime,
        *,
        copied_from: str | None = None,
        copies_outputs: bool | None = None,
    ) -> StoredWorkspace:
        """A new Restricted workspace with an id and an account of its own, whose files are to start with those of the
        account *copied_from*. Raises NotFound for an unknown creator."""
        added = StoredWorkspace(
            id=new_id(),
            is_home=False,
            name=name,
            account=new_account(),
            creator_id=creator_id,
            general_access=GeneralAccess.RESTRICTED,
            archived_at=None,
            created_at=in_utc(at),
            session=None,
            copied_from=copied_from,
            copies_outputs=copies_outputs,
        )
        await self._change(insert(workspaces).values(asdict(added) | {"name_folded": folded(name)}))
        # Nobody else can see it yet, so nobody waits for it.
        self._locked.add(added.id)
        return added

    async def see_home(self, person_id: str, account: str, at: datetime) -> StoredWorkspace:
        """The home of this person, whose name in the Hub is *account*; added if never seen.

        The home of an earlier person of that name goes, with everybody who was let in. Raises Conflict where it is a
        later one's: then *person_id* is no longer who the Hub means; and NotFound where they have been anonymised.
        """
        home = await self.find_home(person_id)
        if home is not None and home.account == account:
            return home
        owner = select(persons.c.hub_created).where(persons.c.id == person_id).scalar_subquery()
        earlier = select(persons.c.id).where(persons.c.hub_created < owner)
        await self._change(
            delete(workspaces).where(
                workspaces.c.is_home, workspaces.c.account == account, workspaces.c.creator_id.in_(earlier)
            )
        )
        await self._insist_known(person_id)
        await self._add_unless_there(
            workspaces,
            id=new_id(),
            is_home=True,
            name=account,
            name_folded=folded(account),
            account=account,
            creator_id=person_id,
            general_access=GeneralAccess.RESTRICTED,
            created_at=at,
        )
        home = await self.find_home(person_id)
        if home is None or home.account != account:
            raise Conflict("This account is another person's home.")
        return home

    async def find_workspace(self, workspace_id: str) -> StoredWorkspace | None:
        """The workspace with this id; never a home, which is found by its owner or its account."""
        if not is_id(workspace_id):
            return None
        return await self._find(workspaces.c.id == workspace_id, ~workspaces.c.is_home)

    async def find_by_id(self, workspace_id: str) -> StoredWorkspace | None:
        """The workspace or home with this id, which is the store's own for a home."""
        return await self._find(workspaces.c.id == workspace_id) if is_id(workspace_id) else None

    async def find_by_ids(self, workspace_ids: Collection[str]) -> dict[str, StoredWorkspace]:
        """Those of these workspaces and homes that are there, by id."""
        query = select(workspaces).where(workspaces.c.id.in_(workspace_ids))
        return {row.id: workspace_of(row) for row in await self._rows(query)} if workspace_ids else {}

    async def find_workspace_by_account(self, account: str) -> StoredWorkspace | None:
        """The workspace or home whose server runs under this name in the Hub."""
        return await self._find(workspaces.c.account == account) if is_storable(account) else None

    async def find_home(self, person_id: str) -> StoredWorkspace | None:
        """The home that belongs to this person, None if it was never seen."""
        if not is_id(person_id):
            return None
        return await self._find(workspaces.c.is_home, workspaces.c.creator_id == person_id)

    async def _find(self, *conditions: ColumnElement[bool]) -> StoredWorkspace | None:
        row = await self._row(select(workspaces).where(*conditions))
        return None if row is None else workspace_of(row)

    async def facts(self, workspace_id: str, person: policy.Person | None = None) -> policy.Workspace:
        """All that is stored about access to this workspace or home, for decide(). Raises NotFound.

        Every grant is there, also those that count for nothing now: decide() weighs them. With *person* only what can
        reach that person is read, however much there is: decide for nobody else then.
        """
        found = await self._find(workspaces.c.id == workspace_id) if is_id(workspace_id) else None
        if found is None:
            raise NotFound("There is no such workspace.")
        granting = select(grants).where(grants.c.workspace_id == workspace_id)
        blocking = select(blocks.c.person_id).where(blocks.c.workspace_id == workspace_id)
        if person is not None:
            granting = grants_reaching(person, grants.c.workspace_id == workspace_id)
            blocking = blocking.where(blocks.c.person_id == person.id)
        granted = await self._rows(granting)
        blocked = await self._rows(blocking)
        return policy.Workspace(
            creator=found.creator_id,
            general_access=found.general_access,
            is_home=found.is_home,
            session=found.session,
            grants=tuple(grant_of(row).fact for row in granted),
            blocked=frozenset(row.person_id for row in blocked),
        )

    async def rename_workspace(self, workspace_id: str, name: str) -> None:
        """Give it another name. Raises NotFound, and Malformed for a name that cannot be stored."""
        await self._set(workspace_id, name=name, name_folded=folded(name))

    async def set_general_access(self, workspace_id: str, value: GeneralAccess) -> None:
        """Say who reaches it without a grant. Raises NotFound."""
        await self._set(workspace_id, general_access=value)

    async def set_archived(self, workspace_id: str, at: datetime | None) -> None:
        """Put it away for everybody since *at*, or back (None). Raises NotFound."""
        await self._set(workspace_id, archived_at=at)

    async def _set(self, workspace_id: str, **values: object) -> None:
        await self._lock(workspace_id)
        await self._change(update(workspaces).where(workspaces.c.id == workspace_id).values(**values))

    async def finish_copy(self, workspace_id: str) -> None:
        """Its files are its own from now on. Raises NotFound."""
        await self._set(workspace_id, copied_from=None, copies_outputs=None)

    async def remove_workspace(self, workspace_id: str) -> None:
        """Forget it, with its grants, blocks, favourites and entries; its events stay. Raises NotFound."""
        await self._lock(workspace_id)
        await self._change(delete(workspaces).where(workspaces.c.id == workspace_id))
        self._locked.discard(workspace_id)


def workspace_of(row: Row[Any]) -> StoredWorkspace:
    """The workspace in a row that has the columns of ``workspaces``."""
    return StoredWorkspace(
        id=row.id,
        is_home=row.is_home,
        name=row.name,
        account=row.account,
        creator_id=row.creator_id,
        general_access=row.general_access,
        archived_at=row.archived_at,
        created_at=row.created_at,
        session=row.session,
        copied_from=row.copied_from,
        copies_outputs=row.copies_outputs,
    )
