"""Shares of a home that were made at JupyterHub itself: shown to the owner, and nothing until the owner says so."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api.accounts import account, forget_what_the_hub_said, hub
from api.inviting import Place, Somebody, accept
from api.service import Service
from coterie.actions.admit import wait_for_shares
from coterie.policy import ADMITTED
from coterie.store import EntryState
from support.demo import until

pytestmark = pytest.mark.hub

NOT_FOUND = (404, "not-found")


async def share(home: Place, kind: str, name: str, *scopes: str) -> None:
    """Share the home's server at the Hub, as its owner could who has the scope for it."""
    body: dict[str, Any] = {kind: name} | ({"scopes": list(scopes)} if scopes else {})
    await hub(home.service, "POST", f"shares/{home.id[1:]}/", json=body)


async def at_the_hub(home: Place) -> dict[str, list[str]]:
    """Whom the Hub lets through to the home, and what that lets them do."""
    shares = (await hub(home.service, "GET", f"shares/{home.id[1:]}/"))["items"]
    return {(each["user"] or each["group"])["name"]: sorted(each["scopes"]) for each in shares}


async def listed(home: Place) -> list[tuple[str, str]]:
    answer = await home.maker.call("GET", f"{home.path}/hub-shares")
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    return sorted((item["kind"], item["name"]) for item in answer.json()["items"])


async def admit(home: Place, name: str, **body: Any) -> httpx.Response:
    path = f"{home.path}/hub-shares/user/{quote(name, safe='')}"
    return await home.maker.call("PUT", path, **({"json": body} if body else {}))


async def remove(home: Place, kind: str, name: str) -> httpx.Response:
    return await home.maker.call("DELETE", f"{home.path}/hub-shares/{kind}/{quote(name, safe='')}")


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_share_made_by_hand_admits_nobody_and_is_shown_to_the_owner(home: Place, erin: Somebody) -> None:
    assert [] == await listed(home)
    await share(home, "user", "erin")
    await share(home, "group", "/astro/dust")

    assert [("group", "/astro/dust"), ("user", "erin")] == await listed(home)
    assert (None, None, []) == (
        await home.role(erin),
        await home.role(Somebody(home.service, "bob")),
        await home.guests(),
    )


async def test_it_is_the_owners_alone(service: Service, home: Place, erin: Somebody) -> None:
    await share(home, "user", "dave")
    await accept(erin, await home.invite())
    expected: dict[str | None, tuple[int, str]] = {
        None: (401, "sign-in-needed"),
        "erin": (403, "role-too-weak"),
        "dave": (404, "workspace-not-found"),
        "admin": (404, "workspace-not-found"),
    }

    for who, answer in expected.items():
        for method, path in (("GET", ""), ("PUT", "/user/dave"), ("DELETE", "/user/dave"), ("DELETE", "/group/astro")):
            assert answer == said(await service.call(who, method, f"{home.path}/hub-shares{path}"))
    assert [("user", "dave")] == await listed(home)
    assert await home.role(Somebody(service, "dave")) is None


async def test_a_workspace_has_none(service: Service) -> None:
    place = await service.create("alice")

    for method, path in (("GET", ""), ("PUT", "/user/bob"), ("DELETE", "/user/bob"), ("DELETE", "/group/astro")):
        answer = await service.call("alice", method, f"workspaces/{place}/hub-shares{path}")
        assert NOT_FOUND == said(answer)
        assert 404 == (await service.call("dave", method, f"workspaces/{place}/hub-shares{path}")).status_code


async def test_admitting_is_for_the_session_alone(home: Place, erin: Somebody) -> None:
    await share(home, "user", "erin")
    assert 204 == (await admit(home, "erin")).status_code

    (guest,) = (await home.maker.call("GET", f"{home.path}/guests")).json()["items"]
    assert ("erin", "editor", ADMITTED, "session", home.id[1:]) == tuple(
        guest[name] for name in ("name", "role", "invitation", "lifetime", "by")
    )
    detail = (await erin.call("GET", home.path)).json()
    assert ["Editor as admitted by the owner"] == [reason["sentence"] for reason in detail["reasons"]]
    assert [] == await listed(home)

    async def is_let_through() -> bool:
        return "erin" in await at_the_hub(home)

    assert await until(is_let_through, within=20)
    await home.stop()
    assert (None, []) == (await home.role(erin), await home.guests())

    async def is_gone() -> bool:
        return await at_the_hub(home) == {}

    assert await until(is_gone, within=20)
    await home.start()
    assert (None, []) == (await home.role(erin), await listed(home))


async def test_an_admitted_guest_is_let_do_no_more_at_the_hub_than_come_in(home: Place, erin: Somebody) -> None:
    server = f"server={home.id[1:]}/"
    await share(home, "user", "erin", f"access:servers!{server}", f"read:servers!{server}")
    before = await at_the_hub(home)
    assert 204 == (await admit(home, "erin", role="viewer")).status_code

    async def is_narrow() -> bool:
        return await at_the_hub(home) == {"erin": [f"access:servers!{server}"]}

    assert await until(is_narrow, within=20)
    assert {"erin": [f"access:servers!{server}", f"read:servers!{server}"]} == before
    assert "viewer" == await home.role(erin)


async def test_a_share_that_is_being_made_for_somebody_is_not_taken_for_one_made_by_hand(home: Place) -> None:
    world, stored = home.service.world, await home.stored()
    erin = await world.people.find("erin")
    assert erin is not None
    async with world.store.writing() as tx:  # as it is between making the share and noting that it was made
        await tx.want_entry(stored.id, erin.id, world.now())
    await share(home, "user", "erin")

    assert [] == await listed(home)


async def test_an_admitted_guest_is_revoked_like_any_other(home: Place, erin: Somebody) -> None:
    await share(home, "user", "erin")
    await admit(home, "erin")

    assert 200 == (await home.maker.call("DELETE", f"{home.path}/guests/erin")).status_code
    await wait_for_shares(home.service.world)  # the share of the admission may be on its way to the Hub still

    assert {} == await at_the_hub(home)
    assert (None, [], []) == (await home.role(erin), await home.guests(), await listed(home))


async def test_nobody_is_admitted_who_has_no_such_share(service: Service, home: Place, erin: Somebody) -> None:
    await share(home, "group", "bio")
    await accept(erin, await home.invite())

    for name in ("dave", "erin", "nobody-of-that-name", home.id[1:], "bio", "%00", "a" * 300):
        assert NOT_FOUND == said(await admit(home, name))
    group = await home.maker.call("PUT", f"{home.path}/hub-shares/group/bio")
    assert 405 == group.status_code  # whoever is in a group comes by an invitation, each for themselves
    assert ["erin"] == await home.guests()


async def test_nobody_is_admitted_while_the_home_does_not_run_and_the_share_stays(home: Place) -> None:
    await home.stop()
    await wait_for_shares(home.service.world)  # the end of a session takes every share along
    await share(home, "user", "erin")

    assert (409, "server-not-running") == said(await admit(home, "erin"))
    assert [("user", "erin")] == await listed(home)


@pytest.mark.parametrize("body", [{"role": "creator"}, {"role": 1}, {"as": "viewer"}, {"role": "viewer", "until": 1}])
async def test_bad_input_admits_nobody(home: Place, body: dict[str, Any]) -> None:
    await share(home, "user", "erin")

    assert (422, "invalid-input") == said(await admit(home, "erin", **body))
    assert [("user", "erin")] == await listed(home)


async def test_nobody_is_admitted_as_co_owner(home: Place) -> None:
    await share(home, "user", "erin")

    assert (403, "role-not-grantable") == said(await admit(home, "erin", role="co-owner"))
    assert [("user", "erin")] == await listed(home)


async def test_whoever_is_blocked_is_admitted_after_the_block_is_lifted(home: Place, erin: Somebody) -> None:
    await accept(erin, await home.invite())
    await home.maker.call("DELETE", f"{home.path}/guests/erin?block=true")
    await share(home, "user", "erin")

    assert (403, "invitation-blocked") == said(await admit(home, "erin"))
    assert [("user", "erin")] == await listed(home)
    await home.maker.call("DELETE", f"{home.path}/guests/blocks/erin")
    assert 204 == (await admit(home, "erin")).status_code
    assert "editor" == await home.role(erin)


async def test_removing_withdraws_it_at_the_hub(home: Place) -> None:
    await share(home, "user", "erin")
    await share(home, "user", "dave")
    await share(home, "group", "/astro/dust")

    assert 204 == (await remove(home, "user", "erin")).status_code
    assert 204 == (await remove(home, "group", "/astro/dust")).status_code

    assert ["dave"] == list(await at_the_hub(home))
    assert [("user", "dave")] == await listed(home)
    for kind, name in (("user", "erin"), ("group", "/astro/dust"), ("group", "dave"), ("user", "nobody-of-that-name")):
        assert NOT_FOUND == said(await remove(home, kind, name))
    assert 422 == (await remove(home, "right", "dave")).status_code


async def test_a_share_that_lets_a_guest_in_is_neither_shown_nor_removed(home: Place, erin: Somebody) -> None:
    await share(home, "user", "erin")
    await accept(erin, await home.invite())

    assert [] == await listed(home)
    assert NOT_FOUND == said(await remove(home, "user", "erin"))
    assert ["erin"] == list(await at_the_hub(home))


async def test_whoever_comes_in_while_their_share_is_removed_gets_another(
    service: Service, home: Place, erin: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The share is found to let nobody in; then they accept an invitation and open; then it is withdrawn."""
    await share(home, "user", "erin")
    secret = await home.invite()
    withdraw = service.world.hub.withdraw

    async def accepted_before(owner: str, user: str) -> None:
        if user == "erin" and await home.role(erin) is None:
            await accept(erin, secret)
            person, stored = await service.world.people.find("erin"), await home.stored()
            assert person is not None
            async with service.world.store.writing() as tx:
                await tx.want_entry(stored.id, person.id, service.world.now())
                await tx.mark_admitted(stored.id, person.id)
        await withdraw(owner, user)

    monkeypatch.setattr(service.world.hub, "withdraw", accepted_before)
    assert 204 == (await remove(home, "user", "erin")).status_code

    async def is_let_through() -> bool:
        person, stored = await service.world.people.find("erin"), await home.stored()
        assert person is not None
        async with service.world.store.reading() as tx:
            entry = await tx.find_entry(stored.id, person.id)
        return entry is not None and entry.state is EntryState.ADMITTED and "erin" in await at_the_hub(home)

    assert await until(is_let_through, within=20)
    assert "editor" == await home.role(erin)


async def test_a_share_of_somebody_nobody_has_seen_here_is_shown_and_leaves_no_trace(
    service: Service, home: Place
) -> None:
    async with account(service) as stranger:
        await share(home, "user", stranger.name)
        forget_what_the_hub_said(service)

        assert [("user", stranger.name)] == await listed(home)
        async with service.world.store.reading() as tx:
            assert [] == await tx.list_people_named(stranger.name)


async def test_both_are_in_the_audit_log(home: Place) -> None:
    for kind, name in (("user", "erin"), ("user", "dave"), ("group", "bio")):
        await share(home, kind, name)
    await admit(home, "erin", role="viewer")
    await remove(home, "user", "dave")
    await remove(home, "group", "bio")

    records = (await home.maker.call("GET", f"{home.path}/audit")).json()["items"]
    owner = home.id[1:]
    assert [
        f"{owner} removed JupyterHub's share with the group bio",
        f"{owner} removed JupyterHub's share with dave",
        f"{owner} admitted erin as Viewer",
    ] == [record["sentence"] for record in records[:3]]


async def test_a_share_made_by_hand_gives_a_guest_no_more_than_coming_in(home: Place, erin: Somebody) -> None:
    """The Hub would add to it instead of replacing it."""
    server = f"server={home.id[1:]}/"
    await share(home, "user", "erin", f"access:servers!{server}", f"delete:servers!{server}")
    assert 200 == (await accept(erin, await home.invite())).status_code

    await erin.call("POST", f"{home.path}/open")  # in vain: no server runs that they could be led to
    await wait_for_shares(home.service.world)

    assert {"erin": [f"access:servers!{server}"]} == await at_the_hub(home)
