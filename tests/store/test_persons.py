"""Persons: one row per name and account of the Hub."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from coterie.store import NotFound, Store, StoredPerson
from coterie.store.ids import is_id


async def test_a_person_is_added_when_first_seen_and_found_afterwards(store: Store, noon: datetime) -> None:
    async with store.writing() as tx:
        first = await tx.see_person("alice", noon)
        again = await tx.see_person("alice", noon)

    assert again == first
    assert is_id(first.id)
    async with store.reading() as tx:
        assert (await tx.get_people([first.id]))[first.id] == StoredPerson(first.id, "alice", noon)
        assert await tx.find_person_named("alice", noon) == first


async def test_a_name_that_the_hub_creates_again_is_another_person(store: Store, noon: datetime) -> None:
    async with store.writing() as tx:
        old = await tx.see_person("alice", noon)
        new = await tx.see_person("alice", noon + timedelta(microseconds=1))

    assert old.id != new.id


async def test_names_differ_by_case_and_by_form(store: Store, noon: datetime) -> None:
    names = ["zoe", "Zoe", "ZOE", "zoë", "zoe\u0308", "зоя", "小明", "👩‍🚀", "' OR 1=1 --", "straße", "STRASSE"]
    async with store.writing() as tx:
        people = [await tx.see_person(name, noon) for name in names]

    assert len({person.id for person in people}) == len(names)
    async with store.reading() as tx:
        assert [await tx.find_person_named(name, noon) for name in names] == people
        assert await tx.find_person_named("zOE", noon) is None


async def test_one_instant_is_the_same_in_every_zone_and_comes_back_as_utc(store: Store, noon: datetime) -> None:
    elsewhere = noon.astimezone(timezone(timedelta(hours=5, minutes=30)))
    async with store.writing() as tx:
        first = await tx.see_person("alice", noon)
        again = await tx.see_person("alice", elsewhere)

    assert again.id == first.id
    assert again.hub_created.tzinfo is UTC or again.hub_created.utcoffset() == timedelta(0)


async def test_two_who_see_a_person_at_once_see_the_same(store: Store, noon: datetime) -> None:
    async def see() -> StoredPerson:
        async with store.writing() as tx:
            return await tx.see_person("alice", noon)

    seen = await asyncio.gather(*(see() for _ in range(8)))

    assert len(set(seen)) == 1


async def test_people_are_got_by_their_ids(store: Store, alice: StoredPerson, bob: StoredPerson) -> None:
    async with store.reading() as tx:
        assert await tx.get_people([bob.id, alice.id, bob.id]) == {alice.id: alice, bob.id: bob}
        assert await tx.get_people([]) == {}
        with pytest.raises(NotFound):
            await tx.get_people([alice.id, "a" * 16])
