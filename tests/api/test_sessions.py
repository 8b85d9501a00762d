"""Sessions on record, and the events that say so."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from api.conftest import Service
from coterie.actions.admit import keep_shares_in_step
from coterie.actions.sessions import end_session, report_session
from coterie.store import StoredWorkspace, Unavailable
from coterie.wire.events import EventKind
from support.demo import until

pytestmark = pytest.mark.hub


async def _stored(service: Service, workspace: str) -> StoredWorkspace:
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(workspace)
    assert stored is not None
    return stored


async def _kinds(service: Service, workspace: str) -> list[str]:
    async with service.world.store.reading() as tx:
        return [event.kind for event in await tx.read_after(0, limit=100, workspace_id=workspace)]


async def test_a_new_session_ends_the_one_on_record_first(service: Service) -> None:
    workspace = await service.create("alice", "Two sessions")
    await report_session(service.world, await _stored(service, workspace), "first")
    await report_session(service.world, await _stored(service, workspace), "first")

    await report_session(service.world, await _stored(service, workspace), "second")

    assert (await _stored(service, workspace)).session == "second"
    assert [EventKind.REPORTED, EventKind.ENDED, EventKind.REPORTED] == await _kinds(service, workspace)


async def test_the_end_of_a_session_does_not_touch_the_one_after_it(service: Service) -> None:
    workspace = await service.create("alice", "Late end")
    await report_session(service.world, await _stored(service, workspace), "first")
    earlier = await _stored(service, workspace)
    await report_session(service.world, await _stored(service, workspace), "second")

    await end_session(service.world, earlier)

    assert (await _stored(service, workspace)).session == "second"


async def test_a_session_that_the_hub_knows_nothing_of_is_ended_by_the_review(service: Service) -> None:
    workspace = await service.create("alice", "Unknown to the Hub")
    await report_session(service.world, await _stored(service, workspace), "gone")

    async def is_over() -> bool:
        return (await _stored(service, workspace)).session is None

    assert await until(is_over, within=20)
    answer = await service.call("alice", "GET", f"workspaces/{workspace}")
    assert answer.json()["server"] == "stopped"


async def test_a_database_that_is_away_for_a_moment_does_not_end_the_consumer(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    went_on = asyncio.Event()
    reading = service.world.store.reading

    def fails_at_first() -> object:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Unavailable("the database restarts")
        went_on.set()
        return reading()

    monkeypatch.setattr(service.world.store, "reading", fails_at_first)
    consumer = asyncio.create_task(keep_shares_in_step(service.world))

    await asyncio.wait_for(went_on.wait(), 20)

    assert not consumer.done()
    consumer.cancel()
    with suppress(asyncio.CancelledError):
        await consumer
