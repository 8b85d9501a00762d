"""Requests for access: asking tells nothing, those who manage access answer, on both databases."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import insert

from api.service import Service
from coterie.actions import follow
from coterie.store import AuditEntry, StoredEvent, columns
from coterie.store.engine import for_writing, open_engine, parse_url
from coterie.store.tables import blocks
from coterie.wire.audit import AuditAct
from coterie.wire.events import EventKind
from coterie.wire.requests import NOTE_MAX
from support.demo import until

pytestmark = pytest.mark.hub

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def _ask(service: Service, who: str, workspace: str, **body: Any) -> httpx.Response:
    return await service.call(who, "POST", f"workspaces/{workspace}/requests", json=body)


async def _answer(service: Service, by: str, workspace: str, user: str, role: str | None) -> httpx.Response:
    path = f"workspaces/{workspace}/requests/{quote(user, safe='')}"
    if role is None:
        return await service.call(by, "DELETE", path)
    return await service.call(by, "PUT", path, json={"role": role})


async def _waiting(service: Service, workspace: str, by: str = "alice") -> list[dict[str, Any]]:
    answer = await service.call(by, "GET", f"workspaces/{workspace}/requests")
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def _users(service: Service, workspace: str) -> list[str]:
    return [item["user"] for item in await _waiting(service, workspace)]


async def _role(service: Service, workspace: str, user: str) -> str | None:
    answer = await service.call("alice", "GET", f"workspaces/{workspace}/access/{user}")
    role: str | None = answer.json()["role"]
    return role


async def _with_roles(service: Service) -> str:
    """A workspace of alice's with bob as Co-owner, carol as Editor and dave as Viewer. erin is nobody in it."""
    workspace = await service.create("alice")
    for name, role in (("bob", "co-owner"), ("carol", "editor"), ("dave", "viewer")):
        assert (await service.grant("admin", workspace, "user", name, role)).status_code == 200
    return workspace


async def _departed(service: Service, workspace: str, name: str) -> None:
    """Somebody called *name* asked, whose account the Hub has no more."""
    async with service.world.store.writing() as tx:
        person = await tx.see_person(name, LONG_AGO)
        assert await tx.add_request(workspace, person.id, "before I left", LONG_AGO)


async def _block(service: Service, workspace: str, name: str) -> None:
    person = await service.world.people.find(name)
    assert person is not None
    engine = for_writing(open_engine(parse_url(service.settings.database_url)))
    async with engine.begin() as connection:
        await connection.execute(insert(blocks).values(workspace_id=workspace, person_id=person.id))
    await engine.dispose()


async def _audit(service: Service, workspace: str) -> list[AuditEntry]:
    """What the audit log says of the workspace, the oldest first."""
    async with service.world.store.reading() as tx:
        return [record.entry for record in await tx.list_audit(workspace_id=workspace, limit=100)][::-1]


async def _events(service: Service, workspace: str) -> list[StoredEvent]:
    async with service.world.store.reading() as tx:
        return await tx.read_after(0, limit=100, workspace_id=workspace)


def test_the_api_and_the_store_keep_notes_of_the_same_length() -> None:
    assert columns.NOTE_MAX == NOTE_MAX


async def test_who_asked_is_shown_to_those_who_manage_access(service: Service) -> None:
    workspace = await service.create("alice")

    await _ask(service, "erin", workspace, note="  Let me in, please.  ")

    waiting = await _waiting(service, workspace)
    assert [("erin", None, "Let me in, please.")] == [(one["user"], one["role"], one["note"]) for one in waiting]
    assert datetime.fromisoformat(waiting[0]["at"]).tzinfo is not None
    assert None is await _role(service, workspace, "erin")


async def test_everybody_without_access_gets_the_same_answer_whatever_they_ask_for(service: Service) -> None:
    foreign = await service.create("alice")
    asked = await service.create("alice")
    blocking = await service.create("alice")
    await _ask(service, "erin", asked)
    await _block(service, blocking, "erin")
    unknown = ("aaaaaaaaaaaaaaaa", "nonsense", "~alice", "~nobody", "~", "%00", "ws-aaaaaaaaaaaaaaaa", "a" * 300)

    answers = [await _ask(service, "erin", each, note="x") for each in (foreign, asked, blocking, *unknown)]

    assert {(202, "", tuple(answers[0].headers.items()))} == {
        (answer.status_code, answer.text, tuple(answer.headers.items())) for answer in answers
    }
    assert [["erin"], ["erin"], []] == [await _users(service, each) for each in (foreign, asked, blocking)]


async def test_an_answer_leaves_no_earlier_for_a_workspace_that_does_not_exist(service: Service) -> None:
    loop = asyncio.get_running_loop()
    for workspace in (await service.create("alice"), "aaaaaaaaaaaaaaaa", "~alice"):
        began = loop.time()
        await _ask(service, "erin", workspace)
        assert loop.time() - began >= 0.1


async def test_an_answer_does_not_wait_for_somebody_who_changes_the_workspace(service: Service) -> None:
    workspace = await service.create("alice")
    await service.call("erin", "GET", "me")  # whoever is seen for the first time is written down
    async with service.world.store.writing() as tx:
        await tx.hold(workspace)
        path = f"workspaces/{workspace}/requests"
        async with asyncio.timeout(9):
            asked = await service.call("erin", "POST", path, json={})

        assert (202, "") == (asked.status_code, asked.text)

    assert ["erin"] == await _users(service, workspace)


async def test_a_home_has_no_requests(service: Service) -> None:
    owner = await service.world.people.find("alice")
    assert owner is not None
    async with service.world.store.writing() as tx:
        await tx.see_home(owner.id, owner.name, datetime.now(UTC))

    answers = [await _ask(service, who, "~alice") for who in ("erin", "alice", "admin")]

    assert [202, 202, 202] == [answer.status_code for answer in answers]
    assert [] == await _waiting(service, "~alice")


async def test_asking_twice_is_asking_once(service: Service) -> None:
    workspace = await service.create("alice")

    await _ask(service, "erin", workspace, note="first")
    await _ask(service, "erin", workspace, note="second")

    assert ["first"] == [item["note"] for item in await _waiting(service, workspace)]
    assert [AuditAct.CREATED, AuditAct.REQUESTED] == [entry.act for entry in await _audit(service, workspace)]


async def test_a_note_is_not_needed(service: Service) -> None:
    workspace = await service.create("alice")

    answer = await service.call("erin", "POST", f"workspaces/{workspace}/requests")

    assert 202 == answer.status_code
    assert [""] == [item["note"] for item in await _waiting(service, workspace)]


@pytest.mark.parametrize(
    "note",
    [
        "x" * NOTE_MAX,
        "<script>alert(1)</script>",
        "' OR 1=1 --",
        "{{ 7 * 7 }}",
        "\u202emoc.elpmaxe",
        "مرحبا 🐧",
        "🐧" * NOTE_MAX,
    ],
    ids=ascii,
)
async def test_a_note_comes_back_as_it_was_given(service: Service, note: str) -> None:
    workspace = await service.create("alice")

    await _ask(service, "erin", workspace, note=note)

    assert [note] == [item["note"] for item in await _waiting(service, workspace)]


@pytest.mark.parametrize(
    "body",
    [
        {"note": "x" * (NOTE_MAX + 1)},
        {"note": "a\nb"},
        {"note": "a\x00b"},
        {"note": "a\x1b[31mb"},
        {"note": "\u2028 a\u2028b"},
        {"note": "a\ud800"},
        {"note": 7},
        {"note": None},
        {"note": "x", "role": "co-owner"},
        [],
    ],
    ids=ascii,
)
async def test_a_note_that_cannot_be_is_refused_whatever_it_was_for(service: Service, body: Any) -> None:
    workspace = await service.create("alice")
    content, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}

    answers = [
        await service.call("erin", "POST", f"workspaces/{each}/requests", content=content, headers=headers)
        for each in (workspace, "aaaaaaaaaaaaaaaa")
    ]

    assert [422, 422] == [answer.status_code for answer in answers]
    assert answers[0].json() == answers[1].json()
    assert [] == await _waiting(service, workspace)


@pytest.mark.parametrize(
    ("who", "status"), [("dave", 202), ("carol", 202), ("bob", 409), ("alice", 409), ("admin", 409)]
)
async def test_viewers_and_editors_may_ask_for_more_and_who_manages_access_has_nobody_to_ask(
    service: Service, who: str, status: int
) -> None:
    workspace = await _with_roles(service)

    answer = await _ask(service, who, workspace)

    assert status == answer.status_code
    if status == 409:
        assert ("conflict", []) == (answer.json()["code"], await _waiting(service, workspace))
    else:
        has = {"carol": "editor", "dave": "viewer"}[who]
        assert [(who, has)] == [(one["user"], one["role"]) for one in await _waiting(service, workspace)]


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ("carol", "role-too-weak"),
        ("dave", "role-too-weak"),
        ("erin", "workspace-not-found"),
        ("bob", None),
        ("admin", None),
    ],
)
async def test_those_who_manage_access_answer_and_nobody_else(service: Service, who: str, code: str | None) -> None:
    workspace = await _with_roles(service)
    await _ask(service, "erin", workspace)
    await _ask(service, "dave", workspace)

    answers = [
        await service.call(who, "GET", f"workspaces/{workspace}/requests"),
        await _answer(service, who, workspace, "erin", "editor"),
        await _answer(service, who, workspace, "dave", None),
    ]

    assert [code] * 3 == [None if answer.is_success else answer.json()["code"] for answer in answers]
    expected = ([], "editor") if code is None else (["erin", "dave"], None)
    assert expected == (await _users(service, workspace), await _role(service, workspace, "erin"))
    assert "viewer" == await _role(service, workspace, "dave")


async def test_a_role_goes_also_to_somebody_with_whom_one_shares_no_group(service: Service) -> None:
    workspace = await service.create("alice")
    await _ask(service, "erin", workspace)
    assert 404 == (await service.grant("alice", workspace, "user", "erin", "viewer")).status_code

    answer = await _answer(service, "alice", workspace, "erin", "viewer")

    assert 204 == answer.status_code
    grants = (await service.call("alice", "GET", f"workspaces/{workspace}/grants")).json()["items"]
    assert ("erin", "viewer", "alice", "direct", None) == tuple(
        grants[1][key] for key in ("name", "role", "by", "source", "expires_at")
    )
    assert (200, "viewer") == (
        (own := await service.call("erin", "GET", f"workspaces/{workspace}")).status_code,
        own.json()["role"],
    )


@pytest.mark.parametrize("role", ["creator", "owner", "", None, 7])
async def test_a_role_that_cannot_be_given_answers_nothing(service: Service, role: Any) -> None:
    workspace = await service.create("alice")
    await _ask(service, "erin", workspace)

    answer = await service.call("alice", "PUT", f"workspaces/{workspace}/requests/erin", json={"role": role})

    assert (422, ["erin"]) == (answer.status_code, await _users(service, workspace))


@pytest.mark.parametrize("user", ["dave", "nobody", "alice", "ERIN", "%00", "a/b", "\n", "x" * 3000])
async def test_who_never_asked_is_answered_nothing_and_alike(service: Service, user: str) -> None:
    workspace = await service.create("alice")
    await _ask(service, "erin", workspace)

    answers = [await _answer(service, "alice", workspace, user, role) for role in ("viewer", None)]

    other = await _answer(service, "alice", workspace, "somebody", "viewer")
    assert [(404, other.json())] * 2 == [(answer.status_code, answer.json()) for answer in answers]
    assert "not-found" == other.json()["code"]
    assert ["erin"] == await _users(service, workspace)


async def test_who_was_declined_may_ask_again(service: Service) -> None:
    workspace = await service.create("alice")
    await _ask(service, "erin", workspace, note="first")

    declined = await _answer(service, "alice", workspace, "erin", None)
    before = await _waiting(service, workspace)
    await _ask(service, "erin", workspace, note="second")

    assert (204, []) == (declined.status_code, before)
    assert ["second"] == [item["note"] for item in await _waiting(service, workspace)]


async def test_the_audit_log_and_the_outbox_say_who_asked_and_what_came_of_it(service: Service) -> None:
    workspace = await service.create("alice")
    erin, alice = await service.world.people.find("erin"), await service.world.people.find("alice")
    assert erin is not None
    assert alice is not None
    await _ask(service, "erin", workspace, note="secret plans")
    await _answer(service, "alice", workspace, "erin", None)
    await _ask(service, "erin", workspace)

    await _answer(service, "alice", workspace, "erin", "editor")

    entries = (await _audit(service, workspace))[1:]
    assert [
        (AuditAct.REQUESTED, erin.id, None, {}),
        (AuditAct.DECLINED, alice.id, erin.id, {}),
        (AuditAct.REQUESTED, erin.id, None, {}),
        (AuditAct.GRANTED, alice.id, erin.id, {"role": "editor", "request": True}),
    ] == [(entry.act, entry.actor_id, entry.subject.key if entry.subject else None, entry.details) for entry in entries]
    events = await _events(service, workspace)
    assert [EventKind.REQUESTED, EventKind.REQUESTED, EventKind.REQUESTED, EventKind.ACCESS] == [
        event.kind for event in events
    ]
    assert {erin.id} == {event.principal.key for event in events if event.principal}


async def test_a_grant_by_name_answers_a_request_and_access_on_another_way_does_not(service: Service) -> None:
    workspace = await service.create("alice")
    await _ask(service, "bob", workspace)

    await service.grant("alice", workspace, "group", "astro", "viewer")
    through_a_group = await _users(service, workspace)
    await service.grant("alice", workspace, "user", "bob", "editor")

    assert (["bob"], []) == (through_a_group, await _users(service, workspace))


async def test_somebody_with_as_strong_a_role_may_still_be_answered(service: Service) -> None:
    workspace = await _with_roles(service)
    await _ask(service, "carol", workspace)

    answer = await _answer(service, "bob", workspace, "carol", "editor")

    assert (204, "editor", []) == (
        answer.status_code,
        await _role(service, workspace, "carol"),
        await _waiting(service, workspace),
    )


async def test_whose_account_is_gone_can_only_be_declined(service: Service) -> None:
    workspace = await service.create("alice")
    await _departed(service, workspace, "zoe")

    given = await _answer(service, "alice", workspace, "zoe", "viewer")
    before = await _users(service, workspace)
    declined = await _answer(service, "alice", workspace, "zoe", None)

    assert (409, "conflict", ["zoe"]) == (given.status_code, given.json()["code"], before)
    assert "can only be declined" in given.json()["detail"]
    assert (204, []) == (declined.status_code, await _users(service, workspace))


async def test_an_account_made_anew_gets_nothing_for_what_the_earlier_one_asked(service: Service) -> None:
    workspace = await service.create("alice")
    await _departed(service, workspace, "erin")

    refused = await _answer(service, "alice", workspace, "erin", "viewer")
    none_yet = await _role(service, workspace, "erin")
    await _ask(service, "erin", workspace)
    both = await _users(service, workspace)
    given = await _answer(service, "alice", workspace, "erin", "viewer")

    assert (409, None, ["erin", "erin"]) == (refused.status_code, none_yet, both)
    assert (204, "viewer") == (given.status_code, await _role(service, workspace, "erin"))
    assert [] == await _users(service, workspace)


async def test_of_two_who_answer_at_once_one_is_told(service: Service) -> None:
    for roles in (("viewer", "editor"), ("viewer", None), (None, None)):
        workspace = await _with_roles(service)
        await _ask(service, "erin", workspace)

        answers = await asyncio.gather(
            _answer(service, "alice", workspace, "erin", roles[0]), _answer(service, "bob", workspace, "erin", roles[1])
        )

        assert [204, 404] == sorted(answer.status_code for answer in answers)
        winner = roles[0] if answers[0].status_code == 204 else roles[1]
        assert (winner, []) == (await _role(service, workspace, "erin"), await _users(service, workspace))
        acts = [entry.act for entry in await _audit(service, workspace)]
        assert 1 == acts.count(AuditAct.DECLINED) + acts.count(AuditAct.GRANTED) - 3  # three made the scene


async def test_a_co_owner_who_was_removed_meanwhile_answers_nothing(service: Service) -> None:
    workspace = await _with_roles(service)
    await _ask(service, "erin", workspace)

    removed, answer = await asyncio.gather(
        service.call("alice", "DELETE", f"workspaces/{workspace}/grants/user/bob"),
        _answer(service, "bob", workspace, "erin", "co-owner"),
    )

    # Whoever came first: nobody has given anything who was not Co-owner at that moment.
    assert 200 == removed.status_code
    acts = [entry.act for entry in await _audit(service, workspace)][-2:]
    assert (
        [AuditAct.GRANTED, AuditAct.REMOVED] if answer.is_success else [AuditAct.REQUESTED, AuditAct.REMOVED]
    ) == acts


async def test_the_badge_counts_for_those_who_manage_access_alone(service: Service) -> None:
    workspace = await _with_roles(service)
    await _ask(service, "erin", workspace)
    await _ask(service, "dave", workspace)

    counts = {}
    for who in ("alice", "bob", "carol", "dave"):
        listed = (await service.call(who, "GET", "workspaces?limit=500")).json()["items"]
        one = (await service.call(who, "GET", f"workspaces/{workspace}")).json()
        counts[who] = (one["requests"], *[item["requests"] for item in listed if item["id"] == workspace])

    assert {"alice": (2, 2), "bob": (2, 2), "carol": (0, 0), "dave": (0, 0)} == counts


async def test_a_workspace_that_goes_takes_its_requests_with_it(service: Service) -> None:
    workspace = await service.create("alice")
    await _ask(service, "erin", workspace)

    deleted = await service.call("alice", "DELETE", f"workspaces/{workspace}")
    answer = await _ask(service, "erin", workspace)

    assert [204, 202] == [deleted.status_code, answer.status_code]
    async with service.world.store.reading() as tx:
        assert [] == await tx.list_requests(workspace)


async def test_the_consumer_of_the_outbox_and_the_server_pass_a_request_by(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, erin = await service.create("alice"), await service.world.people.find("erin")
    assert erin is not None
    async with service.world.store.writing() as tx:
        stored = await tx.find_workspace(workspace)
        # Whoever looks again at this person's access takes the entry away: they have none.
        await tx.want_entry(workspace, erin.id, LONG_AGO)
    assert stored is not None
    await _ask(service, "erin", workspace)
    requested = (await _events(service, workspace))[-1].revision

    async def is_taken() -> bool:
        async with service.world.store.reading() as tx:
            return await tx.get_position("hub-shares") >= requested

    async def is_still_there() -> bool:
        return False

    monkeypatch.setattr(follow, "_ALIVE_EVERY", 0.0)
    stream = follow.follow_events(service.world, stored, after=requested - 1, is_still_there=is_still_there)
    told = [line.partition("\n")[0] async for line in stream]

    assert ["event: alive"] == told
    assert await until(is_taken)
    async with service.world.store.reading() as tx:
        assert [erin.id] == [entry.person_id for entry in await tx.list_entries(workspace)]
