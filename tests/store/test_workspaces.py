"""Workspaces and homes."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, insert, select

from coterie import policy
from coterie.policy import DIRECT, GeneralAccess, Grant, Principal, PrincipalKind, Role
from coterie.store import Conflict, Store, StoredPerson, StoredWorkspace
from coterie.store.engine import for_writing, open_engine, parse_url
from coterie.store.ids import is_id
from coterie.store.tables import blocks, entries, favourites, grants

ASTRO = Principal(PrincipalKind.GROUP, "astro")


@pytest.fixture
async def penguins(store: Store, alice: StoredPerson, noon: datetime) -> StoredWorkspace:
    async with store.writing() as tx:
        return await tx.add_workspace("Penguins", alice.id, noon)


async def test_a_new_workspace_is_restricted_and_has_an_account_that_does_not_give_its_id_away(
    store: Store, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    assert is_id(penguins.id)
    assert penguins.account.startswith("ws-")
    assert is_id(penguins.account.removeprefix("ws-"))
    assert penguins.id not in penguins.account
    assert penguins.public_id == penguins.id
    async with store.reading() as tx:
        assert await tx.find_workspace(penguins.id) == penguins
        assert await tx.find_workspace_by_account(penguins.account) == penguins
        assert await tx.find_workspace_by_account(penguins.account.upper()) is None
        assert await tx.facts(penguins.id) == policy.Workspace(creator=alice.id)


async def test_what_is_changed_stays_changed(store: Store, penguins: StoredWorkspace, noon: datetime) -> None:
    async with store.writing() as tx:
        await tx.rename_workspace(penguins.id, "Пингвины 🐧")
        await tx.set_general_access(penguins.id, GeneralAccess.LINK)
        await tx.set_archived(penguins.id, noon)

    async with store.writing() as tx:
        changed = await tx.find_workspace(penguins.id)
        assert changed is not None
        assert (changed.name, changed.general_access, changed.archived_at) == ("Пингвины 🐧", GeneralAccess.LINK, noon)
        await tx.set_archived(penguins.id, None)
        back = await tx.find_workspace(penguins.id)

    assert back is not None
    assert back.archived_at is None


async def test_a_home_is_seen_once_and_is_no_workspace(store: Store, alice: StoredPerson, noon: datetime) -> None:
    async def see() -> StoredWorkspace:
        async with store.writing() as tx:
            return await tx.see_home(alice.id, "alice", noon)

    homes = await asyncio.gather(*(see() for _ in range(4)))

    home = homes[0]
    assert homes == [home] * 4
    assert home.public_id == "~alice"
    async with store.reading() as tx:
        assert await tx.find_home(alice.id) == home
        assert await tx.find_workspace_by_account("alice") == home
        assert await tx.find_workspace(home.id) is None
        assert (await tx.facts(home.id)).is_home


async def test_the_home_of_an_earlier_person_of_that_name_goes_with_its_guests(
    store: Store, alice: StoredPerson, noon: datetime
) -> None:
    async with store.writing() as tx:
        old = await tx.see_home(alice.id, "alice", noon)
        await tx.put_grant(old.id, ASTRO, Role.EDITOR, expires_at=None, by=alice.id, at=noon)
        successor = await tx.see_person("alice", noon + timedelta(days=1))
        new = await tx.see_home(successor.id, "alice", noon)

    async with store.writing() as tx:
        assert new.creator_id == successor.id
        assert await tx.find_home(alice.id) is None
        assert (await tx.facts(new.id)).grants == ()
        assert await tx.list_grants(old.id) == []
        with pytest.raises(Conflict):
            await tx.see_home(alice.id, "alice", noon)


async def test_facts_hold_every_grant_the_blocks_and_the_session(
    store: Store, url: str, alice: StoredPerson, bob: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    past = noon - timedelta(days=1)
    async with store.writing() as tx:
        await tx.put_grant(penguins.id, ASTRO, Role.EDITOR, expires_at=past, by=alice.id, at=noon)
        await tx.report_session(penguins.id, "s1")
    engine = for_writing(open_engine(parse_url(url)))
    async with engine.begin() as connection:
        await connection.execute(insert(blocks).values(workspace_id=penguins.id, person_id=bob.id))
    await engine.dispose()

    async with store.reading() as tx:
        assert await tx.facts(penguins.id) == policy.Workspace(
            creator=alice.id,
            session="s1",
            grants=(Grant(ASTRO, Role.EDITOR, DIRECT, expires_at=past),),
            blocked=frozenset({bob.id}),
        )


async def test_all_that_belongs_to_a_workspace_goes_with_it_but_its_events(
    store: Store, url: str, alice: StoredPerson, bob: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    async with store.writing() as tx:
        await tx.put_grant(penguins.id, ASTRO, Role.EDITOR, expires_at=None, by=alice.id, at=noon)
        await tx.set_favourite(penguins.id, bob.id, True)
        await tx.want_entry(penguins.id, bob.id, noon)
    engine = for_writing(open_engine(parse_url(url)))
    async with engine.begin() as connection:
        await connection.execute(insert(blocks).values(workspace_id=penguins.id, person_id=bob.id))

    async with store.writing() as tx:
        await tx.remove_workspace(penguins.id)
        revision = await tx.append_event(penguins.id, "workspace-removed", None, noon)

    async with engine.begin() as connection:
        left = [
            (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (grants, favourites, entries, blocks)
        ]
    await engine.dispose()
    assert left == [0, 0, 0, 0]
    async with store.reading() as tx:
        assert await tx.find_workspace(penguins.id) is None
        assert [event.revision for event in await tx.read_after(0, limit=10)] == [revision]


async def test_a_favourite_is_each_persons_own(
    store: Store, alice: StoredPerson, bob: StoredPerson, penguins: StoredWorkspace
) -> None:
    async with store.writing() as tx:
        await tx.set_favourite(penguins.id, bob.id, True)
        await tx.set_favourite(penguins.id, bob.id, True)
        assert await tx.is_favourite(penguins.id, bob.id)
        assert not await tx.is_favourite(penguins.id, alice.id)
        await tx.set_favourite(penguins.id, bob.id, False)
        await tx.set_favourite(penguins.id, bob.id, False)

        assert not await tx.is_favourite(penguins.id, bob.id)
