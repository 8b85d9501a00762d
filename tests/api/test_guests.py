"""Guests: who they are, taking back what invitations gave, and blocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Connection, Engine, event

from api.accounts import account
from api.inviting import Place, Somebody, accept, preview, refusals
from api.service import Service
from coterie.policy import Principal, PrincipalKind, Role
from coterie.store import StoredPerson
from coterie.wire.events import EventKind

pytestmark = pytest.mark.hub

NOBODY = (404, "not-found")


async def revoke(place: Place, name: str, query: str = "", by: Somebody | None = None) -> Any:
    """The answer to taking back what invitations gave *name*."""
    return await (by or place.maker).call("DELETE", f"{place.path}/guests/{quote(name, safe='')}{query}")


async def blocked(place: Place) -> list[str]:
    answer = await place.maker.call("GET", f"{place.path}/guests/blocks")
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


async def events_after(service: Service, place: Place, revision: int) -> list[tuple[str, Principal | None]]:
    stored = await place.stored()
    async with service.world.store.reading() as tx:
        found = await tx.read_after(revision, limit=99, workspace_id=stored.id)
    return [(each.kind, each.principal) for each in found]


async def latest(service: Service) -> int:
    async with service.world.store.reading() as tx:
        return await tx.latest_revision()


async def test_a_guest_is_shown_with_the_way_on_which_they_came(shared: Place, erin: Somebody) -> None:
    before = datetime.now(UTC)
    await accept(erin, await shared.invite(role="editor"))
    (invitation,) = await shared.invitations()
    answer = (await shared.maker.call("GET", f"{shared.path}/guests")).json()

    (guest,) = answer["items"]
    assert before <= datetime.fromisoformat(guest.pop("accepted_at")) <= datetime.now(UTC)
    assert answer["next"] is None
    assert {
        "name": "erin",
        "role": "editor",
        "invitation": invitation["id"],
        "lifetime": invitation["lifetime"],
        "by": invitation["by"],
    } == guest
    grants = (await shared.maker.call("GET", f"{shared.path}/grants")).json()["items"]
    assert [("creator", None), ("editor", invitation["id"])] == [
        (grant["role"], grant["source"] if grant["role"] != "creator" else None) for grant in grants
    ]


async def test_guests_are_for_those_who_manage_access(service: Service, place: Place, home: Place) -> None:
    await service.grant("alice", place.id, "user", "carol", "editor")
    for shared in (place, home):
        await accept(Somebody(service, "erin"), await shared.invite(role="editor"))
    weak, unknown = (403, "role-too-weak"), (404, "workspace-not-found")
    signed_out = {None: (401, "sign-in-needed")}
    expected: list[tuple[Place, dict[str | None, tuple[int, str]]]] = [
        (place, signed_out | {"carol": weak, "erin": weak, "dave": unknown}),
        (home, signed_out | {"carol": unknown, "erin": weak, "admin": unknown}),
    ]
    for shared, refused in expected:
        for who, answer in refused.items():
            for method, path in (
                ("GET", "guests"),
                ("DELETE", "guests"),
                ("DELETE", "guests/erin"),
                ("DELETE", "guests/erin?block=true"),
                ("DELETE", "guests/nobody-of-that-name?block=true"),
                ("GET", "guests/blocks"),
                ("DELETE", "guests/blocks"),
                ("DELETE", "guests/blocks/erin"),
            ):
                said = await service.call(who, method, f"{shared.path}/{path}")
                assert answer == (said.status_code, said.json()["code"])
        assert ["erin"] == await shared.guests()


async def test_revoking_one_takes_back_what_invitations_gave_and_says_what_remains(
    service: Service, place: Place, bob: Somebody, erin: Somebody
) -> None:
    await service.grant("alice", place.id, "group", "astro", "viewer")
    secret, other = await place.invite(role="editor"), await place.invite(role="editor", lifetime="session")
    await place.start()
    for who in (bob, erin):
        await accept(who, secret)
    await accept(bob, other)
    before = await latest(service)

    answers = [await revoke(place, "bob"), await revoke(place, "erin")]

    assert [200, 200] == [answer.status_code for answer in answers]
    assert [["Viewer through the group astro"], []] == [
        [reason["sentence"] for reason in answer.json()["remaining"]] for answer in answers
    ]
    assert ("viewer", None, []) == (await place.role(bob), await place.role(erin), await place.guests())
    ids = [getattr(await service.world.people.find(name), "id", "") for name in ("bob", "erin")]
    expected = [(EventKind.ACCESS, Principal(PrincipalKind.USER, id_)) for id_ in ids]
    assert expected == await events_after(service, place, before)
    assert [NOBODY] * 2 == [(a.status_code, a.json()["code"]) for a in [await revoke(place, "erin")] * 2]
    # A link that still works can be used again: revoking a person does not revoke what they know.
    assert 200 == (await accept(erin, secret)).status_code


@pytest.mark.parametrize("name", ["nobody-of-that-name", "alice", "carol", "%00", "a" * 300, "a/b", "🐧"])
@pytest.mark.parametrize("query", ["", "?block=true"])
async def test_whoever_is_no_guest_cannot_be_revoked_as_one(
    service: Service, place: Place, name: str, query: str
) -> None:
    await service.grant("alice", place.id, "user", "carol", "editor")

    answer = await revoke(place, name, query)

    assert NOBODY == (answer.status_code, answer.json()["code"])
    assert [] == await blocked(place)
    assert "editor" == await place.role(Somebody(service, "carol"))


async def test_revoking_all_ends_everybody_in_one_act(
    service: Service, shared: Place, bob: Somebody, erin: Somebody
) -> None:
    secret = await shared.invite()
    for who in (bob, erin):
        await accept(who, secret)
    before = await latest(service)

    answers = [(await shared.maker.call("DELETE", f"{shared.path}/guests")).status_code for _ in range(2)]

    assert [204, 204] == answers
    assert ([], None, None) == (await shared.guests(), await shared.role(bob), await shared.role(erin))
    assert [(EventKind.ACCESS, None)] == await events_after(service, shared, before)
    records = (await shared.maker.call("GET", f"{shared.path}/audit")).json()["items"]
    assert {"bob", "erin"} == {each["subject"]["name"] for each in records if each["act"] == "guest-removed"}


async def test_revoking_all_leaves_what_was_given_by_name(service: Service, place: Place, bob: Somebody) -> None:
    await service.grant("alice", place.id, "user", "bob", "viewer")
    await accept(bob, await place.invite(role="editor"))

    await place.maker.call("DELETE", f"{place.path}/guests")

    assert "viewer" == await place.role(bob)


async def test_a_use_is_not_given_back_by_revoking_whoever_used_it(
    shared: Place, bob: Somebody, erin: Somebody
) -> None:
    secret = await shared.invite(max_uses=1)
    await accept(erin, secret)
    await revoke(shared, "erin")

    used_up = {(410, "invitation-used-up")}
    assert (used_up, used_up) == (await refusals(erin, secret), await refusals(bob, secret))


# --- Blocks ----------------------------------------------------------------------------------------------------------


async def test_a_block_refuses_every_invitation_until_it_is_lifted(
    shared: Place, bob: Somebody, erin: Somebody
) -> None:
    one = await shared.invite()
    await accept(erin, one)
    answer = await revoke(shared, "erin", "?block=true")
    other = await shared.invite(role="editor")

    assert (200, []) == (answer.status_code, answer.json()["remaining"])
    assert (None, [], ["erin"]) == (await shared.role(erin), await shared.guests(), await blocked(shared))
    for secret in (one, other):
        assert {(403, "invitation-blocked")} == await refusals(erin, secret)
    assert 200 == (await accept(bob, one)).status_code
    lifted = await shared.maker.call("DELETE", f"{shared.path}/guests/blocks/erin")
    again = await shared.maker.call("DELETE", f"{shared.path}/guests/blocks/erin")
    assert (204, NOBODY) == (lifted.status_code, (again.status_code, again.json()["code"]))
    assert ([], None) == (await blocked(shared), await shared.role(erin))  # it gives nobody access
    assert 200 == (await accept(erin, other)).status_code


async def test_whoever_was_revoked_can_be_blocked_afterwards(shared: Place, bob: Somebody, erin: Somebody) -> None:
    secret = await shared.invite()
    await accept(erin, secret)
    await revoke(shared, "erin")

    assert 200 == (await revoke(shared, "erin", "?block=true")).status_code

    assert {(403, "invitation-blocked")} == await refusals(erin, secret)
    assert NOBODY == ((answer := await revoke(shared, "bob", "?block=true")).status_code, answer.json()["code"])
    assert ["erin"] == await blocked(shared)


async def test_all_blocks_are_lifted_at_once(service: Service, shared: Place, bob: Somebody, erin: Somebody) -> None:
    secret = await shared.invite()
    for who in (bob, erin):
        await accept(who, secret)
        await revoke(shared, who.name, "?block=true")
    assert ["bob", "erin"] == await blocked(shared)
    before = await latest(service)

    for _ in range(2):
        assert 204 == (await shared.maker.call("DELETE", f"{shared.path}/guests/blocks")).status_code

    assert ([], [(EventKind.ACCESS, None)]) == (await blocked(shared), await events_after(service, shared, before))
    sentences = [
        record["sentence"].partition(" ")[2]
        for record in (await shared.maker.call("GET", f"{shared.path}/audit")).json()["items"]
    ]
    assert ["blocked bob", "blocked erin"] == sorted(one for one in sentences if one.startswith("blocked"))
    assert {"lifted the block of bob", "lifted the block of erin"} == set(sentences[:2])


async def test_a_block_refuses_the_link_and_never_an_explicit_grant(
    service: Service, place: Place, erin: Somebody
) -> None:
    await accept(erin, await place.invite())
    await revoke(place, "erin", "?block=true")
    await place.maker.call("PATCH", place.path, json={"general_access": "link"})
    by_link = await place.role(erin)
    await service.grant("admin", place.id, "user", "erin", "editor")
    by_name = await place.role(erin)
    await service.call("admin", "PATCH", place.path, json={"general_access": "global"})
    await place.maker.call("DELETE", f"{place.path}/grants/user/erin")

    assert (None, "editor", "viewer") == (by_link, by_name, await place.role(erin))


async def test_whoever_is_only_a_guest_can_be_named_besides(service: Service, place: Place, bob: Somebody) -> None:
    await accept(bob, await place.invite())
    granted = await service.grant("alice", place.id, "user", "bob", "editor")

    grants = (await place.maker.call("GET", f"{place.path}/grants")).json()["items"]
    (invitation,) = await place.invitations()
    assert 200 == granted.status_code, granted.text
    assert {("viewer", invitation["id"]), ("editor", "direct")} == {
        (grant["role"], grant["source"]) for grant in grants if grant["name"] == "bob"
    }
    assert ("editor", ["bob"]) == (await place.role(bob), await place.guests())
    assert ["Editor by name"] == [reason["sentence"] for reason in (await revoke(place, "bob")).json()["remaining"]]
    await accept(bob, await place.invite())
    removed = await place.maker.call("DELETE", f"{place.path}/grants/user/bob")  # all that names them
    assert ([], None, []) == (removed.json()["remaining"], await place.role(bob), await place.guests())


async def test_a_homes_guests_can_be_removed_as_grants_but_not_be_given_any(home: Place, erin: Somebody) -> None:
    await accept(erin, await home.invite())

    given = await home.maker.call("PUT", f"{home.path}/grants/user/erin", json={"role": "viewer"})
    removed = await home.maker.call("DELETE", f"{home.path}/grants/user/erin")

    assert given.json()["code"] in ("role-not-grantable", "principal-not-available")
    assert (200, []) == (removed.status_code, removed.json()["remaining"])
    assert (None, []) == (await home.role(erin), await home.guests())


async def test_a_guest_who_is_called_blocks_is_removed_among_the_grants(service: Service, place: Place) -> None:
    async with account(service, "blocks") as guest:
        await accept(guest, await place.invite())
        assert ["blocks"] == await place.guests()
        meant = await place.maker.call("DELETE", f"{place.path}/guests/blocks?block=true")
        assert (422, ["blocks"]) == (meant.status_code, await place.guests())
        removed = await place.maker.call("DELETE", f"{place.path}/grants/user/blocks")

        assert (200, []) == (removed.status_code, await place.guests())


# --- What a guest may ------------------------------------------------------------------------------------------------


async def test_a_guest_of_a_home_neither_manages_nor_stops_nor_starts_it(
    service: Service, home: Place, erin: Somebody
) -> None:
    await accept(erin, await home.invite(role="editor"))
    calls = [
        ("POST", "stop", 403, "role-too-weak"),
        ("PATCH", "", 403, "role-too-weak"),
        ("DELETE", "", 403, "role-too-weak"),
        ("POST", "invitations", 403, "role-too-weak"),
        ("GET", "audit", 403, "role-too-weak"),
        ("PUT", "favourite", 403, "role-too-weak"),
        ("POST", "open", 409, "server-not-running"),  # no server of it runs at the Hub
    ]
    for method, path, status, code in calls:
        body = {"name": "Mine"} if method == "PATCH" else None
        answer = await erin.call(method, f"{home.path}/{path}".rstrip("/"), json=body)
        assert (status, code) == (answer.status_code, answer.json()["code"]), (method, path)
    own = await erin.call("GET", f"{home.path}/access/erin")
    others = await erin.call("GET", f"{home.path}/access/bob")
    assert ((200, "editor"), 403) == ((own.status_code, own.json()["role"]), others.status_code)

    await home.stop()
    opened = await erin.call("POST", f"{home.path}/open")
    assert (404, "workspace-not-found") == (opened.status_code, opened.json()["code"])


async def test_the_owner_is_told_why_a_guest_is_in(home: Place, erin: Somebody) -> None:
    await accept(erin, await home.invite())

    decision = (await home.maker.call("GET", f"{home.path}/access/erin")).json()

    assert ("editor", ["Editor by an invitation"]) == (
        decision["role"],
        [reason["sentence"] for reason in decision["reasons"]],
    )


# --- Many ------------------------------------------------------------------------------------------------------------


async def _fill(service: Service, home: Place, count: int) -> list[str]:
    """So many guests, as an invitation makes them; their names."""
    await home.invite()
    (invitation,) = await home.invitations()
    stored, now = await home.stored(), datetime.now(UTC)
    people: list[StoredPerson] = []
    async with service.world.store.writing() as tx:
        for number in range(count):
            people.append(await tx.see_person(f"{home.id[1:]}-guest-{number:03}", now))
        for number, person in enumerate(people):
            at = now + timedelta(microseconds=number // 3)  # several at the same instant
            await tx.put_guest(
                stored.id,
                person.id,
                Role.EDITOR,
                source=invitation["id"],
                session=stored.session,
                by=stored.creator_id,
                at=at,
            )
    return [person.name for person in people]


async def test_two_hundred_guests_come_in_parts_with_as_many_questions_as_two(service: Service, home: Place) -> None:
    asked: list[str] = []

    def hear(connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
        if str(connection.engine.url.database) in service.settings.database_url:
            asked.append(statement)

    async def listed(limit: int) -> tuple[list[str], int]:
        names, cursor, most = [], "", 0
        while True:
            asked.clear()
            event.listen(Engine, "before_cursor_execute", hear)
            answer = await home.maker.call("GET", f"{home.path}/guests?limit={limit}{cursor}")
            event.remove(Engine, "before_cursor_execute", hear)
            about_guests = [statement for statement in asked if "grants" in statement and "source !=" in statement]
            assert 1 == len(about_guests)
            most = max(most, len([one for one in asked if "grants" in one or "persons" in one]))
            page = answer.json()
            names += [guest["name"] for guest in page["items"]]
            if page["next"] is None:
                return names, most
            cursor = f"&cursor={quote(page['next'])}"

    await _fill(service, home, 2)
    few, for_few = await listed(500)
    await home.maker.call("DELETE", f"{home.path}/guests")
    await home.maker.call("DELETE", f"{home.path}/invitations")
    names = await _fill(service, home, 200)
    many, for_many = await listed(500)
    in_parts, _ = await listed(7)

    assert 2 == len(few)
    assert names == sorted(many)
    assert many == in_parts
    assert for_many <= for_few + 4  # whatever the outbox's consumer asks at the same time
    before = await latest(service)
    assert 204 == (await home.maker.call("DELETE", f"{home.path}/guests")).status_code
    assert ([], [(EventKind.ACCESS, None)]) == (await home.guests(), await events_after(service, home, before))


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "cursor=nonsense", "cursor=%00", "cursor="])
async def test_what_cannot_be_a_part_of_the_list_is_refused(place: Place, query: str) -> None:
    answer = await place.maker.call("GET", f"{place.path}/guests?{query}")

    assert (422, "invalid-input") == (answer.status_code, answer.json()["code"])


# --- Anonymising -----------------------------------------------------------------------------------------------------


async def test_anonymising_somebody_ends_what_they_invited_to_and_what_invitations_gave_them(
    service: Service, place: Place, running: set[str], erin: Somebody, bob: Somebody
) -> None:
    async with account(service) as gone:
        await service.grant("admin", place.id, "user", gone.name, "co-owner")
        home = Place(service, gone, f"~{gone.name}", running)
        here, to_home = await place.invite(by=gone), await home.invite()
        await place.invite(by=gone, expires_in=60)
        await gone.call("DELETE", f"{place.path}/invitations/{(await place.invitations())[1]['id']}")
        of_alice = await place.invite()
        elsewhere = Place(service, place.maker, await service.create("alice"), running)
        await accept(gone, await elsewhere.invite())
        await accept(erin, here)
        path = f"users/{gone.name}/anonymise"
        before = (await service.call("admin", "POST", path, params={"preview": "true"})).json()
        still_in = await elsewhere.guests()
        done = (await service.call("admin", "POST", path)).json()

    assert (2, 2, [gone.name]) == (before["invitations_revoked"], done["invitations_revoked"], still_in)
    assert (2, 2) == (before["grants_removed"], done["grants_removed"])
    assert {(410, "invitation-revoked")} == await refusals(bob, here)
    assert {(404, "invitation-unknown")} == await refusals(bob, to_home)
    assert 200 == (await preview(bob, of_alice)).status_code
    assert ([], ["erin"], "viewer") == (await elsewhere.guests(), await place.guests(), await place.role(erin))
    (guest,) = (await place.maker.call("GET", f"{place.path}/guests")).json()["items"]
    assert done["pseudonym"] == guest["by"]
    (record,) = (await service.call("admin", "GET", "audit", params={"act": "anonymised", "limit": "1"})).json()[
        "items"
    ]
    assert 2 == record["details"]["invitations_revoked"]
