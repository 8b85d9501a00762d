"""Sessions on record, and the events that say so."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import uuid4

import pytest

from api.inviting import Place, Somebody, accept
from api.service import Service
from coterie.actions import admit
from coterie.actions.admit import keep_shares_in_step
from coterie.actions.explain import decide_at_once, decide_for_server
from coterie.actions.sessions import end_session, report_session
from coterie.actions.world import World
from coterie.store import StoredWorkspace, Unavailable
from coterie.wire.events import EventKind
from support.demo import until

pytestmark = pytest.mark.hub

#: A workspace's id, and the session in which somebody is a guest there.
Guest = tuple[str, str]


@pytest.fixture
def unreviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No review ends these sessions, of which the Hub knows nothing."""

    async def look_at_nothing(_: World) -> None:
        pass

    monkeypatch.setattr(admit, "review_sessions", look_at_nothing)


@pytest.fixture
async def bob(service: Service, unreviewed: None) -> Guest:
    """Bob, an Editor for one session of a workspace."""
    place = Place(service, Somebody(service, "alice"), await service.create("alice"), set())
    session = uuid4().hex
    await report_session(service.world, await place.stored(), session)
    accepted = await accept(Somebody(service, "bob"), await place.invite(role="editor", lifetime="session"))
    assert 200 == accepted.status_code, accepted.text
    return place.id, session


async def _stored(service: Service, workspace: str) -> StoredWorkspace:
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(workspace)
    assert stored is not None
    return stored


async def _kinds(service: Service, workspace: str) -> list[str]:
    async with service.world.store.reading() as tx:
        return [event.kind for event in await tx.read_after(0, limit=100, workspace_id=workspace)]


@pytest.mark.usefixtures("unreviewed")
async def test_a_new_session_ends_the_one_on_record_first(service: Service) -> None:
    workspace = await service.create("alice", "Two sessions")
    await report_session(service.world, await _stored(service, workspace), "first")
    await report_session(service.world, await _stored(service, workspace), "first")

    await report_session(service.world, await _stored(service, workspace), "second")

    assert (await _stored(service, workspace)).session == "second"
    assert [EventKind.REPORTED, EventKind.ENDED, EventKind.REPORTED] == await _kinds(service, workspace)


@pytest.mark.usefixtures("unreviewed")
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


async def test_a_new_server_is_told_of_nobody_from_the_session_before(service: Service, bob: Guest) -> None:
    """Also before it has reported itself, while that session is still on record."""
    world, (place, earlier) = service.world, bob
    stored = await _stored(service, place)

    told = {
        session: [
            (await decide_for_server(world, stored, session, "bob")).role,
            (await decide_at_once(world, stored, session, ["bob", "nobody-at-all"])).decisions[0].role,
        ]
        for session in (earlier, uuid4().hex, None)
    }

    assert ["editor", "editor"] == told.pop(earlier)
    assert [[None, None], [None, None]] == list(told.values())


async def test_decisions_about_many_are_those_about_each_in_the_same_order(service: Service) -> None:
    workspace = await service.create("alice", "Many")
    await service.grant("alice", workspace, "group", "astro", "viewer")
    stored, names = await _stored(service, workspace), ["carol", "nobody-at-all", "alice", "bob", "dave", "bob"]

    at_once = await decide_at_once(service.world, stored, None, names)

    assert [await decide_for_server(service.world, stored, None, name) for name in names] == at_once.decisions
    assert ["viewer", None, "creator", "viewer", None, "viewer"] == [each.role for each in at_once.decisions]
