"""Sessions and entries: which run a server is in, and who holds or awaits a Hub share."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from coterie.store import EntryState, Store, StoredEntry, StoredPerson, StoredWorkspace


@pytest.fixture
async def penguins(store: Store, alice: StoredPerson, noon: datetime) -> StoredWorkspace:
    async with store.writing() as tx:
        return await tx.add_workspace("Penguins", alice.id, noon)


async def _session(store: Store, workspace: StoredWorkspace) -> tuple[str | None, bool]:
    async with store.reading() as tx:
        found = await tx.find_workspace(workspace.id)
        assert found is not None
        assert (await tx.facts(workspace.id)).session == found.session
        return found.session


async def test_a_session_is_reported_and_ends(store: Store, penguins: StoredWorkspace) -> None:
    assert await _session(store, penguins) is None

    async with store.writing() as tx:
        assert await tx.report_session(penguins.id, "s1")
        assert not await tx.report_session(penguins.id, "s1")
    assert await _session(store, penguins) == "s1"

    async with store.writing() as tx:
        assert await tx.end_session(penguins.id, "s1")
        assert not await tx.end_session(penguins.id, "s1")
    assert await _session(store, penguins) is None


async def test_the_end_of_an_earlier_session_does_not_end_the_current_one(
    store: Store, penguins: StoredWorkspace
) -> None:
    async with store.writing() as tx:
        await tx.report_session(penguins.id, "s1")
        assert await tx.report_session(penguins.id, "s2")
        assert not await tx.end_session(penguins.id, "s1")

    assert await _session(store, penguins) == "s2"


async def test_only_what_is_in_a_session_is_listed(
    store: Store, alice: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    async with store.writing() as tx:
        await tx.add_workspace("Comets", alice.id, noon)
        home = await tx.see_home(alice.id, "alice", noon)
        await tx.report_session(penguins.id, "s1")
        await tx.report_session(home.id, "s2")

        listed = await tx.list_sessions()

    assert [(each.id, each.session) for each in listed] == sorted([(penguins.id, "s1"), (home.id, "s2")])


async def test_an_entry_is_wanted_then_admitted_then_gone(
    store: Store, bob: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    later = noon + timedelta(hours=1)
    async with store.writing() as tx:
        assert await tx.find_entry(penguins.id, bob.id) is None
        wanted = await tx.want_entry(penguins.id, bob.id, noon)
        assert wanted == StoredEntry(penguins.id, bob.id, EntryState.WANTED, noon)
        assert await tx.want_entry(penguins.id, bob.id, later) == wanted

        assert await tx.mark_admitted(penguins.id, bob.id)
        admitted = StoredEntry(penguins.id, bob.id, EntryState.ADMITTED, noon)
        assert await tx.want_entry(penguins.id, bob.id, later) == admitted
        assert await tx.find_entry(penguins.id, bob.id) == admitted
        assert await tx.list_entries(penguins.id) == [admitted]

        assert await tx.remove_entry(penguins.id, bob.id)
        assert not await tx.remove_entry(penguins.id, bob.id)
        assert not await tx.mark_admitted(penguins.id, bob.id)
        assert await tx.list_entries(penguins.id) == []


async def test_resetting_has_everybody_wait_again(
    store: Store, alice: StoredPerson, bob: StoredPerson, penguins: StoredWorkspace, noon: datetime
) -> None:
    async with store.writing() as tx:
        comets = await tx.add_workspace("Comets", alice.id, noon)
        elsewhere = await tx.want_entry(comets.id, alice.id, noon + timedelta(hours=1))
        await tx.want_entry(penguins.id, alice.id, noon)
        waiting = await tx.want_entry(penguins.id, bob.id, noon)
        await tx.mark_admitted(penguins.id, alice.id)

        assert await tx.reset_entries(penguins.id) == 1
        again = StoredEntry(penguins.id, alice.id, EntryState.WANTED, noon)
        assert sorted(await tx.list_entries(penguins.id), key=lambda entry: entry.person_id) == sorted(
            [again, waiting], key=lambda entry: entry.person_id
        )
        assert await tx.list_entries(comets.id) == [elsewhere]
