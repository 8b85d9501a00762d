"""Grants: set, changed, removed, and never lost between two who change the same list."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import insert

from coterie.policy import DIRECT, Principal, PrincipalKind, Role
from coterie.store import Conflict, Store, StoredGrant, StoredPerson, StoredWorkspace
from coterie.store.tables import blocks, grants

ASTRO = Principal(PrincipalKind.GROUP, "astro")


@pytest.fixture
async def penguins(store: Store, alice: StoredPerson, noon: datetime) -> StoredWorkspace:
    async with store.writing() as tx:
        return await tx.add_workspace("Penguins", alice.id, noon)


async def test_a_grant_is_stored_as_it_was_given(
    store: Store, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    tomorrow = noon + timedelta(days=1)
    elsewhere = tomorrow.astimezone(timezone(timedelta(hours=5, minutes=30)))
    async with store.writing() as tx:
        granted = await tx.put_grant(penguins.id, ASTRO, Role.CO_OWNER, expires_at=elsewhere, by=alice.id, at=noon)

    expected = StoredGrant(penguins.id, ASTRO, Role.CO_OWNER, DIRECT, None, tomorrow, noon, alice.id)
    assert granted == expected
    assert str(granted.expires_at) == str(tomorrow)
    async with store.reading() as tx:
        assert await tx.list_grants(penguins.id) == [expected]


async def test_changing_the_role_keeps_since_when_and_says_who_changed_it(
    store: Store, alice: StoredPerson, bob: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    later = noon + timedelta(hours=1)
    async with store.writing() as tx:
        await tx.put_grant(penguins.id, ASTRO, Role.VIEWER, expires_at=None, by=alice.id, at=noon)
        changed = await tx.put_grant(penguins.id, ASTRO, Role.EDITOR, expires_at=None, by=bob.id, at=later)

    assert (changed.role, changed.created_at, changed.created_by) == (Role.EDITOR, noon, bob.id)
    async with store.reading() as tx:
        assert await tx.list_grants(penguins.id) == [changed]


async def test_a_grant_that_had_expired_begins_anew(
    store: Store, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    later = noon + timedelta(hours=1)
    async with store.writing() as tx:
        await tx.put_grant(penguins.id, ASTRO, Role.VIEWER, expires_at=later, by=alice.id, at=noon)
        renewed = await tx.put_grant(penguins.id, ASTRO, Role.VIEWER, expires_at=None, by=alice.id, at=later)

    assert renewed.created_at == later


async def test_principals_differ_by_kind_and_by_case(
    store: Store, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    principals = [
        ASTRO,
        Principal(PrincipalKind.RIGHT, "astro"),
        Principal(PrincipalKind.GROUP, "Astro"),
        Principal(PrincipalKind.GROUP, "/astro/dust"),
        Principal(PrincipalKind.GROUP, "/vö/团队/%2F_'"),
    ]
    async with store.writing() as tx:
        for minutes, principal in enumerate(principals):
            at = noon + timedelta(minutes=minutes)
            await tx.put_grant(penguins.id, principal, Role.VIEWER, expires_at=None, by=alice.id, at=at)

    async with store.writing() as tx:
        assert [grant.principal for grant in await tx.list_grants(penguins.id)] == principals
        assert await tx.remove_grants(penguins.id, Principal(PrincipalKind.GROUP, "ASTRO")) == 0
        assert await tx.remove_grants(penguins.id, ASTRO) == 1
        assert [grant.principal for grant in await tx.list_grants(penguins.id)] == principals[1:]


async def test_removing_takes_the_grants_of_every_source(
    store: Store, alice: StoredPerson, bob: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    principal = Principal(PrincipalKind.USER, bob.id)
    async with store.writing() as tx:
        await tx.put_grant(penguins.id, principal, Role.VIEWER, expires_at=None, by=alice.id, at=noon)
        await tx.report_session(penguins.id, "s2")
        for number, session in enumerate(["s2", "s1"], 1):
            at, source = noon + timedelta(minutes=number), f"invitation-{number}"
            await tx.put_guest(penguins.id, bob.id, Role.EDITOR, source=source, session=session, by=alice.id, at=at)

    async with store.writing() as tx:
        assert [grant.source for grant in await tx.list_grants(penguins.id)] == [DIRECT, "invitation-1"]
        assert await tx.remove_grants(penguins.id, principal) == 3
        assert await tx.list_grants_naming(penguins.id, PrincipalKind.USER, ["bob"]) == []


async def test_nobody_is_granted_the_role_of_the_creator(
    store: Store, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    with pytest.raises(Conflict):
        async with store.writing() as tx:
            await tx.put_grant(penguins.id, ASTRO, Role.CREATOR, expires_at=None, by=alice.id, at=noon)


async def test_two_who_change_the_same_list_at_once_lose_nothing(
    store: Store, url: str, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    """Two processes, each granting and revoking; both also touch one principal that they have in common."""
    other = Store(url)

    async def work(store: Store, name: str) -> None:
        for number in range(20):
            mine = Principal(PrincipalKind.GROUP, f"{name}-{number}")
            async with store.writing() as tx:
                await tx.put_grant(penguins.id, mine, Role.VIEWER, expires_at=None, by=alice.id, at=noon)
                await tx.put_grant(penguins.id, ASTRO, Role.EDITOR, expires_at=None, by=alice.id, at=noon)
                await tx.append_event(penguins.id, "granted", mine, noon)
            if number % 4 == 3:
                async with store.writing() as tx:
                    assert await tx.remove_grants(penguins.id, mine) == 1
                    await tx.append_event(penguins.id, "revoked", mine, noon)

    await asyncio.gather(*(work(each, f"{name}") for name, each in enumerate([store, other, store, other])))
    await other.close()

    expected = {f"{name}-{number}" for name in range(4) for number in range(20) if number % 4 != 3} | {"astro"}
    async with store.reading() as tx:
        assert {grant.principal.key for grant in await tx.list_grants(penguins.id)} == expected
        assert len(await tx.read_after(0, limit=1000)) == 4 * (20 + 5)


async def test_who_reads_a_list_in_order_to_change_it_sees_what_the_one_before_did(
    store: Store, url: str, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    """A change that first locks the workspace sees all that was committed while it waited."""
    other = Store(url)
    seen: list[int] = []

    async def raise_role(store: Store, key: str) -> None:
        async with store.writing() as tx:
            principal = Principal(PrincipalKind.RIGHT, key)
            await tx.put_grant(penguins.id, principal, Role.VIEWER, expires_at=None, by=alice.id, at=noon)
            seen.append(len(await tx.list_grants(penguins.id)))

    await asyncio.gather(*(raise_role(each, str(n)) for n, each in enumerate([store, other] * 5)))
    await other.close()

    assert sorted(seen) == list(range(1, 11))


async def test_a_copy_gets_the_direct_grants_that_count_and_the_blocks(
    store: Store, alice: StoredPerson, bob: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    later = noon + timedelta(hours=1)
    one, other = Principal(PrincipalKind.USER, bob.id), Principal(PrincipalKind.USER, alice.id)
    async with store.writing() as tx:
        await tx.put_grant(penguins.id, ASTRO, Role.EDITOR, expires_at=later, by=alice.id, at=noon)
        for ended in ("bio", "geo"):
            principal = Principal(PrincipalKind.GROUP, ended)
            await tx.put_grant(penguins.id, principal, Role.VIEWER, expires_at=noon, by=alice.id, at=noon)
        await tx.put_grant(penguins.id, one, Role.CO_OWNER, expires_at=None, by=alice.id, at=noon)
        await tx.put_grant(penguins.id, other, Role.VIEWER, expires_at=None, by=alice.id, at=noon)
        await tx._change(
            insert(grants).values(
                workspace_id=penguins.id,
                principal_kind=PrincipalKind.USER,
                principal_key=alice.id,
                role=Role.EDITOR,
                source="invitation-1",
                created_at=noon,
                created_by=bob.id,
            )
        )
        for person in (alice, bob):
            await tx._change(insert(blocks).values(workspace_id=penguins.id, person_id=person.id))
        copy = await tx.add_workspace("Copy", bob.id, noon)

        await tx.copy_access(penguins.id, copy.id, but=one, by=bob.id, at=noon)

    async with store.reading() as tx:
        assert await tx.list_grants(copy.id) == [
            StoredGrant(copy.id, ASTRO, Role.EDITOR, DIRECT, None, later, noon, bob.id),
            StoredGrant(copy.id, other, Role.VIEWER, DIRECT, None, None, noon, bob.id),
        ]
        assert (await tx.facts(copy.id)).blocked == {alice.id}
        assert len(await tx.list_grants(penguins.id)) == 6
