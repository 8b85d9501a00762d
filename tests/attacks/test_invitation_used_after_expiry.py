"""A link whose time is over, used by somebody whose clock says something else. What counts is the service's clock."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from sqlalchemy import update

from coterie.store import Store
from coterie.store.tables import invitations
from revocation.holding import Place
from revocation.inviting import Link, accept, at_home, guests_of, invite, preview, refusal, revoke_everything
from support.demo import Demo, until

pytestmark = pytest.mark.hub

EXPIRED = (410, "invitation-expired")
_DAYS = (-3650, -1, 0, 1, 3650)


@pytest.fixture(scope="module")
async def home(demo: Demo) -> AsyncIterator[Place]:
    async with at_home(demo) as place:
        yield place


async def end_at(demo: Demo, link: Link, instant: datetime) -> None:
    """Have *link* end at *instant*, as if it had been made that much earlier: a minute is the least one can ask for."""
    store = Store(f"sqlite:///{demo.state}/coterie.sqlite")
    async with store.writing() as tx:
        await tx._change(update(invitations).where(invitations.c.id == link.id).values(expires_at=instant))
    await store.close()


def _clocks() -> list[dict[str, str]]:
    """Headers of clients whose clocks go wrong, by days."""
    dates = [format_datetime(datetime.now(UTC) + timedelta(days=days), usegmt=True) for days in _DAYS]
    names = ("Date", "If-Modified-Since", "If-Unmodified-Since", "Expires", "X-Date")
    return [dict.fromkeys(names, date) for date in dates]


async def test_no_clock_of_a_client_makes_an_expired_link_work(demo: Demo, home: Place) -> None:
    link = await invite(demo, "alice", home.id)
    await end_at(demo, link, datetime.now(UTC))

    for headers in _clocks():
        for act in ("preview", "accept"):
            answer = await demo.api("bob", "POST", f"invitations/{act}", json={"secret": link.secret}, headers=headers)
            assert EXPIRED == refusal(answer)
    assert [] == await guests_of(demo, "alice", home.id)
    assert [] == (await demo.api("alice", "GET", f"workspaces/{home.id}/invitations")).json()["items"]


async def test_no_clock_of_a_client_ends_a_link_that_works(demo: Demo, home: Place) -> None:
    link = await invite(demo, "alice", home.id, expires_in=60)
    statuses = [
        (await demo.api("bob", "POST", "invitations/accept", json={"secret": link.secret}, headers=headers)).status_code
        for headers in _clocks()
    ]

    assert [200] * len(_DAYS) == statuses
    assert ["bob"] == await guests_of(demo, "alice", home.id)
    await revoke_everything(demo, "alice", home.id)


async def test_it_works_until_its_last_moment_and_never_after(demo: Demo, home: Place) -> None:
    link = await invite(demo, "alice", home.id)
    ends = datetime.now(UTC)
    worked: list[float] = []

    async def is_refused() -> bool:
        sent_at = time.time()
        answer = await accept(demo, "bob", link)
        if answer.status_code == 200:
            worked.append(sent_at)
            return False
        assert EXPIRED == refusal(answer)
        # This machine's clock is the service's.
        assert time.time() >= ends.timestamp()
        return True

    for seconds in (2, 15, 60):  # longer where nobody was quick enough
        ends = datetime.now(UTC) + timedelta(seconds=seconds)
        await end_at(demo, link, ends)
        await until(is_refused, within=seconds + 30)
        if worked:
            break

    assert worked
    assert max(worked) < ends.timestamp()
    assert EXPIRED == refusal(await preview(demo, "carol", link)) == refusal(await accept(demo, "carol", link))
    # Whoever accepted in time is a guest, and stays one.
    assert ["bob"] == await guests_of(demo, "alice", home.id)
    await revoke_everything(demo, "alice", home.id)


async def test_whoever_was_removed_does_not_come_back_by_a_link_that_has_ended(demo: Demo, home: Place) -> None:
    link = await invite(demo, "alice", home.id)
    assert 200 == (await accept(demo, "bob", link)).status_code
    await end_at(demo, link, datetime.now(UTC))
    assert (await demo.api("alice", "DELETE", f"workspaces/{home.id}/guests/bob")).is_success

    assert EXPIRED == refusal(await accept(demo, "bob", link))
    assert [] == await guests_of(demo, "alice", home.id)


@pytest.mark.soak
async def test_a_link_of_a_minute_ends_after_a_minute(demo: Demo, home: Place) -> None:
    asked_at = time.monotonic()
    link = await invite(demo, "alice", home.id, expires_in=60)

    async def is_over() -> bool:
        return (await preview(demo, "bob", link)).status_code == 410

    await until(is_over, within=120, every=0.5)
    assert 60 <= time.monotonic() - asked_at
