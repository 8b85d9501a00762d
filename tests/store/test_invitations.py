"""Invitations: kept without their secret, found, used, revoked, and never used once too often."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from coterie.policy import Invitation, Role
from coterie.store import Conflict, NotFound, Store, StoredInvitation, StoredPerson, StoredWorkspace

DIGEST = "d" * 64


@pytest.fixture
async def penguins(store: Store, alice: StoredPerson, noon: datetime) -> StoredWorkspace:
    async with store.writing() as tx:
        return await tx.add_workspace("Penguins", alice.id, noon)


async def invite(
    store: Store,
    workspace: StoredWorkspace,
    by: StoredPerson,
    at: datetime,
    *,
    digest: str = DIGEST,
    expires_at: datetime | None = None,
    max_uses: int | None = None,
) -> StoredInvitation:
    async with store.writing() as tx:
        return await tx.add_invitation(
            workspace.id,
            digest,
            Role.EDITOR,
            for_session=True,
            max_uses=max_uses,
            expires_at=expires_at or at + timedelta(hours=1),
            by=by.id,
            at=at,
        )


async def found(store: Store, digest: str = DIGEST) -> StoredInvitation | None:
    async with store.reading() as tx:
        return await tx.find_invitation(digest)


async def test_an_invitation_is_stored_as_it_was_made(
    store: Store, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    end = noon + timedelta(hours=1)
    made = await invite(store, penguins, alice, noon, max_uses=3)

    expected = StoredInvitation(made.id, penguins.id, Role.EDITOR, True, 3, 0, end, None, noon, alice.id)
    assert expected == made
    assert expected == await found(store)
    assert Invitation(made.id, Role.EDITOR, alice.id, end, True, 3, 0, False) == made.fact
    async with store.reading() as tx:
        assert [expected] == await tx.list_invitations(penguins.id, noon)


@pytest.mark.parametrize("digest", ["D" * 64, "d" * 63, "e" * 64, "", "%", "d" * 63 + "_"])
async def test_another_digest_finds_nothing(
    store: Store, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime, digest: str
) -> None:
    await invite(store, penguins, alice, noon)

    assert await found(store, digest) is None


async def test_no_two_invitations_have_the_same_secret(
    store: Store, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    await invite(store, penguins, alice, noon)

    with pytest.raises(Conflict):
        await invite(store, penguins, alice, noon)


async def test_those_that_work_are_listed_the_oldest_first(
    store: Store, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    async with store.writing() as tx:
        other = await tx.add_workspace("Comets", alice.id, noon)
    later = noon + timedelta(minutes=1)
    second = await invite(store, penguins, alice, later, digest="b" * 64)
    first = await invite(store, penguins, alice, noon, digest="a" * 64)
    revoked = await invite(store, penguins, alice, noon, digest="c" * 64)
    await invite(store, penguins, alice, noon, digest="e" * 64, expires_at=later)
    await invite(store, other, alice, noon, digest="f" * 64)
    async with store.writing() as tx:
        assert await tx.revoke_invitations(penguins.id, noon, id_=revoked.id) == 1
        assert await tx.revoke_invitations(penguins.id, noon, id_=revoked.id) == 0

    async with store.reading() as tx:
        assert [first.id, second.id] == [each.id for each in await tx.list_invitations(penguins.id, later)]
        assert 3 == await tx.count_invitations_by([alice.id], later)
    assert replace(revoked, revoked_at=noon) == await found(store, "c" * 64)


async def test_revoking_is_of_one_workspace_and_leaves_what_has_run_out_as_it_is(
    store: Store, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    async with store.writing() as tx:
        other = await tx.add_workspace("Comets", alice.id, noon)
    await invite(store, penguins, alice, noon)
    ended = await invite(store, penguins, alice, noon, digest="a" * 64, expires_at=noon)
    elsewhere = await invite(store, other, alice, noon, digest="b" * 64)

    async with store.writing() as tx:
        for id_ in (elsewhere.id, "nonsense", "\0", "a" * 300, "\ud800"):
            assert await tx.revoke_invitations(penguins.id, noon, id_=id_) == 0
        assert await tx.revoke_invitations(penguins.id, noon) == 1
        assert await tx.revoke_invitations(penguins.id, noon) == 0

    assert ended == await found(store, "a" * 64)
    assert elsewhere == await found(store, "b" * 64)


async def test_uses_are_counted_one_by_one_whoever_counts_at_the_same_time(
    store: Store, url: str, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    """Whoever wants the last use holds the workspace first, and sees all that came before."""
    made = await invite(store, penguins, alice, noon, max_uses=3)
    other = Store(url)
    taken: list[int] = []

    async def take(store: Store) -> None:
        async with store.writing() as tx:
            await tx.hold(penguins.id)
            seen = await tx.find_invitation(DIGEST)
            assert seen is not None
            if not seen.fact.is_used_up:
                await tx.count_use(seen)
                taken.append(seen.uses)

    await asyncio.gather(*(take(each) for each in [store, other] * 4))
    await other.close()

    assert [0, 1, 2] == sorted(taken)
    assert await found(store) == replace(made, uses=3)


async def test_it_goes_with_its_workspace(
    store: Store, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    await invite(store, penguins, alice, noon)
    async with store.writing() as tx:
        await tx.remove_workspace(penguins.id)

    assert await found(store) is None


async def test_it_goes_with_a_home_whose_name_another_account_bears_now(
    store: Store, alice: StoredPerson, noon: datetime
) -> None:
    async with store.writing() as tx:
        home = await tx.see_home(alice.id, "alice", noon)
    await invite(store, home, alice, noon)
    async with store.writing() as tx:
        later = await tx.see_person("alice", noon + timedelta(days=1))
        await tx.see_home(later.id, "alice", noon)

    assert await found(store) is None


async def test_it_stays_with_a_home_whose_owner_is_renamed(store: Store, alice: StoredPerson, noon: datetime) -> None:
    async with store.writing() as tx:
        home = await tx.see_home(alice.id, "alice", noon)
    made = await invite(store, home, alice, noon)
    async with store.writing() as tx:
        assert await tx.rename_person(alice, "alicia")

    assert made == await found(store)


async def test_nobody_who_was_anonymised_makes_one(
    store: Store, alice: StoredPerson, bob: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    async with store.writing() as tx:
        await tx.hold_people([bob], alice.id)
        await tx.forget_person(bob.id, "anonymised-1", noon)

    with pytest.raises(NotFound):
        await invite(store, penguins, bob, noon)
    with pytest.raises(NotFound):
        await invite(store, replace(penguins, id="a" * 16), alice, noon)


async def test_anonymising_revokes_what_the_person_made_and_nothing_else(
    store: Store, alice: StoredPerson, bob: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    later = noon + timedelta(minutes=5)
    await invite(store, penguins, bob, noon)
    revoked = await invite(store, penguins, bob, noon, digest="a" * 64)
    kept = await invite(store, penguins, alice, noon, digest="b" * 64)
    async with store.writing() as tx:
        await tx.revoke_invitations(penguins.id, noon, id_=revoked.id)
        assert not await tx.is_blank(bob.id)
        assert [penguins.id] == await tx.list_reached_by(bob.id)
        assert 1 == await tx.count_invitations_by([bob.id], later)

        await tx.hold_people([bob], alice.id)
        await tx.forget_person(bob.id, "anonymised-1", later)

        assert 0 == await tx.count_invitations_by([bob.id], later)
        made = await tx.find_invitation(DIGEST)
    assert made is not None
    assert (later, bob.id) == (made.revoked_at, made.created_by)
    assert noon == getattr(await found(store, "a" * 64), "revoked_at", None)
    assert kept == await found(store, "b" * 64)


async def test_an_invitation_made_at_the_same_time_never_outlives_its_maker(
    store: Store, alice: StoredPerson, bob: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    async def anonymise() -> None:
        for _ in range(20):
            try:
                async with store.writing() as tx:
                    await tx.hold_people([bob], alice.id)
                    await tx.forget_person(bob.id, "anonymised-1", noon)
            except Conflict:
                continue
            return
        raise AssertionError("always in conflict")

    makers = [invite(store, penguins, bob, noon, digest=f"{number}" * 64) for number in range(8)]
    ended = await asyncio.gather(*makers, anonymise(), return_exceptions=True)

    assert [error for error in ended if isinstance(error, BaseException) and not isinstance(error, NotFound)] == []
    async with store.reading() as tx:
        assert 0 == await tx.count_invitations_by([bob.id], noon)


async def test_a_copy_has_no_invitations(
    store: Store, alice: StoredPerson, bob: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    made = await invite(store, penguins, alice, noon)
    async with store.writing() as tx:
        await tx.put_guest(penguins.id, bob.id, Role.EDITOR, source=made.id, session=None, by=alice.id, at=noon)
        copy = await tx.add_workspace("Copy", alice.id, noon)
        but = (await tx.list_grants(penguins.id))[0].principal
        await tx.copy_access(penguins.id, copy.id, but=replace(but, key=alice.id), by=alice.id, at=noon)

        assert [] == await tx.list_invitations(copy.id, noon)
        assert [] == await tx.list_grants(copy.id)
