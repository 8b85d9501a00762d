"""What seldom happens and has to go well all the same: groups and accounts that come and go in the Hub, ids of other
kinds, a great many grants, names as bad as names get. Each with an answer that a person understands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import insert

from api.accounts import account, forget_what_the_hub_said, hub, unused_name
from api.service import Service
from coterie.actions.errors import UNAVAILABLE_PRINCIPAL
from coterie.policy import PrincipalKind, Role
from coterie.store.engine import for_writing, open_engine, parse_url
from coterie.store.tables import grants
from coterie.wire.problems import UNKNOWN_WORKSPACE

pytestmark = pytest.mark.hub

#: Names that a group of the Hub's may have.
ODD_NAMES = [
    "/vo/team/sub",
    "//",
    "a/../b",
    "quotes ' \" and `more`",
    "100% of a?b=c&d#e",
    "مجموعة \u202eabc",
    "🐧🧊",
    "n" * 255,
    "<b>bold</b>",
    "Astro",  # not astro
]
CROWD = 10_000


@asynccontextmanager
async def _group(service: Service, name: str, *members: str) -> AsyncIterator[None]:
    """A group of the Hub's for as long as this takes."""
    await _make_group(service, name, *members)
    try:
        yield
    finally:
        await _remove_group(service, name)


async def _make_group(service: Service, name: str, *members: str) -> None:
    path = f"groups/{quote(name, safe='')}"
    await hub(service, "POST", path)
    if members:
        await hub(service, "POST", f"{path}/users", json={"users": list(members)})
    forget_what_the_hub_said(service)


async def _remove_group(service: Service, name: str) -> None:
    await hub(service, "DELETE", f"groups/{quote(name, safe='')}")
    forget_what_the_hub_said(service)


async def _reasons(service: Service, workspace: str, user: str) -> list[str]:
    answer = await service.call("admin", "GET", f"workspaces/{workspace}/access/{user}")
    return [reason["sentence"] for reason in answer.json()["reasons"]]


async def _named(service: Service, workspace: str) -> list[str]:
    """Whom the list of grants names, but for the Creator."""
    items = (await service.call("admin", "GET", f"workspaces/{workspace}/grants?limit=500")).json()["items"]
    return [item["name"] for item in items[1:]]


def _says(answer: httpx.Response, status: int, detail: str) -> None:
    assert (status, detail) == (answer.status_code, answer.json()["detail"])


# --- What comes and goes in the Hub ----------------------------------------------------------------------------------


async def test_a_group_that_was_deleted_lets_nobody_in_and_can_be_removed_from_the_list(service: Service) -> None:
    workspace, group = await service.create("alice"), unused_name()
    async with _group(service, group, "erin"):
        await service.grant("alice", workspace, "group", group, "editor")
        assert [f"Editor through the group {group}"] == await _reasons(service, workspace, "erin")

    assert [] == await _reasons(service, workspace, "erin")
    _says(await service.call("erin", "GET", f"workspaces/{workspace}"), 404, UNKNOWN_WORKSPACE)
    _, listed = (await service.call("alice", "GET", f"workspaces/{workspace}/grants")).json()["items"]
    assert (group, True) == (listed["name"], listed["is_gone"])
    _says(await service.grant("alice", workspace, "group", group, "viewer"), 404, UNAVAILABLE_PRINCIPAL)
    removed = await service.call("alice", "DELETE", f"workspaces/{workspace}/grants/group/{group}")
    assert (200, []) == (removed.status_code, await _named(service, workspace))


async def test_a_group_that_is_made_again_counts_again_for_its_members_of_now(service: Service) -> None:
    workspace, group = await service.create("alice"), unused_name()
    async with _group(service, group, "erin"):
        await service.grant("alice", workspace, "group", group, "viewer")

    async with _group(service, group, "dave"):
        assert [f"Viewer through the group {group}"] == await _reasons(service, workspace, "dave")
        assert [] == await _reasons(service, workspace, "erin")


async def test_an_account_that_is_deleted_and_made_again_is_a_stranger(service: Service) -> None:
    shared, name = await service.create("alice"), unused_name()
    async with account(service, name) as first:
        own = await first.create("Theirs")
        await service.grant("admin", shared, "user", name, "co-owner")
        await first.call("PUT", f"workspaces/{shared}/favourite")

    forget_what_the_hub_said(service)
    async with account(service, name) as second:
        assert [] == [item for item in (await second.call("GET", "workspaces")).json()["items"] if item["id"] == own]
        for workspace in (own, shared):
            _says(await second.call("GET", f"workspaces/{workspace}"), 404, UNKNOWN_WORKSPACE)
            assert [] == await _reasons(service, workspace, name)
        assert [name] == await _named(service, shared)
        given = await service.grant("admin", shared, "user", name, "viewer")
        found = await second.call("GET", f"workspaces/{shared}")

    assert 200 == given.status_code
    assert ("viewer", False) == (found.json()["role"], found.json()["favourite"])


async def test_both_of_two_people_who_had_one_name_go_when_the_name_is_removed(service: Service) -> None:
    shared, name = await service.create("alice"), unused_name()
    async with account(service, name):
        await service.grant("admin", shared, "user", name, "co-owner")
    forget_what_the_hub_said(service)
    async with account(service, name):
        await service.grant("admin", shared, "user", name, "viewer")
        assert [name, name] == await _named(service, shared)

        await service.call("alice", "DELETE", f"workspaces/{shared}/grants/user/{name}")

    assert [] == await _named(service, shared)


async def test_whoever_leaves_a_group_is_out_and_a_co_owner_of_that_way_manages_nothing(service: Service) -> None:
    workspace, group = await service.create("alice"), unused_name()
    async with _group(service, group, "erin", "dave"):
        await service.grant("alice", workspace, "group", group, "co-owner")
        assert 200 == (await service.grant("erin", workspace, "user", "dave", "viewer")).status_code

        await hub(service, "DELETE", f"groups/{group}/users", json={"users": ["erin"]})
        forget_what_the_hub_said(service)

        _says(await service.grant("erin", workspace, "user", "dave", "editor"), 404, UNKNOWN_WORKSPACE)


# --- Ids of other kinds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"name": "Mine"}),
        ("PATCH", "", {"general_access": "link"}),
        ("DELETE", "", None),
        ("POST", "/copy", {"name": "Copy"}),
        ("PUT", "/favourite", None),
        ("PUT", "/grants/user/bob", {"role": "viewer"}),
    ],
    ids=str,
)
async def test_a_home_is_no_workspace_not_even_its_owners(
    service: Service, method: str, path: str, body: dict[str, Any] | None
) -> None:
    owner = await service.world.people.find("carol")
    assert owner is not None
    async with service.world.store.writing() as tx:
        home = await tx.see_home(owner.id, owner.name, datetime.now(UTC))

    own = await service.call("carol", method, f"workspaces/~carol{path}", json=body)
    anothers = await service.call("alice", method, f"workspaces/~carol{path}", json=body)
    by_its_id = await service.call("carol", method, f"workspaces/{home.id}{path}", json=body)

    assert 403 == own.status_code
    assert own.json()["detail"] in ("This cannot be done with a home.", "This role cannot be given here.")
    _says(anothers, 404, UNKNOWN_WORKSPACE)
    _says(by_its_id, 404, UNKNOWN_WORKSPACE)


async def test_an_account_a_person_and_a_grants_source_are_no_workspaces(service: Service) -> None:
    workspace = await service.create("alice")
    person = await service.world.people.find("alice")
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(workspace)
    assert person is not None
    assert stored is not None

    for other in (stored.account, stored.account.removeprefix("ws-"), person.id, "direct", "alice", "~ws-alice"):
        for who in ("alice", "admin"):
            _says(await service.call(who, "GET", f"workspaces/{other}"), 404, UNKNOWN_WORKSPACE)


async def test_a_workspaces_account_is_nobody_to_share_with(service: Service) -> None:
    workspace = await service.create("alice")
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(workspace)
    assert stored is not None

    for who in ("alice", "admin"):
        for name in (stored.account, workspace):
            _says(await service.grant(who, workspace, "user", name, "viewer"), 404, UNAVAILABLE_PRINCIPAL)


# --- A great many grants ---------------------------------------------------------------------------------------------


async def test_a_workspace_with_ten_thousand_grants_is_listed_in_parts_and_decides_the_same(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "user", "bob", "editor")
    await _crowd(service, workspace)

    first = (await service.call("alice", "GET", f"workspaces/{workspace}/grants?limit=500")).json()
    names, parts, cursor = [item["name"] for item in first["items"]], 1, first["next"]
    while cursor is not None:
        answer = await service.call("alice", "GET", f"workspaces/{workspace}/grants?limit=500&cursor={quote(cursor)}")
        names += [item["name"] for item in answer.json()["items"]]
        parts, cursor = parts + 1, answer.json()["next"]

    assert ["alice", "bob"] == names[:2]
    assert {f"crowd-{number}" for number in range(CROWD)} == set(names[2:])
    assert (CROWD + 2, 21) == (len(names), parts)
    assert ["Editor by name"] == await _reasons(service, workspace, "bob")
    assert [] == await _reasons(service, workspace, "erin")
    assert 200 == (await service.call("alice", "DELETE", f"workspaces/{workspace}/grants/group/crowd-7")).status_code
    assert 204 == (await service.call("alice", "DELETE", f"workspaces/{workspace}")).status_code


async def _crowd(service: Service, workspace: str) -> None:
    by = await service.world.people.find("alice")
    assert by is not None
    row = {
        "workspace_id": workspace,
        "principal_kind": PrincipalKind.GROUP,
        "role": Role.VIEWER,
        "source": "direct",
        "created_at": datetime.now(UTC) + timedelta(minutes=1),
        "created_by": by.id,
    }
    engine = for_writing(open_engine(parse_url(service.settings.database_url)))
    async with engine.begin() as connection:
        await connection.execute(insert(grants), [row | {"principal_key": f"crowd-{n}"} for n in range(CROWD)])
    await engine.dispose()


# --- Names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
async def test_a_group_of_any_name_is_found_named_explained_and_removed(service: Service, name: str) -> None:
    workspace = await service.create("alice", name if "<" not in name else "Penguins")
    async with _group(service, name, "erin"):
        found = await service.call("alice", "GET", f"principals?kind=group&q={quote(name[:200], safe='')}")
        given = await service.grant("alice", workspace, "group", name, "viewer")
        reasons = await _reasons(service, workspace, "erin")
        path = f"workspaces/{workspace}/grants/group/{quote(name, safe='')}"
        removed = await service.call("alice", "DELETE", path)

    assert name in [item["name"] for item in found.json()["items"]]
    assert (200, name) == (given.status_code, given.json()["name"])
    assert [f"Viewer through the group {name}"] == reasons
    assert (200, []) == (removed.status_code, await _named(service, workspace))


# --- People who act --------------------------------------------------------------------------------------------------


async def test_a_co_owner_who_was_removed_changes_nothing_from_then_on(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "user", "bob", "co-owner")
    await service.call("alice", "DELETE", f"workspaces/{workspace}/grants/user/bob")

    for method, path, body in (
        ("PUT", "/grants/user/carol", {"role": "editor"}),
        ("DELETE", "/grants/user/carol", None),
        ("PATCH", "", {"general_access": "link"}),
        ("DELETE", "", None),
    ):
        answer = await service.call("bob", method, f"workspaces/{workspace}{path}", json=body)
        _says(answer, 404, UNKNOWN_WORKSPACE)
    assert [] == await _named(service, workspace)


async def test_a_co_owner_may_step_down_and_cannot_step_up_again(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "user", "bob", "co-owner")

    assert 200 == (await service.grant("bob", workspace, "user", "bob", "editor")).status_code
    again = await service.grant("bob", workspace, "user", "bob", "co-owner")

    _says(again, 403, "This needs the role Co-owner here; you are Editor. Ask a Co-owner or the Creator.")


async def test_each_refusal_says_what_is_wrong_in_a_sentence(service: Service) -> None:
    workspace = await service.create("alice")
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()

    _says(await service.grant("alice", workspace, "user", "dave", "viewer"), 404, UNAVAILABLE_PRINCIPAL)
    _says(await service.grant("alice", workspace, "right", "curators", "viewer"), 404, UNAVAILABLE_PRINCIPAL)
    _says(await service.grant("alice", workspace, "group", "no-such-group", "viewer"), 404, UNAVAILABLE_PRINCIPAL)
    fixed = "The Creator's role cannot be changed or removed."
    _says(await service.grant("admin", workspace, "user", "alice", "viewer"), 403, fixed)
    _says(await service.call("alice", "DELETE", f"workspaces/{workspace}/grants/user/alice"), 403, fixed)
    past = await service.grant("alice", workspace, "user", "bob", "viewer", expires_at=yesterday)
    _says(past, 422, "The end has passed already. Choose a day to come, or none.")
    made_global = await service.call("alice", "PATCH", f"workspaces/{workspace}", json={"general_access": "global"})
    _says(made_global, 403, "Only administrators make a workspace Global or anonymise somebody.")
    creator = await service.grant("alice", workspace, "user", "bob", "creator")
    assert (422, "invalid-input") == (creator.status_code, creator.json()["code"])
    assert "viewer" in creator.json()["detail"]
    assert [] == await _named(service, workspace)
