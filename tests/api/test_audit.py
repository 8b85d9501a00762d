"""The audit log: who did what to whom, when, from which address, on which way."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api.accounts import account, forget_what_the_hub_said, hub
from api.service import Service
from coterie.actions import audit
from coterie.actions.actor import Actor
from coterie.actions.stop import stop_workspace
from coterie.service.api.audit import lines
from coterie.store import AuditEntry
from coterie.wire.audit import AuditAct, Via

pytestmark = pytest.mark.hub


async def log(service: Service, who: str, path: str, **query: str) -> list[dict[str, Any]]:
    """The records that *who* sees at *path*, the latest first."""
    answer = await service.call(who, "GET", path, params=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def done(service: Service, who: str, method: str, path: str, **options: Any) -> Any:
    answer = await service.call(who, method, path, **options)
    assert answer.is_success, f"{method} {path}: {answer.text}"
    return answer.json() if answer.content else None


async def test_every_act_is_in_the_log(service: Service) -> None:
    place = await service.create("alice", "Before")
    path = f"workspaces/{place}"
    await done(service, "alice", "PATCH", path, json={"name": "After"})
    await done(service, "alice", "PATCH", path, json={"archived": True})
    await done(service, "alice", "PATCH", path, json={"archived": False})
    await done(service, "alice", "PATCH", path, json={"general_access": "link"})
    await done(service, "dave", "POST", f"{path}/requests", json={"note": "please"})
    await done(service, "alice", "DELETE", f"{path}/requests/dave")
    await done(service, "erin", "POST", f"{path}/requests", json={})
    await done(service, "alice", "PUT", f"{path}/requests/erin", json={"role": "viewer"})
    await service.grant("alice", place, "group", "astro", "editor")
    await done(service, "alice", "DELETE", f"{path}/grants/group/astro")
    copy = (await done(service, "alice", "POST", f"{path}/copy", json={"name": "Copy"}))["id"]
    await done(service, "alice", "POST", f"{path}/stop")
    await done(service, "alice", "DELETE", path)

    everything = await log(service, "admin", "audit", workspace=place)
    copied = await log(service, "alice", f"workspaces/{copy}/audit")

    assert [
        ("alice", "deleted", "alice deleted the workspace"),
        ("alice", "stopped", "alice stopped the server"),
        ("alice", "removed", "alice removed the group astro"),
        ("alice", "granted", "alice made the group astro Editor"),
        ("alice", "granted", "alice made erin Viewer"),
        ("erin", "requested", "erin asked for access"),
        ("alice", "declined", "alice declined the request of dave"),
        ("dave", "requested", "dave asked for access"),
        ("alice", "general-access-set", "alice set general access to Anyone with link"),
        ("alice", "unarchived", "alice took the workspace out of the archive"),
        ("alice", "archived", "alice put the workspace into the archive"),
        ("alice", "renamed", "alice renamed the workspace to After"),
        ("alice", "created", "alice created the workspace"),
    ] == [(record["actor"], record["act"], record["sentence"]) for record in everything if record["act"] != "copied"]
    assert {"copied"} <= {record["act"] for record in (*everything, *copied)}
    assert {"api"} == {record["via"] for record in everything}
    assert (await service.call("alice", "GET", f"{path}/audit")).status_code == 404


async def test_opening_is_recorded_with_the_way_on_which_somebody_came(service: Service) -> None:
    """Opening for real starts a server: tests of the demo do. Here the record is looked at alone."""
    place = await service.create("alice")
    alice = await service.world.people.find("alice")
    assert alice is not None
    async with service.world.store.writing() as tx:
        for via in (Via.LINK, Via.PAGE):
            await tx.append_audit(AuditEntry(datetime.now(UTC), alice.id, AuditAct.OPENED, via, workspace_id=place))

    shown = [(record["via"], record["sentence"]) for record in await log(service, "alice", f"workspaces/{place}/audit")]

    expected = [("page", "alice opened the workspace"), ("link", "alice opened the workspace by the link")]
    assert expected == shown[:2]


async def test_anonymising_is_in_the_log_and_in_the_history_of_what_it_touched(service: Service) -> None:
    place = await service.create("alice")
    async with account(service) as gone:
        own = await gone.create()
        await service.grant("admin", place, "user", gone.name, "viewer")
        pseudonym = (await done(service, "admin", "POST", f"users/{gone.name}/anonymise"))["pseudonym"]

    latest = (await log(service, "admin", "audit", act="anonymised"))[0]
    here = (await log(service, "alice", f"workspaces/{place}/audit"))[0]
    moved = (await log(service, "admin", f"workspaces/{own}/audit"))[0]

    assert {"kind": "user", "name": pseudonym} == latest["subject"]
    assert (f"admin anonymised {pseudonym}", None) == (latest["sentence"], latest["workspace"])
    assert {
        "grants_removed": 1,
        "workspaces_moved": 1,
        "own_grants_dropped": 0,
        "invitations_revoked": 0,
        "home_stopped": False,
    } == latest["details"]
    assert f"admin removed {pseudonym}, who was anonymised" == here["sentence"]
    assert f"admin became Creator in place of {pseudonym}, who was anonymised" == moved["sentence"]


async def test_only_those_who_manage_access_see_a_workspaces_history(service: Service) -> None:
    place = await service.create("alice")
    for name, role in (("bob", "viewer"), ("carol", "editor")):
        await service.grant("alice", place, "user", name, role)
    await service.grant("admin", place, "user", "dave", "co-owner")

    asked = {
        who: await service.call(who, "GET", f"workspaces/{place}/audit", params={"format": form})
        for who in ("alice", "bob", "carol", "dave", "erin", "admin")
        for form in ("json", "jsonl")
    }
    unknown = await service.call("erin", "GET", "workspaces/aaaaaaaaaaaaaaaa/audit")

    expected = {"alice": 200, "bob": 403, "carol": 403, "dave": 200, "erin": 404, "admin": 200}
    assert expected == {who: answer.status_code for who, answer in asked.items()}
    assert unknown.text == asked["erin"].text
    assert (await service.call(None, "GET", f"workspaces/{place}/audit")).status_code == 401


@pytest.mark.parametrize("path", ["audit", "audit?format=jsonl", "audit?workspace=aaaaaaaaaaaaaaaa", "audit?cursor=x"])
async def test_only_administrators_see_the_whole_log(service: Service, path: str) -> None:
    answers = [await service.call(who, "GET", path) for who in ("alice", "carol", None)]

    assert [(403, "administrators-only"), (403, "administrators-only"), (401, "sign-in-needed")] == [
        (answer.status_code, answer.json()["code"]) for answer in answers
    ]


async def test_a_homes_history_is_its_owners_alone(service: Service) -> None:
    async with account(service) as owner:
        person = await service.world.people.find(owner.name)
        assert person is not None
        async with service.world.store.writing() as tx:
            await tx.see_home(person.id, owner.name, datetime.now(UTC))
        await stop_workspace(service.world, Actor(person, Via.API, "192.0.2.7"), f"~{owner.name}")
        mine = await owner.call("GET", f"workspaces/~{owner.name}/audit")
        others = [await service.call(who, "GET", f"workspaces/~{owner.name}/audit") for who in ("alice", "admin")]

        (record,) = mine.json()["items"]
        assert {"id": f"~{owner.name}", "name": f"~{owner.name}"} == record["workspace"]
        assert (f"{owner.name} stopped the server", None) == (record["sentence"], record["address"])
        assert [404, 404] == [answer.status_code for answer in others]
        await done(service, "admin", "POST", f"users/{owner.name}/anonymise")

    whole = await service.call("admin", "GET", "audit", params={"limit": "500"})
    assert owner.name not in whole.text
    assert "a home that is gone" in whole.text


async def test_addresses_are_for_administrators(service: Service) -> None:
    place = await service.create("alice")

    seen = {who: (await log(service, who, f"workspaces/{place}/audit"))[0]["address"] for who in ("alice", "admin")}

    assert {"alice": None, "admin": "127.0.0.1"} == seen


@pytest.mark.parametrize(
    ("named", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("fe80::7%<b>", "fe80::7"),
        ("192.0.2.7:80", None),
        ("unknown", None),
        ("'; --" * 99, None),
    ],
)
async def test_only_an_address_is_taken_for_one(service: Service, named: str, address: str | None) -> None:
    headers = {"Authorization": f"Bearer {service.demo.tokens['alice']}"}
    transport = httpx.ASGITransport(service.app, client=(named, 123))
    async with httpx.AsyncClient(transport=transport, base_url=service.settings.origin, headers=headers) as client:
        made = await client.post(f"{service.settings.prefix}api/v1/workspaces", json={"name": "From afar"})

    assert made.status_code == 201, made.text
    (record,) = await log(service, "admin", "audit", workspace=made.json()["id"])
    assert address == record["address"]


async def test_filters_leave_out_what_does_not_fit(service: Service) -> None:
    place = await service.create("alice")
    for name in ("bob", "carol"):
        await service.grant("admin", place, "user", name, "viewer")
    now = datetime.now(UTC)
    soon, before = ((now + timedelta(hours=hours)).isoformat() for hours in (1, -1))

    async def acts(**query: str) -> list[str]:
        return [record["act"] for record in await log(service, "alice", f"workspaces/{place}/audit", **query)]

    await service.grant("admin", place, "user", "dave", "viewer", expires_at="2999-01-31T12:00:00+01:00")
    latest = (await log(service, "alice", f"workspaces/{place}/audit"))[0]
    assert "admin made dave Viewer until 2999-01-31 11:00 UTC" == latest["sentence"]
    await service.call("admin", "DELETE", f"workspaces/{place}/grants/user/dave")

    assert ["removed", "granted", "granted", "granted", "created"] == await acts()
    assert ["created"] == await acts(actor="alice")
    assert ["granted", "granted", "granted"] == await acts(actor="admin", act="granted")
    assert [] == await acts(actor="nobody-of-that-name")
    assert [] == await acts(act="deleted")
    assert (5, 0) == (len(await acts(since=before, until=soon)), len(await acts(since=soon)))
    assert 0 == len(await acts(until=before))


async def test_the_list_goes_on_where_it_stopped(service: Service) -> None:
    place = await service.create("alice")
    for role in ("viewer", "editor", "co-owner"):
        await service.grant("admin", place, "user", "bob", role)
    path = f"workspaces/{place}/audit"

    whole = [record["id"] for record in await log(service, "alice", path)]
    parts, cursor = [], ""
    while True:
        page = await done(service, "alice", "GET", path, params={"limit": "3"} | ({"cursor": cursor} if cursor else {}))
        parts.append([record["id"] for record in page["items"]])
        cursor = page["next"]
        if cursor is None:
            break

    assert [whole[:3], whole[3:]] == parts


@pytest.mark.parametrize(
    "query",
    [
        "cursor=x",
        "cursor=-1",
        "cursor=%D9%A1",
        f"cursor={10**30}",
        "act=flown",
        "since=yesterday",
        "since=2026-01-01",
        "limit=0",
        "limit=501",
        "format=xml",
        f"actor={'n' * 256}",
    ],
)
async def test_what_cannot_be_read_is_refused(service: Service, query: str) -> None:
    answer = await service.call("admin", "GET", f"audit?{query}")

    assert (422, "invalid-input") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("actor", ["%00", "' OR 1=1 --", "%F0%9F%90%A7"])
async def test_a_name_that_nobody_has_finds_nothing(service: Service, actor: str) -> None:
    assert [] == (await done(service, "admin", "GET", f"audit?actor={quote(actor, safe='%')}"))["items"]


@pytest.mark.parametrize(
    ("query", "headers"), [("?format=jsonl", {}), ("", {"Accept": "application/x-ndjson"})], ids=["query", "header"]
)
async def test_the_export_has_everything_that_fits_a_record_a_line(
    service: Service, monkeypatch: pytest.MonkeyPatch, query: str, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(audit, "_BATCH", 2)
    place = await service.create("alice", "Lines")
    for role in ("viewer", "editor", "co-owner", "viewer"):
        await service.grant("admin", place, "user", "bob", role)
    path = f"workspaces/{place}/audit"

    answer = await service.call("alice", "GET", path + query, headers=headers)

    assert "application/x-ndjson" == answer.headers["content-type"].partition(";")[0]
    assert answer.text.endswith("\n")
    assert await log(service, "alice", path) == [json.loads(line) for line in answer.text.splitlines()]


async def test_whoever_may_no_longer_see_the_log_gets_no_more_of_an_export(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_BATCH", 1)
    place = await service.create("alice")
    await service.grant("admin", place, "user", "dave", "co-owner")
    dave = await service.world.people.find("dave")
    assert dave is not None

    batches = audit.export_audit(service.world, dave, place, audit.Filters())
    first = await anext(batches)
    await done(service, "alice", "DELETE", f"workspaces/{place}/grants/user/dave")

    assert 1 == len(first)
    with pytest.raises(audit.Refused):
        await anext(batches)


async def test_an_export_ends_where_its_reader_is_no_administrator_any_more(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_BATCH", 1)
    for _ in range(3):
        await service.create("alice")
    async with account(service) as reader:
        await hub(service, "PATCH", f"users/{reader.name}", json={"admin": True})
        person = await service.world.people.find(reader.name)
        assert person is not None
        told = (await lines(service.world, person, None, audit.Filters())).body_iterator
        first = [await anext(told), await anext(told)]
        await hub(service, "PATCH", f"users/{reader.name}", json={"admin": False})
        forget_what_the_hub_said(service)
        rest = [part async for part in told]

    assert ([1, 1], []) == ([len(str(part).splitlines()) for part in first], rest)


async def test_an_export_ends_where_its_readers_account_is_gone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_BATCH", 1)
    async with account(service) as reader:
        place = await reader.create()
        await service.grant("admin", place, "group", "bio", "viewer")
        person = await service.world.people.find(reader.name)
        assert person is not None
        batches = audit.export_audit(service.world, person, place, audit.Filters())
        await anext(batches)
    forget_what_the_hub_said(service)

    with pytest.raises(audit.Refused):
        await anext(batches)


async def test_names_cannot_turn_a_sentence_round(service: Service) -> None:
    place = await service.create("alice")
    await done(service, "alice", "PATCH", f"workspaces/{place}", json={"name": "مرحبا"})

    latest = (await log(service, "alice", f"workspaces/{place}/audit"))[0]

    assert "alice renamed the workspace to \u2068مرحبا\u2069" == latest["sentence"]
    assert "مرحبا" == latest["details"]["name"]
