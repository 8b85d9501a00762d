"""Accepting invitations: who gets what, once, for how long, and each refusal in its own words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from api.accounts import account, forget_what_the_hub_said
from api.inviting import (
    Place,
    Somebody,
    accept,
    home_of_somebody,
    later,
    preview,
    refusals,
)
from api.service import Service
from coterie.actions.guesses import GUESSES_MAX, WITHIN, Guesses
from coterie.policy import PrincipalKind
from coterie.wire.events import EventKind

pytestmark = pytest.mark.hub

UNKNOWN = (404, "invitation-unknown")
REVOKED = (410, "invitation-revoked")
EXPIRED = (410, "invitation-expired")
USED_UP = (410, "invitation-used-up")
HAS_NO_MAKER = (410, "invitation-has-no-maker")
IS_OWN = (409, "invitation-is-own")
BLOCKED = (403, "invitation-blocked")
NOT_RUNNING = (409, "server-not-running")
TOO_MANY = (429, "too-many-guesses")


@pytest.fixture(autouse=True)
def nobody_has_guessed(service: Service) -> Iterator[None]:
    service.world.guesses._wrong.clear()
    yield
    service.world.guesses._wrong.clear()


# --- What one gets ---------------------------------------------------------------------------------------------------


async def test_whoever_has_the_link_of_a_workspace_gets_the_role_for_good(
    service: Service, place: Place, erin: Somebody
) -> None:
    secret = await place.invite()
    assert await place.role(erin) is None
    shown = (await preview(erin, secret)).json()
    accepted = await accept(erin, secret)
    (invitation,) = await place.invitations()
    detail = (await erin.call("GET", place.path)).json()

    assert {
        "workspace": place.id,
        "name": "Penguins",
        "by": "alice",
        "role": "viewer",
        "lifetime": "lasting",
        "expires_at": invitation["expires_at"],
        "has_role": None,
    } == shown
    url = f"{service.settings.public_url}w/{place.id}"
    assert (200, {"workspace": place.id, "role": "viewer", "url": url}) == (accepted.status_code, accepted.json())
    assert ["Viewer by an invitation"] == [reason["sentence"] for reason in detail["reasons"]]
    for _ in range(2):
        await place.start()
        assert "viewer" == await place.role(erin)
    await place.stop()
    assert "viewer" == await place.role(erin)


async def test_whoever_has_the_link_of_a_home_is_in_until_its_owner_stops_it(
    service: Service, home: Place, erin: Somebody
) -> None:
    secret = await home.invite()
    owner = home.id.removeprefix("~")
    shown, accepted = (await preview(erin, secret)).json(), (await accept(erin, secret)).json()
    listed = {item["id"]: item for item in (await erin.call("GET", "workspaces?limit=500")).json()["items"]}

    assert (home.id, f"Home of {owner}", owner, "editor", "session") == tuple(
        shown[name] for name in ("workspace", "name", "by", "role", "lifetime")
    )
    expected = {"workspace": home.id, "role": "editor", "url": f"{service.settings.public_url}w/{home.id}"}
    assert expected == accepted
    assert (f"Home of {owner}", "editor", "running") == tuple(
        listed[home.id][name] for name in ("name", "role", "server")
    )
    assert ("editor", ["erin"]) == (await home.role(erin), await home.guests())

    await home.stop()
    after_stop = (await home.role(erin), await home.guests(), await refusals(erin, secret))
    await home.start()
    in_next = (await home.role(erin), await home.guests(), (await preview(erin, secret)).json()["has_role"])
    again = await accept(erin, secret)

    assert (None, [], {NOT_RUNNING}) == after_stop
    assert (None, [], None) == in_next
    assert (200, "editor", ["erin"]) == (again.status_code, await home.role(erin), await home.guests())
    assert home.id not in [item["id"] for item in (await home.maker.call("GET", "workspaces")).json()["items"]]


async def test_a_workspaces_invitation_for_the_session_ends_with_it(
    service: Service, place: Place, erin: Somebody
) -> None:
    secret = await place.invite(lifetime="session", role="editor")
    before = await refusals(erin, secret)
    await place.start()
    accepted = await accept(erin, secret)
    during = await place.role(erin)
    await place.stop()
    after = await place.role(erin)
    await place.start()
    in_next = await place.role(erin)

    assert {NOT_RUNNING} == before
    assert (200, "editor", None, None) == (accepted.status_code, during, after, in_next)


async def test_a_server_that_begins_another_session_without_an_end_of_the_last_ends_it_too(
    home: Place, erin: Somebody
) -> None:
    """As after a crash."""
    await accept(erin, await home.invite())
    await home.start()

    assert (None, []) == (await home.role(erin), await home.guests())


async def test_coming_again_in_the_next_session_is_no_further_use(
    home: Place, erin: Somebody, bob: Somebody, carol: Somebody
) -> None:
    secret = await home.invite(max_uses=2)
    for who in (erin, bob):
        assert 200 == (await accept(who, secret)).status_code
    await home.stop()
    await home.start()

    assert {USED_UP} == await refusals(carol, secret)
    assert 200 == (await accept(erin, secret)).status_code
    assert 2 == (await home.invitations())[0]["uses"]
    assert ["erin"] == await home.guests()


async def test_accepting_twice_is_the_same_as_once(service: Service, shared: Place, erin: Somebody) -> None:
    secret = await shared.invite(max_uses=1)
    first = await accept(erin, secret)
    stored = await shared.stored()

    async def all_that_is() -> tuple[object, ...]:
        async with service.world.store.reading() as tx:
            grants = await tx.list_grants(stored.id)
            events = await tx.read_after(0, limit=99, workspace_id=stored.id)
            records = await tx.list_audit(limit=999, workspace_id=stored.id)
        return grants, [event for event in events if event.kind != EventKind.OPENED], records

    before = await all_that_is()
    again = await accept(erin, secret)
    both = await asyncio.gather(accept(erin, secret), accept(erin, secret))

    assert [200] * 4 == [each.status_code for each in (first, again, *both)]
    assert {first.text} == {each.text for each in (again, *both)}
    assert before == await all_that_is()
    assert 1 == (await shared.invitations())[0]["uses"]


async def test_one_person_at_once_is_counted_once(shared: Place, erin: Somebody) -> None:
    secret = await shared.invite(max_uses=3)

    answers = await asyncio.gather(*(accept(erin, secret) for _ in range(5)))

    assert [200] * 5 == [each.status_code for each in answers]
    assert 1 == (await shared.invitations())[0]["uses"]
    assert ["erin"] == await shared.guests()


async def test_two_at_the_last_use_at_once_are_one(
    shared: Place, bob: Somebody, carol: Somebody, erin: Somebody
) -> None:
    for _ in range(3):
        secret = await shared.invite(max_uses=1)
        answers = await asyncio.gather(*(accept(who, secret) for who in (bob, carol, erin)))

        assert [200, 410, 410] == sorted(answer.status_code for answer in answers)
        assert {"invitation-used-up"} == {answer.json()["code"] for answer in answers if answer.status_code == 410}
        assert [(1, 1)] == [(each["uses"], each["max_uses"]) for each in await shared.invitations()]
        assert 1 == len(await shared.guests())
        await shared.maker.call("DELETE", f"{shared.path}/guests")
        await shared.maker.call("DELETE", f"{shared.path}/invitations")


async def test_whoever_accepts_while_it_is_revoked_is_in_before_or_not_at_all(
    shared: Place, bob: Somebody, carol: Somebody, erin: Somebody
) -> None:
    for _ in range(3):
        secret = await shared.invite()
        *answers, revoked = await asyncio.gather(
            *(accept(who, secret) for who in (bob, carol)),
            shared.maker.call("DELETE", f"{shared.path}/invitations"),
        )

        assert 204 == revoked.status_code
        came_in = sorted(
            name for name, answer in zip(("bob", "carol"), answers, strict=True) if answer.status_code == 200
        )
        assert {REVOKED} >= {(a.status_code, a.json()["code"]) for a in answers if a.status_code != 200}
        assert came_in == sorted(await shared.guests())
        assert {REVOKED} == await refusals(erin, secret)
        await shared.maker.call("DELETE", f"{shared.path}/guests")


async def test_the_stronger_role_counts_and_another_invitation_is_a_grant_of_its_own(
    place: Place, erin: Somebody
) -> None:
    viewer, editor = await place.invite(), await place.invite(role="editor")
    one = await accept(erin, editor)
    shown = (await preview(erin, viewer)).json()
    other = await accept(erin, viewer)

    assert ("editor", "editor") == (one.json()["role"], other.json()["role"])
    assert ("viewer", "editor") == (shown["role"], shown["has_role"])
    assert ["erin", "erin"] == await place.guests()


async def test_accepting_answers_what_one_had_asked_for_where_it_lets_one_edit(place: Place, erin: Somebody) -> None:
    await erin.call("POST", f"{place.path}/requests", json={"note": "please"})

    async def waiting() -> int:
        return len((await place.maker.call("GET", f"{place.path}/requests")).json()["items"])

    before = await waiting()
    await accept(erin, await place.invite(role="viewer"))
    as_viewer = await waiting()
    await accept(erin, await place.invite(role="editor"))

    assert (1, 1, 0) == (before, as_viewer, await waiting())


async def test_it_is_announced_and_recorded(service: Service, shared: Place, erin: Somebody) -> None:
    await accept(erin, await shared.invite(role="editor"))

    stored = await shared.stored()
    async with service.world.store.reading() as tx:
        events = await tx.read_after(0, limit=99, workspace_id=stored.id)
    (event,) = [event for event in events if event.kind == EventKind.ACCEPTED]
    person = await service.world.people.find("erin")
    assert person is not None
    assert event.principal is not None
    assert (PrincipalKind.USER, person.id) == (event.principal.kind, event.principal.key)
    latest = (await shared.maker.call("GET", f"{shared.path}/audit")).json()["items"][0]
    assert ("erin accepted an invitation as Editor", "api") == (latest["sentence"], latest["via"])


# --- Refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["x", "x" * 43, "x" * 200, "a\x00b", "🐧", "' OR 1=1 --", " ", "\ud800"])
async def test_a_secret_that_is_none_is_unknown(erin: Somebody, secret: str) -> None:
    for call in ("preview", "accept"):
        answer = await erin.call(
            "POST",
            f"invitations/{call}",
            content=json.dumps({"secret": secret}).encode(),  # escapes what UTF-8 cannot hold, as a client may
            headers={"Content-Type": "application/json"},
        )
        assert UNKNOWN == (answer.status_code, answer.json()["code"])


async def test_a_secret_is_compared_whole_and_exactly(place: Place, erin: Somebody) -> None:
    secret = await place.invite()

    for wrong in (secret[:-1], secret + "A", f" {secret}", secret.swapcase()):
        assert {UNKNOWN} == await refusals(erin, wrong)


async def test_one_that_is_revoked_says_so_to_whoever_has_the_link_also_to_who_used_it(
    shared: Place, bob: Somebody, erin: Somebody
) -> None:
    secret = await shared.invite()
    await accept(erin, secret)
    await shared.maker.call("DELETE", f"{shared.path}/invitations")

    for who in (erin, bob, shared.maker):
        assert {REVOKED} == await refusals(who, secret)
    assert ["erin"] == await shared.guests()  # who accepted it stays


async def test_the_services_clock_alone_says_when_it_has_run_out(
    service: Service, place: Place, erin: Somebody
) -> None:
    secret = await place.invite(expires_in=60)

    assert 200 == (await preview(Somebody(later(service, seconds=10), "erin"), secret)).status_code
    for clock in (later(service, seconds=61), later(service, days=400)):
        assert {EXPIRED} == await refusals(Somebody(clock, "erin"), secret)
    # What the caller says of the time is not heard.
    lying = {"Date": "Thu, 01 Jan 1970 00:00:00 GMT", "X-Now": "0"}
    answer = await later(service, seconds=61).call(
        "erin", "POST", "invitations/accept", json={"secret": secret}, headers=lying
    )
    assert EXPIRED == (answer.status_code, answer.json()["code"])
    assert 200 == (await accept(erin, secret)).status_code
    assert "viewer" == await place.role(Somebody(later(service, days=400), "erin"))  # what it gave lasts


async def test_ones_own_is_for_others(service: Service, shared: Place) -> None:
    assert {IS_OWN} == await refusals(shared.maker, await shared.invite())
    assert [] == await shared.guests()


async def test_a_co_owners_is_for_neither_them_nor_the_creator(place: Place, bob: Somebody, erin: Somebody) -> None:
    await place.service.grant("alice", place.id, "user", "bob", "co-owner")
    secret = await place.invite(by=bob)

    assert ({IS_OWN}, {IS_OWN}) == (await refusals(bob, secret), await refusals(place.maker, secret))
    assert "bob" == (await preview(erin, secret)).json()["by"]


@pytest.mark.parametrize("how", ["demoted", "removed", "anonymised", "account deleted", "account made anew"])
async def test_one_whose_maker_could_not_make_it_any_more_works_no_longer(
    service: Service, place: Place, erin: Somebody, how: str
) -> None:
    async with account(service) as maker:
        await service.grant("admin", place.id, "user", maker.name, "co-owner")
        secret = await place.invite(by=maker)
        assert 200 == (await preview(erin, secret)).status_code
        match how:
            case "demoted":
                await service.grant("admin", place.id, "user", maker.name, "editor")
            case "removed":
                await place.maker.call("DELETE", f"{place.path}/grants/user/{maker.name}")
            case "anonymised":
                await service.call("admin", "POST", f"users/{maker.name}/anonymise")
            case _:
                await maker.remove()
        forget_what_the_hub_said(service)
        if how == "account made anew":
            async with account(service, maker.name) as namesake:
                assert 200 == (await namesake.call("GET", "me")).status_code
                assert {HAS_NO_MAKER} == await refusals(erin, secret)
        else:
            assert {REVOKED if how == "anonymised" else HAS_NO_MAKER} == await refusals(erin, secret)
            if how in ("demoted", "removed"):
                assert {HAS_NO_MAKER} == await refusals(maker, secret)
    assert [] == await place.guests()


async def test_one_works_again_when_its_maker_may_invite_again(service: Service, place: Place, erin: Somebody) -> None:
    await service.grant("alice", place.id, "user", "bob", "co-owner")
    secret = await place.invite(by=Somebody(service, "bob"))
    await service.grant("alice", place.id, "user", "bob", "viewer")
    assert {HAS_NO_MAKER} == await refusals(erin, secret)

    await service.grant("alice", place.id, "user", "bob", "co-owner")

    assert 200 == (await accept(erin, secret)).status_code


async def test_what_a_maker_gave_before_they_were_removed_stays(service: Service, place: Place, erin: Somebody) -> None:
    await service.grant("alice", place.id, "user", "bob", "co-owner")
    await accept(erin, await place.invite(by=Somebody(service, "bob")))

    await place.maker.call("DELETE", f"{place.path}/grants/user/bob")

    assert "viewer" == await place.role(erin)


async def test_an_administrators_works_while_they_are_one(
    service: Service, place: Place, erin: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = await place.invite(by=Somebody(service, "admin"))
    assert 200 == (await preview(erin, secret)).status_code
    find = service.world.directory.find

    async def as_no_administrator(name: str) -> object:
        found = await find(name)
        return found if found is None or name != "admin" else replace(found, administrator=False)

    monkeypatch.setattr(service.world.directory, "find", as_no_administrator)

    assert {HAS_NO_MAKER} == await refusals(erin, secret)


async def test_a_homes_owner_who_is_renamed_still_invites(service: Service, running: set[str], erin: Somebody) -> None:
    async with home_of_somebody(service, running) as (place, owner):
        await place.start()
        secret = await place.invite()
        running.add(f"{owner.name}x")  # under both names: a review may ask before the service knows the new one
        await owner.rename(f"{owner.name}x")
        forget_what_the_hub_said(service)
        assert 200 == (await owner.call("GET", "me")).status_code

        accepted = await accept(erin, secret)

        assert (200, f"~{owner.name}") == (accepted.status_code, accepted.json()["workspace"])
        place.id = f"~{owner.name}"
        assert "editor" == await place.role(erin)


async def test_a_namesake_of_a_homes_owner_has_neither_their_guests_nor_their_invitations(
    service: Service, running: set[str], erin: Somebody
) -> None:
    async with home_of_somebody(service, running) as (place, owner):
        await place.start()
        secret = await place.invite()
        await accept(erin, secret)
        running.discard(owner.name)
    forget_what_the_hub_said(service)
    assert {HAS_NO_MAKER} == await refusals(Somebody(service, "bob"), secret)

    async with account(service, owner.name) as namesake:
        forget_what_the_hub_said(service)
        fresh = Place(service, namesake, place.id, running)
        await namesake.call("GET", fresh.path)
        await fresh.start()

        assert {UNKNOWN} == await refusals(erin, secret)
        assert ([], [], None) == (await fresh.guests(), await fresh.invitations(), await fresh.role(erin))
        running.discard(owner.name)


async def test_no_refusal_names_what_it_is_about(service: Service, running: set[str], erin: Somebody) -> None:
    """Whoever is refused learns why, and neither the workspace's name nor its id nor who shares it."""
    place = Place(service, Somebody(service, "alice"), await service.create("alice", "Canary place"), running)
    await service.grant("alice", place.id, "user", "bob", "co-owner")
    used_up, revoked, sleeping, made_by_bob, run_out = [
        await place.invite(max_uses=1),
        await place.invite(),
        await place.invite(lifetime="session"),
        await place.invite(by=Somebody(service, "bob")),
        await place.invite(expires_in=60),
    ]
    await accept(Somebody(service, "dave"), used_up)
    listed = await place.invitations()
    await place.maker.call("DELETE", f"{place.path}/invitations/{listed[1]['id']}")
    await place.maker.call("DELETE", f"{place.path}/grants/user/bob")
    ahead = Somebody(later(service, seconds=61), "erin")

    answers = [
        *[await accept(erin, secret) for secret in (used_up, revoked, sleeping, made_by_bob)],
        *[await preview(erin, secret) for secret in (used_up, revoked, sleeping, made_by_bob)],
        await accept(ahead, run_out),
        await preview(ahead, run_out),
    ]

    assert {USED_UP, REVOKED, NOT_RUNNING, HAS_NO_MAKER, EXPIRED} == {
        (answer.status_code, answer.json()["code"]) for answer in answers
    }
    for answer in answers:
        assert [] == [word for word in ("Canary", place.id, "alice", "bob", "dave") if word in answer.text]
        assert {"type", "title", "status", "detail", "code"} == set(answer.json())


# --- Guessing --------------------------------------------------------------------------------------------------------


async def test_ten_wrong_guesses_a_minute_and_nobody_else_is_slowed(
    place: Place, bob: Somebody, erin: Somebody
) -> None:
    secret = await place.invite()
    wrong = [await (accept, preview)[number % 2](erin, f"guess-{number}") for number in range(GUESSES_MAX)]
    limited = [await refusals(erin, "another"), await refusals(erin, secret)]
    others = [await accept(bob, secret), await preview(bob, "wrong")]

    assert {UNKNOWN} == {(answer.status_code, answer.json()["code"]) for answer in wrong}
    assert [{TOO_MANY}, {TOO_MANY}] == limited
    assert [200, 404] == [answer.status_code for answer in others]
    assert 200 == (await erin.call("GET", "me")).status_code


async def test_right_secrets_do_not_count_also_those_that_are_refused(
    place: Place, bob: Somebody, erin: Somebody
) -> None:
    secret, revoked = await place.invite(), await place.invite()
    listed = await place.invitations()
    await place.maker.call("DELETE", f"{place.path}/invitations/{listed[1]['id']}")

    for _ in range(GUESSES_MAX + 5):
        assert 200 == (await preview(erin, secret)).status_code
        assert 410 == (await preview(erin, revoked)).status_code
    assert {UNKNOWN} == await refusals(erin, "wrong")


async def test_guesses_that_are_sent_at_once_are_counted_each(place: Place, erin: Somebody) -> None:
    secret = await place.invite()
    answers = await asyncio.gather(*(accept(erin, f"guess-{number}") for number in range(3 * GUESSES_MAX)))

    found = [answer.json()["code"] for answer in answers]
    assert (GUESSES_MAX, 2 * GUESSES_MAX) == (found.count(UNKNOWN[1]), found.count(TOO_MANY[1]))
    assert {TOO_MANY} == await refusals(erin, secret)


def test_a_guess_is_forgotten_after_a_minute() -> None:
    now = 1000.0
    guesses = Guesses(clock=lambda: now)
    for number in range(GUESSES_MAX):
        assert 0.0 == guesses.wait("erin")
        now = 1000.0 + number
        guesses.note("erin")

    assert WITHIN - (GUESSES_MAX - 1) == guesses.wait("erin")
    assert 0.0 == guesses.wait("bob")
    waits = []
    while wait := guesses.wait("erin"):
        waits.append(wait)
        now += 1.0
    assert all(later < earlier for earlier, later in pairwise(waits))
    assert 1000.0 + WITHIN == now
    guesses.note("erin")
    assert 1.0 == guesses.wait("erin")


def test_what_is_kept_of_guesses_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coterie.actions.guesses._PRUNE_AT", 5)
    now = 0.0
    guesses = Guesses(clock=lambda: now)
    for number in range(50):
        now = number * WITHIN
        guesses.note(f"person-{number}")

        assert len(guesses._wrong) <= 5
