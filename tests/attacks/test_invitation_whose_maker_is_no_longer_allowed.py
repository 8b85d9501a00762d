"""Whoever made a link was demoted, removed, anonymised or deleted: the link that is still around lets nobody in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from revocation.holding import hub
from revocation.inviting import Link, accept, guests_of, invite, preview, refusal, with_people
from support.demo import Demo, until

pytestmark = pytest.mark.hub

NO_MAKER = (410, "invitation-has-no-maker")


async def _is_dead(demo: Demo, link: Link) -> None:
    """Nobody can use *link*, of its maker's group or not, and nobody learns of what it led to."""
    for who in ("bob", "dave", "erin"):
        for answer in (await preview(demo, who, link), await accept(demo, who, link)):
            assert NO_MAKER == refusal(answer)
            assert "Cormorants" not in answer.text


@pytest.mark.parametrize("role", ["editor", "viewer", None])
async def test_a_co_owner_who_is_one_no_longer(demo: Demo, role: str | None) -> None:
    workspace = await demo.create("alice", "Cormorants")
    await demo.grant("alice", workspace, "carol", "co-owner")
    links = [await invite(demo, "carol", workspace, role=each) for each in ("viewer", "editor")]
    if role is None:
        assert (await demo.api("alice", "DELETE", f"workspaces/{workspace}/grants/user/carol")).is_success
    else:
        await demo.grant("alice", workspace, "carol", role)

    for link in links:
        await _is_dead(demo, link)
    assert [] == await guests_of(demo, "alice", workspace)
    # The link is as good as its maker: again Co-owner, they could make it again.
    await demo.grant("alice", workspace, "carol", "co-owner")
    assert 200 == (await accept(demo, "bob", links[0])).status_code


async def test_guests_whom_a_co_owner_invited_stay_when_the_co_owner_goes(demo: Demo) -> None:
    workspace = await demo.create("alice", "Cormorants")
    await demo.grant("alice", workspace, "carol", "co-owner")
    link = await invite(demo, "carol", workspace)
    assert 200 == (await accept(demo, "bob", link)).status_code
    assert (await demo.api("alice", "DELETE", f"workspaces/{workspace}/grants/user/carol")).is_success

    assert ["bob"] == await guests_of(demo, "alice", workspace)
    assert "viewer" == (await demo.api("bob", "GET", f"workspaces/{workspace}")).json()["role"]
    assert NO_MAKER == refusal(await accept(demo, "dave", link))


async def test_a_co_owner_by_a_group_that_they_have_left(demo: Demo) -> None:
    workspace = await demo.create("alice", "Cormorants")
    await demo.grant("admin", workspace, "bio", "co-owner", kind="group")
    link = await invite(demo, "dave", workspace)
    assert 200 == (await preview(demo, "erin", link)).status_code
    await hub(demo, "admin", "DELETE", "groups/bio/users", json={"users": ["dave"]})
    try:

        async def is_refused() -> bool:
            return refusal(await preview(demo, "erin", link)) == NO_MAKER

        # The Hub's word on groups is kept for seconds.
        await until(is_refused, within=30, every=0.2)
        assert NO_MAKER == refusal(await accept(demo, "erin", link))
    finally:
        await hub(demo, "admin", "POST", "groups/bio/users", json={"users": ["dave"]})


async def _anonymise(demo: Demo, name: str) -> None:
    answer = await demo.api("admin", "POST", f"users/{name}/anonymise")
    assert answer.status_code == 200, answer.text


async def _delete(demo: Demo, name: str) -> None:
    await hub(demo, "admin", "DELETE", f"users/{name}")


async def _delete_and_make_anew(demo: Demo, name: str) -> None:
    await _delete(demo, name)
    await hub(demo, "admin", "POST", f"users/{name}")


@pytest.mark.parametrize("end", [_anonymise, _delete, _delete_and_make_anew])
async def test_a_maker_who_is_gone(demo: Demo, end: Callable[[Demo, str], Awaitable[None]]) -> None:
    workspace = await demo.create("alice", "Cormorants")
    async with with_people(demo, 1) as (peopled, (maker,)):
        await demo.grant("admin", workspace, maker, "co-owner")
        link = await invite(peopled, maker, workspace)
        home_link = await invite(peopled, maker, f"~{maker}")
        assert 200 == (await preview(demo, "bob", link)).status_code
        await end(demo, maker)
        if end is _delete_and_make_anew:
            # Whoever has the name now is somebody else, also where they are given the same role.
            await until(lambda: _granted(demo, workspace, maker), within=30, every=0.2)

        async def both_are_refused() -> bool:
            answers = [await preview(demo, "bob", each) for each in (link, home_link)]
            return all(answer.status_code in (404, 410) for answer in answers)

        # An account that the Hub deletes is noticed within seconds.
        await until(both_are_refused, within=30, every=0.2)
        answers = [await accept(demo, who, each) for who in ("bob", "erin") for each in (link, home_link)]
        assert all(answer.status_code in (404, 410) for answer in answers), [answer.text for answer in answers]
        assert not any(maker in answer.text for answer in answers)
    assert [] == await guests_of(demo, "alice", workspace)


async def _granted(demo: Demo, workspace: str, name: str) -> bool:
    path = f"workspaces/{workspace}/grants/user/{name}"
    return (await demo.api("admin", "PUT", path, json={"role": "co-owner"})).is_success
