"""Making, listing and revoking invitations, and what never leaves the service."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from api.accounts import account
from api.inviting import Place, Somebody, accept, home_of_somebody, later, preview, secret_of
from api.service import Service
from coterie.actions import invite
from coterie.actions.invite import digest_of
from coterie.store.tables import audit, invitations, metadata, outbox
from coterie.wire.events import EventKind

pytestmark = pytest.mark.hub

HOUR = timedelta(hours=1)


@pytest.fixture
async def home(service: Service, running: set[str]) -> AsyncIterator[Place]:
    """A home that does not run."""
    async with home_of_somebody(service, running) as (place, _):
        yield place


async def made(place: Place, **body: Any) -> dict[str, Any]:
    answer = await place.maker.call("POST", f"{place.path}/invitations", json=body)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def test_an_invitation_is_for_an_hour_for_any_number_of_people_and_as_viewer_unless_said_otherwise(
    place: Place,
) -> None:
    before = datetime.now(UTC)
    invitation = await made(place)
    bodyless = await place.maker.call("POST", f"{place.path}/invitations")

    shown = {name: invitation[name] for name in ("role", "lifetime", "max_uses", "uses", "by")}
    assert {"role": "viewer", "lifetime": "lasting", "max_uses": None, "uses": 0, "by": "alice"} == shown
    assert before + HOUR <= datetime.fromisoformat(invitation["expires_at"]) <= datetime.now(UTC) + HOUR
    assert HOUR == datetime.fromisoformat(invitation["expires_at"]) - datetime.fromisoformat(invitation["created_at"])
    assert (201, "viewer") == (bodyless.status_code, bodyless.json()["role"])


async def test_an_invitation_to_a_home_is_for_editors_and_for_the_session(home: Place) -> None:
    invitation = await made(home)
    said_so = await made(home, role="viewer", lifetime="session")

    assert ("editor", "session") == (invitation["role"], invitation["lifetime"])
    assert ("viewer", "session") == (said_so["role"], said_so["lifetime"])


async def test_a_home_that_nobody_has_seen_can_be_shared_at_once(service: Service) -> None:
    async with account(service) as owner:
        path = f"workspaces/~{owner.name}/invitations"
        answer = await owner.call("POST", path, json={})
        listed = await owner.call("GET", path)

    assert (201, 1) == (answer.status_code, len(listed.json()["items"]))


@pytest.mark.parametrize("call", ["GET invitations", "GET guests", "GET guests/blocks", "GET hub-shares"])
@pytest.mark.parametrize("revoking", [False, True])
async def test_every_call_about_ones_own_home_works_before_anybody_has_seen_it(
    service: Service, call: str, revoking: bool
) -> None:
    method, _, part = call.partition(" ")
    if revoking:
        if part == "hub-shares":
            return
        method = "DELETE"
    async with account(service) as owner:
        answer = await owner.call(method, f"workspaces/~{owner.name}/{part}")

    assert answer.is_success, answer.text


@pytest.mark.parametrize("expires_in", [60, 61, 3600, 30 * 24 * 3600])
async def test_it_may_be_valid_from_a_minute_to_thirty_days(place: Place, expires_in: int) -> None:
    invitation = await made(place, expires_in=expires_in)

    span = datetime.fromisoformat(invitation["expires_at"]) - datetime.fromisoformat(invitation["created_at"])
    assert timedelta(seconds=expires_in) == span


@pytest.mark.parametrize(
    "body",
    [
        {"expires_in": 59},
        {"expires_in": 30 * 24 * 3600 + 1},
        {"expires_in": 0},
        {"expires_in": -3600},
        {"expires_in": True},
        {"expires_in": "3600"},
        {"expires_in": 3600.5},
        {"expires_in": None},
        {"expires_in": 10**30},
        {"max_uses": 0},
        {"max_uses": -1},
        {"max_uses": True},
        {"max_uses": "3"},
        {"max_uses": 10**30},
        {"max_uses": 10_001},
        {"role": "creator"},
        {"role": "Editor"},
        {"role": ""},
        {"role": 1},
        {"lifetime": "forever"},
        {"lifetime": True},
        {"secret": "mine"},
        {"expires_at": "2030-01-01T00:00:00Z"},
        {"by": "bob"},
        [],
        "x",
        7,
    ],
    ids=str,
)
async def test_bad_input_makes_nothing(place: Place, home: Place, body: Any) -> None:
    for shared in (place, home):
        answer = await shared.maker.call("POST", f"{shared.path}/invitations", json=body)

        assert (422, "invalid-input") == (answer.status_code, answer.json()["code"])
        assert [] == await shared.invitations()


async def test_nobody_is_invited_as_co_owner_and_nothing_of_a_home_lasts(place: Place, home: Place) -> None:
    for shared in (place, home):
        answer = await shared.maker.call("POST", f"{shared.path}/invitations", json={"role": "co-owner"})
        assert (403, "role-not-grantable") == (answer.status_code, answer.json()["code"])
        assert [] == await shared.invitations()
    lasting = await home.maker.call("POST", f"{home.path}/invitations", json={"lifetime": "lasting"})

    assert (422, "invalid-input") == (lasting.status_code, lasting.json()["code"])
    assert [] == await home.invitations()


async def test_secrets_are_long_random_and_all_different(place: Place) -> None:
    secrets = {await place.invite() for _ in range(5)}

    assert 5 == len(secrets)
    assert {43} == {len(secret) for secret in secrets}  # 32 random bytes, 6 bits a character


async def _everything_stored(service: Service) -> str:
    """All rows of the database as text."""
    async with service.world.store.reading() as tx:
        rows = [await tx._rows(select(table)) for table in metadata.tables.values()]
    return str(rows)


async def test_the_secret_is_in_the_answer_to_the_call_that_made_it_and_nowhere_else(
    service: Service, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await place.maker.call("POST", f"{place.path}/invitations", json={})
    secret = secret_of(answer)
    guest = Somebody(service, "erin")
    looked, accepted, again = await preview(guest, secret), await accept(guest, secret), await accept(guest, secret)
    own = await accept(place.maker, secret)
    listed = await place.maker.call("GET", f"{place.path}/invitations")
    guests = await place.maker.call("GET", f"{place.path}/guests")
    grants = await place.maker.call("GET", f"{place.path}/grants")
    log = await service.call("admin", "GET", f"workspaces/{place.id}/audit")
    await place.maker.call("DELETE", f"{place.path}/invitations")
    revoked = await accept(Somebody(service, "dave"), secret)

    said = [looked, accepted, again, own, listed, guests, grants, log, revoked]
    assert [200, 200, 200, 409, 200, 200, 200, 200, 410] == [each.status_code for each in said]
    assert [] == [each.text for each in said if secret in each.text or digest_of(secret) in each.text]
    assert "url" not in listed.json()["items"][0]
    assert secret not in caplog.text
    stored = await _everything_stored(service)
    assert (False, True) == (secret in stored, digest_of(secret) in stored)


BAD_SECRETS: list[Any] = [
    {},
    {"secret": ""},
    {"secret": "canary" * 34},
    {"secret": None},
    {"secret": 7},
    {"secret": True},
    {"secret": ["canary"]},
    {"secret": {"canary": 1}},
    {"secret": "canary", "workspace": "canary"},
    {"canary": "canary"},
    ["canary"],
    "canary",
    None,
]


@pytest.mark.parametrize("call", ["preview", "accept"])
@pytest.mark.parametrize("body", BAD_SECRETS, ids=ascii)
async def test_what_is_no_secret_is_refused_without_being_repeated(service: Service, call: str, body: Any) -> None:
    answer = await service.call(
        "erin",
        "POST",
        f"invitations/{call}",
        content=json.dumps(body).encode(),  # escapes what UTF-8 cannot hold, as a client may
        headers={"Content-Type": "application/json"},
    )

    assert (422, "invalid-input") == (answer.status_code, answer.json()["code"])
    assert "canary" not in answer.json()["detail"]


@pytest.mark.parametrize("call", ["preview", "accept"])
@pytest.mark.parametrize("content", [b"", b"canary", b'{"secret": "canary', b"\xff\xfe", b'{"secret": NaN}'])
async def test_a_body_that_is_no_json_is_refused_without_being_repeated(
    service: Service, call: str, content: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await service.call("erin", "POST", f"invitations/{call}", content=content, headers=headers)

    assert answer.status_code in (400, 422)
    assert "canary" not in answer.text


async def test_invitations_are_for_those_who_manage_access(service: Service, place: Place) -> None:
    await service.grant("alice", place.id, "user", "bob", "co-owner")
    await service.grant("alice", place.id, "user", "carol", "editor")
    await place.invite()
    (invitation,) = await place.invitations()
    one, all_ = f"{place.path}/invitations/{invitation['id']}", f"{place.path}/invitations"

    codes = {}
    for who in ("carol", "dave", None):
        answers = [
            await service.call(who, "GET", all_),
            await service.call(who, "POST", all_, json={}),
            await service.call(who, "DELETE", one),
            await service.call(who, "DELETE", all_),
        ]
        (codes[who],) = {(answer.status_code, answer.json()["code"]) for answer in answers}
    assert codes == {
        "carol": (403, "role-too-weak"),
        "dave": (404, "workspace-not-found"),
        None: (401, "sign-in-needed"),
    }
    assert [invitation] == await place.invitations()
    for who in ("bob", "admin"):
        assert [invitation] == (await service.call(who, "GET", all_)).json()["items"]
    assert 204 == (await service.call("bob", "DELETE", one)).status_code
    assert [] == await place.invitations()


async def test_invitations_of_a_home_are_its_owners_alone(service: Service, home: Place) -> None:
    await home.start()
    secret = await home.invite()
    guest = Somebody(service, "erin")
    assert 200 == (await accept(guest, secret)).status_code
    (invitation,) = await home.invitations()

    for who, expected in (("erin", (403, "role-too-weak")), ("admin", (404, "workspace-not-found"))):
        for method, path in (
            ("GET", ""),
            ("POST", ""),
            ("DELETE", f"/{invitation['id']}"),
            ("DELETE", ""),
        ):
            answer = await service.call(who, method, f"{home.path}/invitations{path}")
            assert expected == (answer.status_code, answer.json()["code"])
    assert [invitation] == await home.invitations()


async def test_nobody_signed_out_learns_anything_of_an_invitation(service: Service, place: Place) -> None:
    secret = await place.invite()

    for call in ("preview", "accept"):
        right = await service.call(None, "POST", f"invitations/{call}", json={"secret": secret})
        wrong = await service.call(None, "POST", f"invitations/{call}", json={"secret": "wrong"})
        assert (401, right.json()) == (right.status_code, wrong.json())


async def test_one_is_revoked_or_all_of_them(service: Service, place: Place) -> None:
    for _ in range(3):
        await place.invite()
    first, second, third = await place.invitations()
    other = Place(service, place.maker, await service.create("alice"), place.running)
    await other.invite()
    (elsewhere,) = await other.invitations()

    async def revoke(id_: str) -> int:
        return (await place.maker.call("DELETE", f"{place.path}/invitations/{id_}")).status_code

    assert 204 == await revoke(second["id"])
    assert [first, third] == await place.invitations()
    for unknown in (second["id"], elsewhere["id"], "a" * 16, "nonsense", "%00", "a" * 300, "%F0%9F%90%A7"):
        assert 404 == await revoke(unknown)
    assert [[first, third], [elsewhere]] == [await place.invitations(), await other.invitations()]
    for _ in range(2):
        assert 204 == (await place.maker.call("DELETE", f"{place.path}/invitations")).status_code
    assert [[], [elsewhere]] == [await place.invitations(), await other.invitations()]


async def test_what_has_run_out_is_not_listed_any_more(service: Service, place: Place) -> None:
    await place.invite(expires_in=60)
    await place.invite()

    async def listed(**span: float) -> int:
        there = later(service, **span)
        return len((await there.call("alice", "GET", f"{place.path}/invitations")).json()["items"])

    assert [2, 1, 0] == [await listed(seconds=10), await listed(seconds=61), await listed(seconds=3601)]


async def test_the_list_says_how_many_have_accepted(service: Service, place: Place) -> None:
    secret = await place.invite(max_uses=3)
    for who in ("dave", "erin", "dave"):
        assert 200 == (await accept(Somebody(service, who), secret)).status_code

    (invitation,) = await place.invitations()
    assert (2, 3) == (invitation["uses"], invitation["max_uses"])


async def test_making_and_revoking_change_nobodys_access_and_still_reach_share_windows(
    service: Service, place: Place
) -> None:
    await place.invite()
    await place.maker.call("DELETE", f"{place.path}/invitations")

    stored = await place.stored()
    async with service.world.store.reading() as tx:
        events = [(event.kind, event.principal) for event in await tx.read_after(0, limit=99, workspace_id=stored.id)]
    assert [(EventKind.INVITED, None), (EventKind.INVITED, None)] == events


async def test_the_audit_log_says_who_invited_and_never_the_secret(service: Service, place: Place) -> None:
    await place.invite(role="editor", max_uses=2, expires_in=60)
    (invitation,) = await place.invitations()
    await place.maker.call("DELETE", f"{place.path}/invitations/{invitation['id']}")
    await place.invite()
    await place.maker.call("DELETE", f"{place.path}/invitations")
    await place.maker.call("DELETE", f"{place.path}/invitations")  # there are none left: nothing happens

    records = (await service.call("alice", "GET", f"{place.path}/audit")).json()["items"]
    sentences = [record["sentence"] for record in records]
    until = datetime.fromisoformat(invitation["expires_at"]).strftime("%Y-%m-%d %H:%M")
    assert "alice revoked all invitations" == sentences[0]
    assert "alice revoked an invitation" == sentences[2]
    assert f"alice made an invitation as Editor until {until} UTC" == sentences[3]
    assert 5 == len(sentences)  # the first is that it was created
    details = records[3]["details"]
    assert (invitation["id"], "editor", "lasting", 2) == tuple(
        details[name] for name in ("invitation", "role", "lifetime", "max_uses")
    )


async def test_they_go_with_the_workspace(service: Service, place: Place) -> None:
    secret = await place.invite()
    id_ = (await place.stored()).id
    assert 204 == (await place.maker.call("DELETE", place.path)).status_code

    answer = await preview(Somebody(service, "erin"), secret)
    async with service.world.store.reading() as tx:
        left = await tx._rows(select(invitations.c.id).where(invitations.c.workspace_id == id_))
        recorded = await tx._rows(select(audit.c.act).where(audit.c.workspace_id == id_))
        events = await tx._rows(select(outbox.c.kind).where(outbox.c.workspace_id == id_))

    assert (404, "invitation-unknown") == (answer.status_code, answer.json()["code"])
    assert [] == left
    assert "invited" in [row.act for row in recorded]
    assert events


async def test_a_copy_has_neither_invitations_nor_guests(service: Service, place: Place) -> None:
    secret = await place.invite()
    await accept(Somebody(service, "erin"), secret)
    await service.grant("alice", place.id, "user", "bob", "viewer")

    copied = await place.maker.call("POST", f"{place.path}/copy", json={"name": "Copy", "with_access": True})

    assert 201 == copied.status_code, copied.text
    copy = Place(service, place.maker, copied.json()["id"], place.running)
    grants = (await place.maker.call("GET", f"{copy.path}/grants")).json()["items"]
    assert [("alice", "creator"), ("bob", "viewer")] == [(grant["name"], grant["role"]) for grant in grants]
    assert ([], []) == (await copy.invitations(), await copy.guests())


async def test_so_many_links_work_at_a_time_and_no_more(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invite, "INVITATIONS_MAX", 2)
    for _ in range(2):
        await place.invite()

    refused = await place.maker.call("POST", f"{place.path}/invitations")
    await place.maker.call("DELETE", f"{place.path}/invitations/{(await place.invitations())[0]['id']}")

    assert (409, "too-many-invitations") == (refused.status_code, refused.json()["code"])
    assert await place.invite()
    assert 2 == len(await place.invitations())
