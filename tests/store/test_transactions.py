"""What a transaction keeps, what it undoes, and what it shows to whom."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from coterie.policy import Principal, PrincipalKind, Role
from coterie.store import Conflict, Malformed, NotFound, Store, StoredPerson, StoredWorkspace, Unavailable
from coterie.store.engine import parse_url
from support.postgresql import create_database

ASTRO = Principal(PrincipalKind.GROUP, "astro")


async def test_nothing_is_kept_of_a_transaction_that_raises(store: Store, alice: StoredPerson, noon: datetime) -> None:
    async def add_and_fail() -> None:
        async with store.writing() as tx:
            added.append(await tx.add_workspace("Penguins", alice.id, noon))
            await tx.append_event(added[0].id, "workspace-created", None, noon)
            raise LookupError

    added: list[StoredWorkspace] = []
    with pytest.raises(LookupError):
        await add_and_fail()

    async with store.reading() as tx:
        assert await tx.find_workspace(added[0].id) is None
        assert await tx.latest_revision() == 0


async def test_nothing_is_kept_of_a_transaction_that_is_cancelled(
    store: Store, alice: StoredPerson, noon: datetime
) -> None:
    has_begun = asyncio.Event()

    async def never_ends() -> None:
        async with store.writing() as tx:
            await tx.append_event("a" * 16, "granted", None, noon)
            has_begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(never_ends())
    await has_begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with store.writing() as tx:
        assert await tx.latest_revision() == 0


async def test_reading_sees_one_instant_while_others_write(store: Store, alice: StoredPerson, noon: datetime) -> None:
    async with store.reading() as before:
        assert await before.latest_revision() == 0
        async with store.writing() as tx:
            await tx.append_event("a" * 16, "granted", None, noon)

        assert await before.latest_revision() == 0
    async with store.reading() as after:
        assert await after.latest_revision() > 0


async def test_what_is_not_committed_is_seen_by_nobody(store: Store, alice: StoredPerson, noon: datetime) -> None:
    async with store.writing() as tx:
        workspace = await tx.add_workspace("Penguins", alice.id, noon)
        async with store.reading() as other:
            seen = await other.find_workspace(workspace.id)

    assert seen is None


async def test_reading_refuses_to_change_anything(store: Store, alice: StoredPerson, noon: datetime) -> None:
    async with store.reading() as tx:
        with pytest.raises(RuntimeError, match="writing"):
            await tx.add_workspace("Penguins", alice.id, noon)


async def test_after_an_event_no_other_workspace_can_be_changed(
    store: Store, alice: StoredPerson, noon: datetime
) -> None:
    async with store.writing() as tx:
        first = await tx.add_workspace("Penguins", alice.id, noon)
        second = await tx.add_workspace("Comets", alice.id, noon)
    async with store.writing() as tx:
        await tx.rename_workspace(first.id, "Emperor penguins")
        await tx.append_event(first.id, "renamed", None, noon)
        await tx.rename_workspace(first.id, "King penguins")

        with pytest.raises(RuntimeError, match="events come last"):
            await tx.rename_workspace(second.id, "Meteors")


async def test_who_waits_too_long_for_a_turn_to_write_is_told(
    tmp_path: Path, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coterie.store.store.PATIENCE", 0.1)
    store = Store(f"sqlite:///{tmp_path}/coterie.sqlite")
    await store.migrate()

    async with store.writing() as tx:
        await tx.see_person("alice", noon)
        with pytest.raises(Unavailable):
            async with store.writing():
                pass
    async with store.reading() as tx:
        assert await tx.find_person_named("alice", noon) is not None
    await store.close()


@pytest.mark.postgresql
async def test_of_two_who_wait_for_each_other_one_is_told_to_try_again(postgresql_url: str, noon: datetime) -> None:
    store = Store(create_database(postgresql_url))
    await store.migrate()
    async with store.writing() as tx:
        alice = await tx.see_person("alice", noon)
        one = await tx.add_workspace("Penguins", alice.id, noon)
        two = await tx.add_workspace("Comets", alice.id, noon)
    both_hold_one = asyncio.Barrier(2)

    async def rename_both(first: str, second: str) -> str:
        try:
            async with store.writing() as tx:
                await tx.rename_workspace(first, "Renamed")
                await both_hold_one.wait()
                await tx.rename_workspace(second, "Renamed")
        except Conflict:
            return "conflict"
        return "renamed"

    outcomes = await asyncio.gather(rename_both(one.id, two.id), rename_both(two.id, one.id))
    await store.close()

    assert sorted(outcomes) == ["conflict", "renamed"]


@pytest.mark.parametrize("text", ["x" * 256, "nul\0", "half a \ud83d pair"])
async def test_a_text_that_cannot_be_stored_is_refused_alike_and_never_found(
    store: Store, alice: StoredPerson, noon: datetime, text: str
) -> None:
    async with store.writing() as tx:
        workspace = await tx.add_workspace("Penguins", alice.id, noon)
    odd = Principal(PrincipalKind.GROUP, text)

    for attempt in (
        lambda tx: tx.see_person(text, noon),
        lambda tx: tx.add_workspace(text, alice.id, noon),
        lambda tx: tx.rename_workspace(workspace.id, text),
        lambda tx: tx.put_grant(workspace.id, odd, Role.VIEWER, expires_at=None, by=alice.id, at=noon),
        lambda tx: tx.append_event(workspace.id, "granted", odd, noon),
    ):
        with pytest.raises(Malformed):
            async with store.writing() as tx:
                await attempt(tx)
    async with store.writing() as tx:
        assert await tx.find_workspace(text) is None
        assert await tx.find_workspace_by_account(text) is None
        assert await tx.find_person_named(text, noon) is None
        assert await tx.find_home(text) is None
        assert await tx.remove_grants(workspace.id, odd) == 0


async def test_a_time_without_zone_is_refused(store: Store, alice: StoredPerson, noon: datetime) -> None:
    with pytest.raises(ValueError, match="aware"):
        async with store.writing() as tx:
            await tx.add_workspace("Penguins", alice.id, noon.replace(tzinfo=None))


@pytest.mark.parametrize("name", ["a" * 16, "", "~alice", "A" * 16, "x" * 300, "nul\0"])
async def test_changing_what_is_not_stored_is_not_found(
    store: Store, alice: StoredPerson, noon: datetime, name: str
) -> None:
    for attempt in (
        lambda tx: tx.facts(name),
        lambda tx: tx.rename_workspace(name, "Penguins"),
        lambda tx: tx.set_archived(name, noon),
        lambda tx: tx.remove_workspace(name),
        lambda tx: tx.put_grant(name, ASTRO, Role.VIEWER, expires_at=None, by=alice.id, at=noon),
        lambda tx: tx.remove_grants(name, ASTRO),
        lambda tx: tx.report_session(name, "s1"),
        lambda tx: tx.get_people([alice.id, name]),
    ):
        with pytest.raises((NotFound, Malformed)):
            async with store.writing() as tx:
                await attempt(tx)


async def test_naming_a_row_that_is_gone_is_not_found(store: Store, alice: StoredPerson, noon: datetime) -> None:
    async with store.writing() as tx:
        workspace = await tx.add_workspace("Penguins", alice.id, noon)
    nobody = "a" * 16

    for attempt in (
        lambda tx: tx.add_workspace("Penguins", nobody, noon),
        lambda tx: tx.see_home(nobody, "nobody", noon),
        lambda tx: tx.put_grant(workspace.id, ASTRO, Role.VIEWER, expires_at=None, by=nobody, at=noon),
        lambda tx: tx.set_favourite(workspace.id, nobody, True),
        lambda tx: tx.want_entry(nobody, alice.id, noon),
    ):
        with pytest.raises(NotFound) as caught:
            async with store.writing() as tx:
                await attempt(tx)
        assert "FOREIGN KEY" not in str(caught.value).upper()


async def test_a_database_that_cannot_be_reached_is_unavailable_and_its_password_stays_secret() -> None:
    store = Store("postgresql://coterie:secret@127.0.0.1:1/coterie")

    with pytest.raises(Unavailable) as caught:
        async with store.reading():
            pass

    await store.close()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("plain", "driver"),
    [
        ("sqlite:////var/lib/coterie.sqlite", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:////var/lib/coterie.sqlite", "sqlite+aiosqlite"),
        ("postgresql://db/coterie", "postgresql+asyncpg"),
        ("postgres://db/coterie", "postgresql+asyncpg"),
        ("postgresql+asyncpg://db/coterie", "postgresql+asyncpg"),
    ],
)
def test_an_address_may_name_the_driver_or_leave_it_out(plain: str, driver: str) -> None:
    assert parse_url(plain).drivername == driver


@pytest.mark.parametrize("text", ["", "sqlite://", "sqlite:///:memory:", "mysql://root:secret@db/coterie", "nonsense"])
def test_any_other_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        Store(text)

    assert "secret" not in str(caught.value)
