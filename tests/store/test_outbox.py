"""The outbox: in order, without gaps for a reader, and told of once it is committed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from coterie.policy import Principal, PrincipalKind
from coterie.store import Store, StoredEvent

HERE, THERE = "a" * 16, "b" * 16
BOB = Principal(PrincipalKind.USER, "c" * 16)


class ChangeOfMind(Exception):
    """What ends a transaction that is not to be kept."""


def change_mind_if(condition: bool) -> None:
    if condition:
        raise ChangeOfMind


async def test_events_are_read_in_the_order_in_which_they_were_appended(store: Store, noon: datetime) -> None:
    async with store.writing() as tx:
        first = await tx.append_event(HERE, "granted", BOB, noon)
        second = await tx.append_event(THERE, "general-access-changed", None, noon + timedelta(seconds=1))
        third = await tx.append_event(HERE, "revoked", BOB, noon)

    assert 0 < first < second < third
    events = [
        StoredEvent(first, HERE, "granted", BOB, noon),
        StoredEvent(second, THERE, "general-access-changed", None, noon + timedelta(seconds=1)),
        StoredEvent(third, HERE, "revoked", BOB, noon),
    ]
    async with store.reading() as tx:
        assert await tx.read_after(0, limit=10) == events
        assert await tx.read_after(0, limit=2) == events[:2]
        assert await tx.read_after(first, limit=10) == events[1:]
        assert await tx.read_after(0, limit=10, workspace_id=HERE) == [events[0], events[2]]
        assert await tx.read_after(third, limit=10) == []
        assert await tx.latest_revision() == third


async def test_an_empty_outbox_is_at_revision_0(store: Store) -> None:
    async with store.reading() as tx:
        assert await tx.latest_revision() == 0
        assert await tx.read_after(0, limit=10) == []


async def test_each_consumer_has_its_own_position(store: Store) -> None:
    async with store.writing() as tx:
        await tx.set_position("shares", 3)
        await tx.set_position("shares", 2**40)

        assert await tx.get_position("shares") == 2**40
        assert await tx.get_position("Shares") == 0


async def test_a_reader_never_misses_an_event_whoever_appends_meanwhile(store: Store, url: str, noon: datetime) -> None:
    """Twenty appenders in two processes, some of which change their minds; the reader follows as a server does."""
    other = Store(url)
    appended: list[int] = []
    is_over = asyncio.Event()

    async def append(store: Store, number: int) -> None:
        for turn in range(10):
            with suppress(ChangeOfMind):
                async with store.writing() as tx:
                    revisions = [
                        await tx.append_event(HERE, f"{number}-{turn}", None, noon) for _ in range(1 + turn % 3)
                    ]
                    # Some take longer between the number and the commit, so that others could come between.
                    for _ in range(number % 4):
                        await tx.latest_revision()
                    change_mind_if(turn == 5)
                appended.extend(revisions)

    async def follow() -> list[int]:
        followed: list[int] = []
        while True:
            was_over = is_over.is_set()
            async with other.reading() as tx:
                events = await tx.read_after(followed[-1] if followed else 0, limit=100)
            followed += [event.revision for event in events]
            if was_over and not events:
                return followed

    reader = asyncio.create_task(follow())
    await asyncio.gather(*(append([store, other][number % 2], number) for number in range(20)))
    is_over.set()
    followed = await reader
    await other.close()

    assert followed == sorted(appended)


async def test_a_number_given_out_first_is_seen_first(store: Store, url: str, noon: datetime) -> None:
    """Who appends while another has appended and not yet committed waits; otherwise a reader could pass by a row."""
    other = Store(url)

    async def append_late() -> int:
        async with other.writing() as tx:
            return await tx.append_event(THERE, "granted", None, noon)

    async with store.writing() as tx:
        early = await tx.append_event(HERE, "granted", None, noon)
        task = asyncio.create_task(append_late())
        done, _ = await asyncio.wait([task], timeout=0.3)
        assert not done
    late = await task
    await other.close()

    assert early < late


async def test_listeners_hear_of_each_commit_that_appended_and_of_no_other(store: Store, noon: datetime) -> None:
    heard: list[int] = []
    visible: list[int] = []
    store.on_append(lambda: heard.append(1))

    async with store.writing() as tx:
        await tx.set_position("shares", 1)
    assert heard == []
    with suppress(ChangeOfMind):
        async with store.writing() as tx:
            await tx.append_event(HERE, "granted", None, noon)
            change_mind_if(True)
    assert heard == []
    async with store.writing() as tx:
        visible.append(await tx.append_event(HERE, "granted", None, noon))
        visible.append(await tx.append_event(HERE, "granted", None, noon))
        assert heard == []
    assert heard == [1]
    async with store.reading() as tx:
        assert [event.revision for event in await tx.read_after(0, limit=9)] == visible
