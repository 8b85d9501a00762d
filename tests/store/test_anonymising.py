"""Anonymising: what is about a person goes, what they created moves, what they gave and did stays."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from coterie.policy import DIRECT, Principal, PrincipalKind, Role
from coterie.store import NO_SOURCE, AuditEntry, Conflict, NotFound, Store, StoredPerson, StoredWorkspace

PSEUDONYM = "anonymised-abcdefgh"


def user(person: StoredPerson) -> Principal:
    return Principal(PrincipalKind.USER, person.id)


@pytest.fixture
async def carol(store: Store, noon: datetime) -> StoredPerson:
    async with store.writing() as tx:
        return await tx.see_person("carol", noon + timedelta(microseconds=3))


async def _add(store: Store, creator: StoredPerson, noon: datetime, *named: StoredPerson) -> StoredWorkspace:
    async with store.writing() as tx:
        added = await tx.add_workspace("Penguins", creator.id, noon)
        for person in named:
            await tx.put_grant(added.id, user(person), Role.EDITOR, expires_at=None, by=creator.id, at=noon)
    return added


async def _anonymise(store: Store, person: StoredPerson, performer: StoredPerson) -> int:
    async with store.writing() as tx:
        await tx.hold_people([person], performer.id)
        dropped = await tx.move_workspaces(person.id, performer.id)
        await tx.forget_person(person.id, PSEUDONYM, datetime.now(UTC))
    return dropped


async def test_nothing_that_names_the_person_is_left(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    place = await _add(store, alice, noon, bob)
    async with store.writing() as tx:
        await tx.set_favourite(place.id, bob.id, True)
        await tx.note_visit(place.id, bob.id, noon)
        await tx.want_entry(place.id, bob.id, noon)
        await tx.add_request(place.id, bob.id, "bob asks", noon)
        await tx.see_home(bob.id, "bob", noon)

    await _anonymise(store, bob, alice)

    async with store.reading() as tx:
        assert await tx.list_grants(place.id) == []
        assert await tx.list_entries(place.id) == []
        assert await tx.list_requests(place.id) == []
        assert not await tx.is_favourite(place.id, bob.id)
        assert await tx.find_home(bob.id) is None
        assert await tx.find_workspace_by_account("bob") is None
        assert await tx.list_people_named("bob") == []
        assert await tx.find_person_named("bob", noon) is None
        known = (await tx.get_people([bob.id]))[bob.id]
    assert (known.name, known.is_anonymised, alice.is_anonymised) == (PSEUDONYM, True, False)


async def test_what_they_created_moves_and_takes_the_performers_own_grants_off(
    store: Store, alice: StoredPerson, bob: StoredPerson, carol: StoredPerson, noon: datetime
) -> None:
    both = await _add(store, bob, noon, alice, carol)
    without = await _add(store, bob, noon)
    others = await _add(store, carol, noon, alice)

    dropped = await _anonymise(store, bob, alice)

    async with store.reading() as tx:
        assert {both.id, without.id} == {place.id for place in await tx.list_created_by([alice.id])}
        assert [grant.principal for grant in await tx.list_grants(both.id)] == [user(carol)]
        assert [grant.principal for grant in await tx.list_grants(others.id)] == [user(alice)]
        assert [grant.created_by for grant in await tx.list_grants(both.id)] == [bob.id]
    assert dropped == 1


async def test_addresses_go_from_the_audit_log_and_the_records_stay(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    async with store.writing() as tx:
        for person in (alice, bob):
            await tx.append_audit(AuditEntry(noon, person.id, "created", "api", "192.0.2.1"))

    await _anonymise(store, bob, alice)

    async with store.reading() as tx:
        records = await tx.list_audit(limit=9)
    expected = [(bob.id, None), (alice.id, "192.0.2.1")]
    assert expected == [(record.entry.actor_id, record.entry.address) for record in records]


async def test_whoever_comes_back_with_the_same_account_is_somebody_new(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    await _anonymise(store, bob, alice)

    async with store.writing() as tx:
        again = await tx.see_person("bob", noon)
        assert await tx.is_blank(again.id)

    assert again.id != bob.id


async def test_a_person_about_whom_anything_is_stored_is_not_blank(
    store: Store, alice: StoredPerson, bob: StoredPerson, carol: StoredPerson, noon: datetime
) -> None:
    place = await _add(store, alice, noon, bob)
    async with store.writing() as tx:
        await tx.put_grant(place.id, user(alice), Role.VIEWER, expires_at=None, by=bob.id, at=noon)
        blank = [await tx.is_blank(person.id) for person in (alice, bob, carol)]
        await tx.note_visit(place.id, carol.id, noon)
        visited = await tx.is_blank(carol.id)

    assert ([False, False, True], False) == (blank, visited)


async def test_nobody_can_name_or_record_somebody_who_was_anonymised(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    place = await _add(store, alice, noon)
    await _anonymise(store, bob, alice)

    with pytest.raises(NotFound):
        async with store.writing() as tx:
            await tx.put_grant(place.id, user(bob), Role.EDITOR, expires_at=None, by=alice.id, at=noon)
    with pytest.raises(NotFound):
        async with store.writing() as tx:
            await tx.append_audit(AuditEntry(noon, bob.id, "created", "api"))


async def test_nothing_comes_back_by_a_request_of_theirs_that_was_under_way(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    place = await _add(store, alice, noon)
    await _anonymise(store, bob, alice)

    with pytest.raises(NotFound):
        async with store.writing() as tx:
            await tx.see_home(bob.id, "bob", noon)
    with pytest.raises(NotFound):
        async with store.writing() as tx:
            await tx.set_favourite(place.id, bob.id, True)
    with pytest.raises(NotFound):
        async with store.writing() as tx:
            await tx.note_visit(place.id, bob.id, noon)

    async with store.reading() as tx:
        assert await tx.find_workspace_by_account("bob") is None
        assert await tx.is_blank(bob.id)


async def test_a_copy_without_files_is_still_one_and_leads_to_no_source_once_it_has_moved(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    source = await _add(store, alice, noon)
    async with store.writing() as tx:
        copy = await tx.add_workspace("Copy", bob.id, noon, copied_from=source.account)
        begun = await tx.add_workspace("Begun", bob.id, noon)

    await _anonymise(store, bob, alice)

    async with store.reading() as tx:
        moved = await tx.find_by_ids([copy.id, begun.id])
    assert (NO_SOURCE, None) == (moved[copy.id].copied_from, moved[begun.id].copied_from)


async def test_a_grant_that_is_made_at_the_same_time_never_outlives_the_person(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    places = [await _add(store, alice, noon) for _ in range(8)]

    async def give(place: StoredWorkspace) -> None:
        async with store.writing() as tx:
            await tx.put_grant(place.id, user(bob), Role.EDITOR, expires_at=None, by=alice.id, at=noon)

    async def anonymise() -> None:
        for _ in range(20):
            try:
                await _anonymise(store, bob, alice)
            except Conflict:
                continue
            return
        raise AssertionError("always in conflict")

    ended = await asyncio.gather(*(give(place) for place in places), anonymise(), return_exceptions=True)

    assert [error for error in ended if error is not None and not isinstance(error, NotFound)] == []
    async with store.reading() as tx:
        assert await tx.list_grants_to([bob.id]) == []


async def test_two_who_anonymise_the_same_people_crosswise_do_not_wait_for_each_other_for_ever(
    store: Store, alice: StoredPerson, bob: StoredPerson, carol: StoredPerson, noon: datetime
) -> None:
    for creator in (alice, bob):
        for _ in range(3):
            await _add(store, creator, noon, carol)

    ended = await asyncio.gather(_anonymise(store, alice, bob), _anonymise(store, bob, alice), return_exceptions=True)

    assert [error for error in ended if isinstance(error, BaseException) and not isinstance(error, Conflict)] == []


async def test_whoever_is_no_longer_who_they_were_is_not_anonymised(
    store: Store, alice: StoredPerson, bob: StoredPerson
) -> None:
    async with store.writing() as tx:
        assert await tx.rename_person(bob, "robert")

    with pytest.raises(Conflict):
        await _anonymise(store, bob, alice)


async def test_a_renamed_person_keeps_what_they_have_and_their_home_goes_along(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    place = await _add(store, alice, noon, bob)
    async with store.writing() as tx:
        home = await tx.see_home(bob.id, "bob", noon)
        assert await tx.rename_person(bob, "robert")
        assert not await tx.rename_person(bob, "rob")

    async with store.writing() as tx:
        assert (await tx.find_person_named("robert", noon)) == StoredPerson(bob.id, "robert", noon)
        assert [grant.source for grant in await tx.list_grants(place.id)] == [DIRECT]
        moved = await tx.see_home(bob.id, "robert", noon)
        assert await tx.find_workspace_by_account("bob") is None
    assert (home.id, "~robert") == (moved.id, moved.public_id)


async def test_a_name_that_somebody_gets_by_a_rename_takes_the_home_of_its_earlier_bearer_off(
    store: Store, alice: StoredPerson, bob: StoredPerson, noon: datetime
) -> None:
    async with store.writing() as tx:
        later = await tx.see_person("robert", noon + timedelta(days=1))
        await tx.see_home(later.id, "robert", noon)
        await tx.see_home(bob.id, "bob", noon)
        assert await tx.rename_person(bob, "robert")

    async with store.reading() as tx:
        home = await tx.find_workspace_by_account("robert")
    assert home is not None
    assert home.creator_id == bob.id


async def test_two_who_learn_of_a_rename_at_once_agree(store: Store, bob: StoredPerson, noon: datetime) -> None:
    async def rename() -> bool:
        async with store.writing() as tx:
            return await tx.rename_person(bob, "robert")

    done = await asyncio.gather(*(rename() for _ in range(6)))

    assert [True] == [one for one in done if one]
    async with store.reading() as tx:
        assert [person.id for person in await tx.list_people_since(noon)] == [bob.id]


async def test_a_rename_to_what_is_known_already_is_a_conflict(
    store: Store, alice: StoredPerson, bob: StoredPerson
) -> None:
    with pytest.raises(Conflict):
        async with store.writing() as tx:
            await tx.rename_person(bob, alice.name)


async def test_people_are_searched_by_a_part_of_their_name(
    store: Store, alice: StoredPerson, bob: StoredPerson
) -> None:
    async with store.reading() as tx:
        found = [[p.name for p in await tx.search_people(text, limit=5)] for text in ("LI", "b", "%", "_", "\0")]

    assert [["alice"], ["bob"], [], [], []] == found
