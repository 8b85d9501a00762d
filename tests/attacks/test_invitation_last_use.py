"""Several people reach for the last use of a link at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from revocation.holding import Place
from revocation.inviting import accept, at_home, guests_of, invite, refusal, revoke_everything
from rooms.endurance.lengths import length
from support.demo import Demo

pytestmark = pytest.mark.hub

PEOPLE = ("bob", "carol", "dave", "erin")
USED_UP = (410, "invitation-used-up")


@pytest.fixture(scope="module")
async def home(demo: Demo) -> AsyncIterator[Place]:
    async with at_home(demo) as place:
        yield place


@pytest.mark.parametrize("uses", [1, 2, 3])
async def test_no_more_people_come_in_than_may(demo: Demo, home: Place, uses: int) -> None:
    for _ in range(length(8, soak=300)):
        link = await invite(demo, "alice", home.id, max_uses=uses)
        # Each twice: somebody who is in hurry does not take two uses.
        answers = await asyncio.gather(*(accept(demo, who, link) for who in PEOPLE * 2))
        outcomes = {who: {refusal(answer) for answer in answers[index::4]} for index, who in enumerate(PEOPLE)}
        inside = sorted(who for who in PEOPLE if outcomes[who] == {(200, "")})
        outside = [who for who in PEOPLE if outcomes[who] == {USED_UP}]
        (listed,) = (await demo.api("alice", "GET", f"workspaces/{home.id}/invitations")).json()["items"]

        assert (uses, len(PEOPLE) - uses) == (len(inside), len(outside)), outcomes
        assert (inside, uses) == (await guests_of(demo, "alice", home.id), listed["uses"])
        await revoke_everything(demo, "alice", home.id)


async def test_a_use_is_not_given_back_by_whoever_is_removed(demo: Demo, home: Place) -> None:
    link = await invite(demo, "alice", home.id, max_uses=1)
    assert 200 == (await accept(demo, "bob", link)).status_code
    assert (await demo.api("alice", "DELETE", f"workspaces/{home.id}/guests/bob")).is_success

    assert [USED_UP] * 2 == [refusal(await accept(demo, who, link)) for who in ("bob", "carol")]
    await revoke_everything(demo, "alice", home.id)


async def test_the_last_use_and_its_revocation_at_once(demo: Demo, home: Place) -> None:
    """Whoever was told that they are a guest is one; whoever was refused is none."""
    for _ in range(length(5, soak=200)):
        link = await invite(demo, "alice", home.id, max_uses=1)
        bobs, carols, revoked = await asyncio.gather(
            accept(demo, "bob", link),
            accept(demo, "carol", link),
            demo.api("alice", "DELETE", f"workspaces/{home.id}/invitations"),
        )
        told = [who for who, answer in (("bob", bobs), ("carol", carols)) if answer.status_code == 200]

        assert (204, True) == (revoked.status_code, len(told) <= 1)
        assert told == await guests_of(demo, "alice", home.id)
        assert (410, "invitation-revoked") == refusal(await accept(demo, "dave", link))
        await revoke_everything(demo, "alice", home.id)
