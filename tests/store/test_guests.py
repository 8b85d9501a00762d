"""Guests and blocks: let in for a session or for good, listed, forgotten, kept out."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from coterie.policy import ADMITTED, Person, Principal, PrincipalKind, Role
from coterie.store import NotFound, Store, StoredGrant, StoredPerson, StoredWorkspace
from store.test_invitations import invite

ONE, OTHER = "aaaaaaaaaaaaaaa1", "aaaaaaaaaaaaaaa2"


@pytest.fixture
async def home(store: Store, alice: StoredPerson, noon: datetime) -> StoredWorkspace:
    """Alice's home, which runs in the session ``monday``."""
    async with store.writing() as tx:
        home = await tx.see_home(alice.id, "alice", noon)
        await tx.report_session(home.id, "monday")
    return home


async def let_in(
    store: Store,
    home: StoredWorkspace,
    person: StoredPerson,
    at: datetime,
    *,
    source: str = ONE,
    session: str | None = "monday",
) -> None:
    async with store.writing() as tx:
        await tx.put_guest(home.id, person.id, Role.EDITOR, source=source, session=session, by=home.creator_id, at=at)


async def guests(store: Store, home: StoredWorkspace) -> list[tuple[str, str]]:
    async with store.reading() as tx:
        listed = await tx.list_grants(home.id, of_guests=True)
    return [(grant.principal.key, grant.source) for grant in listed]


async def test_a_guest_is_stored_as_they_were_let_in(
    store: Store, alice: StoredPerson, bob: StoredPerson, home: StoredWorkspace, noon: datetime
) -> None:
    await let_in(store, home, bob, noon)

    bobs = Principal(PrincipalKind.USER, bob.id)
    expected = StoredGrant(home.id, bobs, Role.EDITOR, ONE, "monday", None, noon, alice.id)
    async with store.reading() as tx:
        assert expected == await tx.find_guest(home.id, bob.id, ONE)
        assert [expected] == await tx.list_grants(home.id, of_guests=True)
        assert [expected] == await tx.list_grants(home.id)
        assert [] == await tx.list_grants(home.id, of_guests=False)
        assert expected.fact.is_a_guests


async def test_coming_again_by_the_same_source_takes_the_place_of_the_first_time(
    store: Store, bob: StoredPerson, home: StoredWorkspace, noon: datetime
) -> None:
    later = noon + timedelta(days=1)
    await let_in(store, home, bob, noon)
    await let_in(store, home, bob, noon, source=OTHER)
    async with store.writing() as tx:
        await tx.report_session(home.id, "tuesday")
    assert [] == await guests(store, home)

    await let_in(store, home, bob, later, session="tuesday")

    assert [(bob.id, ONE)] == await guests(store, home)
    async with store.reading() as tx:
        again = await tx.find_guest(home.id, bob.id, ONE)
    assert again is not None
    assert ("tuesday", later) == (again.session, again.created_at)


@pytest.mark.parametrize("source", [OTHER, "direct", "", "\0", "\ud800", "a" * 300])
async def test_another_source_finds_no_guest(
    store: Store, bob: StoredPerson, home: StoredWorkspace, noon: datetime, source: str
) -> None:
    await let_in(store, home, bob, noon)

    async with store.reading() as tx:
        assert await tx.find_guest(home.id, bob.id, source) is None
        assert await tx.find_guest(home.id, "nonsense", ONE) is None


async def test_guests_of_sessions_that_are_over_are_not_listed_and_do_not_list_the_home_for_them(
    store: Store, bob: StoredPerson, home: StoredWorkspace, noon: datetime
) -> None:
    await let_in(store, home, bob, noon)
    asker = Person(bob.id, "bob")

    async def listed() -> list[str]:
        async with store.reading() as tx:
            found = await tx.list_workspaces(asker, at=noon, limit=9)
        return [item.workspace.public_id for item in found]

    assert ["~alice"] == await listed()
    async with store.writing() as tx:
        await tx.end_session(home.id, "monday")
    assert ([], []) == (await listed(), await guests(store, home))
    async with store.writing() as tx:
        await tx.report_session(home.id, "tuesday")
    assert ([], []) == (await listed(), await guests(store, home))
    async with store.reading() as tx:
        assert await tx.find_guest(home.id, bob.id, ONE) is not None


async def test_nobodys_own_home_is_in_their_list(store: Store, alice: StoredPerson, home: StoredWorkspace) -> None:
    async with store.reading() as tx:
        assert [] == await tx.list_workspaces(Person(alice.id, "alice"), at=home.created_at, limit=9)


async def test_what_can_be_used_again_is_remembered_over_the_end_of_a_session_and_nothing_else(
    store: Store, alice: StoredPerson, bob: StoredPerson, home: StoredWorkspace, noon: datetime
) -> None:
    tomorrow = noon + timedelta(days=1)
    working = await invite(store, home, alice, noon, expires_at=tomorrow + timedelta(hours=1))
    ended = await invite(store, home, alice, noon, digest="a" * 64, expires_at=tomorrow)
    revoked = await invite(store, home, alice, noon, digest="b" * 64, expires_at=tomorrow + timedelta(hours=1))
    for source in (working.id, ended.id, revoked.id, ADMITTED):
        await let_in(store, home, bob, noon, source=source)
    async with store.writing() as tx:
        await tx.put_guest(home.id, bob.id, Role.VIEWER, source=OTHER, session=None, by=alice.id, at=noon)
        await tx.revoke_invitations(home.id, noon, id_=revoked.id)

        assert 0 == await tx.forget_past_guests(home.id, "monday", tomorrow)
        await tx.report_session(home.id, "tuesday")
        assert 3 == await tx.forget_past_guests(home.id, "tuesday", tomorrow)

        kept = await tx.list_grants_naming(home.id, PrincipalKind.USER, ["bob"])
    assert {working.id, OTHER} == {grant.source for grant in kept}


async def test_removing_guests_leaves_what_was_given_by_name(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    async with store.writing() as tx:
        place = await tx.add_workspace("Penguins", alice.id, noon)
        carol = await tx.see_person("carol", noon)
        bobs = Principal(PrincipalKind.USER, bob.id)
        await tx.put_grant(place.id, bobs, Role.VIEWER, expires_at=None, by=alice.id, at=noon)
    await let_in(store, place, bob, noon, session=None)
    await let_in(store, place, bob, noon, source=OTHER, session="an earlier one")
    await let_in(store, place, carol, noon, session=None)

    async with store.writing() as tx:
        assert 2 == await tx.remove_guests(place.id, [bob.id])
        assert 0 == await tx.remove_guests(place.id, [bob.id])
        assert 0 == await tx.remove_guests(place.id, [])
    assert [(carol.id, ONE)] == await guests(store, place)
    async with store.writing() as tx:
        assert 1 == await tx.remove_guests(place.id)
        assert [bobs] == [grant.principal for grant in await tx.list_grants(place.id)]


async def test_a_place_or_person_that_is_not_there_has_no_guests(
    store: Store, alice: StoredPerson, bob: StoredPerson, home: StoredWorkspace, noon: datetime
) -> None:
    async with store.writing() as tx:
        await tx.hold_people([bob], alice.id)
        await tx.forget_person(bob.id, "anonymised-1", noon)

    with pytest.raises(NotFound):
        await let_in(store, home, bob, noon)
    for unknown in ("a" * 16, "nonsense"):
        async with store.writing() as tx:
            with pytest.raises(NotFound):
                await tx.remove_guests(unknown)
            with pytest.raises(NotFound):
                await tx.add_block(unknown, alice.id)
            with pytest.raises(NotFound):
                await tx.remove_blocks(unknown)


async def test_guests_come_in_parts(store: Store, alice: StoredPerson, home: StoredWorkspace, noon: datetime) -> None:
    async with store.writing() as tx:
        people = [await tx.see_person(f"guest-{number:02}", noon) for number in range(7)]
    for number, person in enumerate(people):
        await let_in(store, home, person, noon + timedelta(minutes=number // 3))  # several at the same instant

    found: list[str] = []
    place = None
    async with store.reading() as tx:
        while part := await tx.list_grants(home.id, after=place, limit=2, of_guests=True):
            found += [grant.principal.key for grant in part]
            place = part[-1].place

    assert sorted(person.id for person in people) == sorted(found)
    assert {person.id for person in people[:3]} == set(found[:3])


async def test_blocks_are_set_listed_and_lifted(
    store: Store, alice: StoredPerson, bob: StoredPerson, home: StoredWorkspace, noon: datetime
) -> None:
    async with store.writing() as tx:
        namesake = await tx.see_person("bob", noon + timedelta(days=1))
        carol = await tx.see_person("carol", noon)
        for person in (carol, bob, namesake):
            assert await tx.add_block(home.id, person.id)
            assert not await tx.add_block(home.id, person.id)

        assert ["bob", "bob", "carol"] == [person.name for person in await tx.list_blocked(home.id)]
        assert [] == await tx.remove_blocks(home.id, "dave")
        assert sorted([bob.id, namesake.id]) == sorted(await tx.remove_blocks(home.id, "bob"))
        assert (await tx.facts(home.id)).blocked == {carol.id}
        assert [carol.id] == await tx.remove_blocks(home.id)
        assert [] == await tx.remove_blocks(home.id)
