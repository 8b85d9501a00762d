"""Copying a workspace: who may, whom the copy is shared with, and what is recorded."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from api.accounts import account
from api.service import Service
from coterie.actions.actor import Actor
from coterie.actions.copy import copy_workspace, find_source
from coterie.actions.sessions import report_session
from coterie.hubapi import Hub, HubUnavailable
from coterie.policy import Person
from coterie.store import StoredWorkspace
from coterie.store.tables import blocks
from coterie.wire.audit import AuditAct, Via
from coterie.wire.bodies import CopySource
from coterie.wire.copying import CopyOrder
from support.waiting import until_it_waits_or_is_done

pytestmark = pytest.mark.hub

LATER = datetime.now(UTC) + timedelta(days=3)


@pytest.fixture(autouse=True)
def starts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The accounts whose server the Hub was asked to start: the demo's Hub has a service of its own, which does not
    know the workspaces of this one."""
    asked: list[str] = []

    async def start(_hub: Hub, account: str) -> None:
        asked.append(account)

    monkeypatch.setattr(Hub, "start_server", start)
    return asked


async def _copy(service: Service, who: str, workspace: str, **order: Any) -> httpx.Response:
    return await service.call(who, "POST", f"workspaces/{workspace}/copy", json={"name": "Copy"} | order)


async def _stored(service: Service, workspace: str) -> StoredWorkspace:
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(workspace)
    assert stored is not None
    return stored


async def _grants(service: Service, who: str, workspace: str) -> dict[tuple[str, str], str]:
    answer = await service.call(who, "GET", f"workspaces/{workspace}/grants")
    return {(item["kind"], item["name"]): item["role"] for item in answer.json()["items"]}


async def _person(service: Service, name: str) -> Person:
    person = await service.world.people.find(name)
    assert person is not None
    return person


async def _actor(service: Service, name: str) -> Actor:
    return Actor(await _person(service, name), Via.API)


@pytest.fixture
async def shared(service: Service) -> str:
    """Alice's workspace with one of each role, a right, and a grant that ends."""
    workspace = await service.create("alice", "Shared")
    await service.grant("alice", workspace, "user", "bob", "co-owner")
    await service.grant("alice", workspace, "user", "carol", "editor", expires_at=LATER.isoformat())
    await service.grant("alice", workspace, "group", "bio", "viewer")
    await service.grant("alice", workspace, "right", "gpu-users", "viewer")
    return workspace


@pytest.mark.parametrize(
    ("who", "status"), [("alice", 201), ("bob", 201), ("carol", 201), ("dave", 403), ("erin", 404), ("admin", 201)]
)
async def test_editors_and_up_copy_and_nobody_else(service: Service, shared: str, who: str, status: int) -> None:
    answer = await _copy(service, who, shared)

    assert answer.status_code == status
    if status == 201:
        assert (answer.json()["role"], answer.json()["creator"]) == ("creator", who)
        assert answer.json()["general_access"] == "restricted"
        assert await _grants(service, who, answer.json()["id"]) == {("user", who): "creator"}
    if status == 403:
        assert answer.json()["code"] == "role-too-weak"


async def test_nobody_copies_a_home(service: Service) -> None:
    await service.call("alice", "POST", "workspaces/~alice/open")

    answer = await _copy(service, "alice", "~alice")

    assert (answer.status_code, answer.json()["code"]) == (403, "role-too-weak")


async def test_the_access_list_is_for_those_who_manage_it(service: Service, shared: str) -> None:
    refused = await _copy(service, "carol", shared, with_access=True)

    assert (refused.status_code, refused.json()["code"]) == (403, "role-too-weak")


async def test_a_copy_with_access_has_the_same_people_and_its_sources_creator(service: Service, shared: str) -> None:
    answer = await _copy(service, "bob", shared, with_access=True)

    copy = answer.json()["id"]
    expected = {
        ("user", "bob"): "creator",
        ("user", "alice"): "co-owner",
        ("user", "carol"): "editor",
        ("group", "bio"): "viewer",
        ("right", "gpu-users"): "viewer",
    }
    assert await _grants(service, "bob", copy) == expected
    items = (await service.call("bob", "GET", f"workspaces/{copy}/grants")).json()["items"]
    (carol,) = (item for item in items if item["name"] == "carol")
    assert (datetime.fromisoformat(carol["expires_at"]), carol["by"]) == (LATER, "bob")


async def test_what_has_ended_is_not_copied(service: Service, shared: str) -> None:
    later = replace(service.world, now=lambda: LATER)

    copy = await copy_workspace(later, await _actor(service, "alice"), shared, CopyOrder(name="Copy", with_access=True))

    assert ("user", "carol") not in await _grants(service, "alice", copy.id)


@pytest.mark.parametrize(
    ("level", "who", "expected"),
    [
        ("link", "bob", "link"),
        ("global", "bob", "restricted"),
        ("global", "admin", "global"),
        ("restricted", "bob", "restricted"),
    ],
)
async def test_general_access_is_copied_as_far_as_the_copier_may_set_it(
    service: Service, shared: str, level: str, who: str, expected: str
) -> None:
    await service.call("admin", "PATCH", f"workspaces/{shared}", json={"general_access": level})

    alone = await _copy(service, who, shared)
    together = await _copy(service, who, shared, with_access=True)

    assert (alone.json()["general_access"], together.json()["general_access"]) == ("restricted", expected)


async def test_who_is_blocked_stays_blocked_in_a_copy_with_access(service: Service, shared: str) -> None:
    await service.call("alice", "PATCH", f"workspaces/{shared}", json={"general_access": "link"})
    dave = await _person(service, "dave")
    await service.call("alice", "DELETE", f"workspaces/{shared}/grants/group/bio")
    async with service.world.store.writing() as tx:
        await tx._change(insert(blocks).values(workspace_id=shared, person_id=dave.id))

    copy = (await _copy(service, "alice", shared, with_access=True)).json()["id"]

    assert (await service.call("erin", "GET", f"workspaces/{copy}")).status_code == 200
    assert (await service.call("dave", "GET", f"workspaces/{copy}")).status_code == 404


async def test_who_is_anonymised_at_the_same_time_is_not_in_a_copy_with_access(service: Service, shared: str) -> None:
    admin = await _person(service, "admin")
    async with account(service) as gone:
        await service.grant("admin", shared, "user", gone.name, "viewer")
        async with service.world.store.writing() as tx:
            (person,) = await tx.list_people_named(gone.name)
            await tx.hold_people([person], admin.id)
            await tx.forget_person(person.id, f"anonymised-{gone.name}", service.world.now())
            copying = asyncio.create_task(_copy(service, "alice", shared, with_access=True))
            await until_it_waits_or_is_done(service.world.store, copying)
        copy = await copying

    assert copy.status_code == 201
    async with service.world.store.reading() as tx:
        assert await tx.list_grants_to([person.id]) == []
    assert ("user", "carol") in await _grants(service, "alice", copy.json()["id"])


async def test_both_records_are_written_and_neither_gives_the_other_workspace_away(
    service: Service, shared: str
) -> None:
    copy = (await _copy(service, "carol", shared, with_outputs=False)).json()["id"]

    carol = await _person(service, "carol")
    async with service.world.store.reading() as tx:
        (copied,) = await tx.list_audit(workspace_id=shared, act=AuditAct.COPIED, limit=9)
        (created,) = await tx.list_audit(workspace_id=copy, limit=9)
    assert (copied.entry.actor_id, copied.entry.workspace_name) == (carol.id, "Shared")
    assert copied.entry.details == {"with_access": False, "with_outputs": False}
    assert (created.entry.act, created.entry.actor_id) == (AuditAct.CREATED, carol.id)
    assert created.entry.details == {"as_copy": True}


async def test_a_copy_is_started_at_once_and_made_all_the_same_where_the_hub_does_not_answer(
    service: Service, shared: str, starts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await _stored(service, (await _copy(service, "carol", shared)).json()["id"])

    async def unavailable(_hub: Hub, _account: str) -> None:
        raise HubUnavailable("the Hub restarts")

    monkeypatch.setattr(Hub, "create_user", unavailable)
    second = await _copy(service, "carol", shared)

    assert starts == [first.account]
    assert (second.status_code, second.json()["server"]) == (201, "stopped")


async def test_the_copys_server_is_told_whose_files_it_starts_with_until_it_has_begun(
    service: Service, shared: str
) -> None:
    copy = await _stored(service, (await _copy(service, "carol", shared, with_outputs=False)).json()["id"])
    source = await _stored(service, shared)

    told = await find_source(service.world, copy)
    await report_session(service.world, copy, "first-session")

    assert told == CopySource(workspace=shared, account=source.account, creator="carol", with_outputs=False)
    assert await find_source(service.world, await _stored(service, copy.id)) is None
    assert (await _stored(service, copy.id)).copied_from is None


async def test_a_copy_has_no_source_once_its_creator_may_not_copy_it_any_more(service: Service, shared: str) -> None:
    copy = await _stored(service, (await _copy(service, "carol", shared)).json()["id"])

    await service.grant("alice", shared, "user", "carol", "viewer")

    assert await find_source(service.world, copy) is None


async def test_a_copy_gets_no_source_again_when_it_moves_because_its_creator_is_anonymised(
    service: Service, shared: str
) -> None:
    async with account(service) as gone:
        await service.grant("admin", shared, "user", gone.name, "editor")
        made = await gone.call("POST", f"workspaces/{shared}/copy", json={"name": "Copy"})
        await service.call("alice", "DELETE", f"workspaces/{shared}/grants/user/{gone.name}")
        withheld = await find_source(service.world, await _stored(service, made.json()["id"]))
        await service.call("admin", "POST", f"users/{gone.name}/anonymise")

    copy = await _stored(service, made.json()["id"])
    assert copy.creator_id == (await _person(service, "admin")).id
    assert (withheld, await find_source(service.world, copy)) == (None, None)
    assert copy.copied_from is not None  # so that it does not begin empty


async def test_a_copy_has_no_source_once_it_was_deleted(service: Service, shared: str) -> None:
    copy = await _stored(service, (await _copy(service, "carol", shared)).json()["id"])

    deleted = await service.call("alice", "DELETE", f"workspaces/{shared}")

    assert deleted.status_code == 204
    assert await find_source(service.world, copy) is None


async def test_a_copy_that_has_not_begun_is_not_copied_itself(service: Service, shared: str) -> None:
    copy = (await _copy(service, "alice", shared)).json()["id"]

    answer = await _copy(service, "alice", copy)

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"name": ""},
        {"name": "x" * 256},
        {"name": "a\nb"},
        {"name": "<b>Copy"},
        {"name": "Copy", "with_access": "yes"},
        {"name": "Copy", "with_outputs": None},
        {"name": "Copy", "creator": "alice"},
    ],
)
async def test_an_order_that_is_none_is_refused(service: Service, shared: str, order: dict[str, Any]) -> None:
    answer = await service.call("alice", "POST", f"workspaces/{shared}/copy", json=order)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-input")


@pytest.mark.parametrize("name", ["Пингвины 🐧", "\u202eniugneP", "a/b\\c 'd' \"e\"", "ت" * 255])
async def test_a_copy_may_be_called_anything_that_can_be_seen(service: Service, shared: str, name: str) -> None:
    answer = await _copy(service, "alice", shared, name=name)

    assert (answer.status_code, answer.json()["name"]) == (201, name)
