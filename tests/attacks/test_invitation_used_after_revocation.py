"""A link that has been revoked: kept, shared on, sent again and again, and used at the very moment of its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from revocation.holding import Place, holding
from revocation.inviting import Link, accept, at_home, come_in, guests_of, invite, is_in, preview, refusal
from rooms.endurance.lengths import length
from support.demo import Demo, until

pytestmark = pytest.mark.hub

REVOKED = (410, "invitation-revoked")


@pytest.fixture(scope="module")
async def home(demo: Demo) -> AsyncIterator[Place]:
    async with at_home(demo) as place:
        yield place


async def test_one_revoked_link_lets_nobody_in_and_the_others_work(demo: Demo, home: Place) -> None:
    revoked, kept = await invite(demo, "alice", home.id), await invite(demo, "alice", home.id)
    answer = await demo.api("alice", "DELETE", f"workspaces/{home.id}/invitations/{revoked.id}")

    assert 204 == answer.status_code
    for who in ("bob", "dave", "bob"):
        assert REVOKED == refusal(await preview(demo, who, revoked)) == refusal(await accept(demo, who, revoked))
        assert not await is_in(demo, who, home)
    assert [] == await guests_of(demo, "alice", home.id)
    await come_in(demo, "bob", home, kept)
    assert await is_in(demo, "bob", home)
    assert (await demo.api("alice", "DELETE", f"workspaces/{home.id}/guests/bob")).is_success


async def test_all_links_revoked_leave_guests_where_they_are_and_bring_nobody_back(demo: Demo, home: Place) -> None:
    links = [await invite(demo, "alice", home.id) for _ in range(3)]
    await come_in(demo, "bob", home, links[0])
    async with holding(demo, "bob", home) as held:
        assert 204 == (await demo.api("alice", "DELETE", f"workspaces/{home.id}/invitations")).status_code
        for link in links:
            assert REVOKED == refusal(await accept(demo, "carol", link)) == refusal(await accept(demo, "bob", link))
        for socket in held.values():
            await (await socket.ping())
        assert (await demo.api("alice", "DELETE", f"workspaces/{home.id}/guests/bob")).is_success

    for link in links:
        assert REVOKED == refusal(await accept(demo, "bob", link))

    async def is_out() -> bool:
        return not await is_in(demo, "bob", home)

    await until(is_out)
    assert [] == await guests_of(demo, "alice", home.id)


async def test_nothing_that_is_sent_after_the_answer_is_accepted(demo: Demo, home: Place) -> None:
    for _ in range(length(5, soak=200)):
        link = await invite(demo, "alice", home.id)
        statuses: dict[float, int] = {}
        is_over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for who in ("bob", "carol", "dave"):
                tasks.create_task(_accept_until(is_over, demo, who, link, statuses))
            revoked = await demo.api("alice", "DELETE", f"workspaces/{home.id}/invitations/{link.id}")
            answered_at = time.monotonic()
            late = [refusal(await accept(demo, who, link)) for who in ("bob", "carol", "dave", "erin")]
            is_over.set()

        assert (204, [REVOKED] * 4) == (revoked.status_code, late)
        assert {200, 410} >= set(statuses.values())
        assert {410} >= {status for sent_at, status in statuses.items() if sent_at > answered_at}


async def _accept_until(is_over: asyncio.Event, demo: Demo, who: str, link: Link, statuses: dict[float, int]) -> None:
    """Accept over and over; notes when each was sent and what came of it."""
    while not is_over.is_set():
        sent_at = time.monotonic()
        statuses[sent_at] = (await accept(demo, who, link)).status_code


async def test_a_stranger_learns_no_more_of_it_than_that(demo: Demo, home: Place) -> None:
    """Neither whose home nor which role: only who has the secret gets even this answer."""
    link = await invite(demo, "alice", home.id)
    assert 204 == (await demo.api("alice", "DELETE", f"workspaces/{home.id}/invitations")).status_code
    answers = [await preview(demo, "erin", link), await accept(demo, "erin", link)]

    assert [REVOKED] * 2 == [refusal(answer) for answer in answers]
    assert not any(word in answer.text for answer in answers for word in ("alice", "Home", "ditor", link.secret))
