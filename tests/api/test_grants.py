"""Grants by API: parts of long lists, changes that hold only for what was seen, and many people at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import insert

from api.accounts import account, forget_what_the_hub_said
from api.service import Service
from coterie.policy import Principal, PrincipalKind, Role
from coterie.store.tables import grants as grants_table
from support.waiting import until_it_waits_or_is_done

pytestmark = pytest.mark.hub

MANY = 10_000


async def listed(service: Service, who: str, workspace: str, query: str = "") -> dict[str, Any]:
    answer = await service.call(who, "GET", f"workspaces/{workspace}/grants{query}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def grant_of(service: Service, who: str, workspace: str, name: str) -> dict[str, Any]:
    (found,) = [item for item in (await listed(service, who, workspace))["items"] if item["name"] == name]
    item: dict[str, Any] = found
    return item


async def fill(service: Service, who: str, workspace: str, count: int) -> None:
    """Add *count* grants to rights."""
    person = await service.world.people.find(who)
    assert person is not None
    then = datetime(2025, 1, 1, tzinfo=UTC)
    rows = [
        {
            "workspace_id": workspace,
            "principal_kind": PrincipalKind.RIGHT,
            "principal_key": f"right-{number:05}",
            "role": Role.VIEWER,
            "source": "direct",
            # Many at the same instant: a page may end between two of them.
            "created_at": then + timedelta(seconds=number // 7),
            "created_by": person.id,
        }
        for number in range(count)
    ]
    async with service.world.store.writing() as tx:
        await tx._connection.execute(insert(grants_table), rows)


async def test_a_list_of_ten_thousand_comes_in_parts_with_the_creator_first(service: Service) -> None:
    workspace = await service.create("alice")
    await fill(service, "alice", workspace, MANY)

    names: list[str] = []
    cursor = ""
    while True:
        page = await listed(service, "alice", workspace, f"?limit=500{cursor}")
        names += [item["name"] for item in page["items"]]
        assert len(page["items"]) <= 500
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    first = await listed(service, "alice", workspace)
    changed = await service.grant("alice", workspace, "group", "astro", "editor")
    removed = await service.call("alice", "DELETE", f"workspaces/{workspace}/grants/right/right-07777")

    assert ["alice", *(f"right-{number:05}" for number in range(MANY))] == names
    assert (100, "alice") == (len(first["items"]), first["items"][0]["name"])
    assert [200, 200] == [changed.status_code, removed.status_code]


async def test_a_short_list_is_whole_and_a_part_may_be_one(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "user", "bob", "viewer")

    whole = await listed(service, "alice", workspace)
    one = await listed(service, "alice", workspace, "?limit=1")
    rest = await listed(service, "alice", workspace, f"?limit=1&cursor={one['next']}")
    found = await listed(service, "alice", workspace, "?q=BO")

    assert (["alice", "bob"], None) == ([item["name"] for item in whole["items"]], whole["next"])
    assert ["alice"] == [item["name"] for item in one["items"]]
    assert (["bob"], None) == ([item["name"] for item in rest["items"]], rest["next"])
    assert ["bob"] == [item["name"] for item in found["items"]]


@pytest.mark.parametrize(
    "cursor", ["x", "bm9uc2Vuc2U", "W10", "WyJhIiwiYiIsImMiLCJkIl0", "\x7f", "%00", "é", "a" * 3000]
)
async def test_a_cursor_that_no_list_gave_is_refused(service: Service, cursor: str) -> None:
    workspace = await service.create("alice")

    answer = await service.call("alice", "GET", f"workspaces/{workspace}/grants?cursor={quote(cursor)}")

    assert (422, "invalid-input") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("text", ["%", "_", "/", "\\", "'", '"'])
async def test_a_search_takes_every_character_for_itself(service: Service, text: str) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "group", "/astro/dust", "viewer")
    await service.grant("alice", workspace, "user", "bob", "viewer")

    found = await listed(service, "alice", workspace, f"?q={quote(text)}")

    assert (["/astro/dust"] if text == "/" else []) == [item["name"] for item in found["items"]]


async def test_a_group_says_how_many_it_reaches_and_which_groups_it_does_not(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "group", "astro", "viewer")
    await service.grant("alice", workspace, "user", "bob", "viewer")

    grants = {item["name"]: item for item in (await listed(service, "alice", workspace))["items"]}
    answer = await service.call("alice", "GET", "principals?q=astro&kind=group")

    assert (3, ["/astro/dust"]) == (grants["astro"]["people"], grants["astro"]["subgroups"])
    assert (None, [], False) == tuple(grants["bob"][key] for key in ("people", "subgroups", "is_gone"))
    assert {"astro": (3, ["/astro/dust"]), "/astro/dust": (1, [])} == {
        item["name"]: (item["people"], item["subgroups"]) for item in answer.json()["items"]
    }


async def test_a_change_of_what_was_seen_goes_through_and_names_the_new_version(service: Service) -> None:
    workspace = await service.create("alice")
    path = f"workspaces/{workspace}/grants/user/bob"

    made = await service.call("alice", "PUT", path, json={"role": "viewer"}, headers={"If-None-Match": "*"})
    etag = made.headers["ETag"]
    changed = await service.call("alice", "PUT", path, json={"role": "editor"}, headers={"If-Match": etag})
    removed = await service.call("alice", "DELETE", path, headers={"If-Match": changed.headers["ETag"]})

    assert [200, 200, 200] == [answer.status_code for answer in (made, changed, removed)]
    assert f'"{made.json()["version"]}"' == etag
    assert made.json()["version"] != changed.json()["version"]
    assert {"remaining": []} == removed.json()


async def test_a_change_of_what_was_changed_meanwhile_is_told_who_was_quicker(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "user", "carol", "co-owner")
    await service.grant("alice", workspace, "user", "bob", "viewer")
    seen = {"If-Match": f'"{(await grant_of(service, "alice", workspace, "bob"))["version"]}"'}
    path = f"workspaces/{workspace}/grants/user/bob"
    await service.grant("carol", workspace, "user", "bob", "editor")

    late = [
        await service.call("alice", "PUT", path, json={"role": "co-owner"}, headers=seen),
        await service.call("alice", "DELETE", path, headers=seen),
        await service.call("alice", "PUT", path, json={"role": "co-owner"}, headers={"If-None-Match": "*"}),
    ]

    assert [(409, "conflict", "Changed meanwhile")] * 3 == [
        (answer.status_code, answer.json()["code"], answer.json()["title"]) for answer in late
    ]
    assert ["carol made bob Editor a moment ago."] * 2 == [
        answer.json()["detail"].partition(" The list")[0] for answer in late[:2]
    ]
    assert "bob is Editor here already. Change the role in the list." == late[2].json()["detail"]
    assert "editor" == (await grant_of(service, "alice", workspace, "bob"))["role"]


async def test_who_may_not_manage_access_learns_nothing_from_a_conflict(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "user", "carol", "editor")
    path = f"workspaces/{workspace}/grants/user/bob"
    wrong = {"If-Match": '"wrong"'}

    answers = [
        await service.call(who, method, path, headers=wrong, json={"role": "viewer"} if method == "PUT" else None)
        for who in ("carol", "dave")
        for method in ("PUT", "DELETE")
    ]

    assert [403, 403, 404, 404] == [answer.status_code for answer in answers]


@pytest.mark.parametrize(
    "headers",
    [{"If-Match": "*"}, {"If-Match": "plain"}, {"If-Match": '"a", "b"'}, {"If-Match": '""'}, {"If-None-Match": '"a"'}],
)
async def test_a_condition_that_is_not_understood_changes_nothing(service: Service, headers: dict[str, str]) -> None:
    workspace = await service.create("alice")
    path = f"workspaces/{workspace}/grants/user/bob"

    answer = await service.call("alice", "PUT", path, json={"role": "viewer"}, headers=headers)

    assert (422, "invalid-input") == (answer.status_code, answer.json()["code"])
    assert 1 == len((await listed(service, "alice", workspace))["items"])


async def test_of_many_who_change_the_same_grant_at_once_one_gets_through(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "user", "carol", "co-owner")
    await service.grant("alice", workspace, "user", "bob", "viewer")
    seen = {"If-Match": f'"{(await grant_of(service, "alice", workspace, "bob"))["version"]}"'}
    path = f"workspaces/{workspace}/grants/user/bob"

    answers = await asyncio.gather(
        *(
            service.call(who, "PUT", path, json={"role": role}, headers=seen)
            for who in ("alice", "carol", "admin")
            for role in ("editor", "co-owner")
        )
    )

    assert [200, *[409] * 5] == sorted(answer.status_code for answer in answers)
    (through,) = [answer.json() for answer in answers if answer.status_code == 200]
    stands = await grant_of(service, "alice", workspace, "bob")
    assert (through["role"], through["by"]) == (stands["role"], stands["by"])


async def test_of_many_grants_at_once_none_is_lost_and_none_conflicts(service: Service) -> None:
    workspace = await service.create("alice")
    named = [("user", name) for name in ("bob", "carol", "dave", "erin", "admin")]
    named += [("group", name) for name in ("astro", "/astro/dust", "bio")]
    named += [("right", name) for name in ("gpu-users", "curators")]

    answers = await asyncio.gather(
        *(
            service.call(
                "admin",
                "PUT",
                f"workspaces/{workspace}/grants/{kind}/{quote(name, safe='')}",
                json={"role": "viewer"},
                headers={"If-None-Match": "*"},
            )
            for kind, name in named
        ),
        *(service.call("alice", "GET", f"workspaces/{workspace}/grants") for _ in range(5)),
    )

    assert {200} == {answer.status_code for answer in answers}
    items = (await listed(service, "alice", workspace))["items"]
    assert {("user", "alice"), *named} == {(item["kind"], item["name"]) for item in items}
    assert len(named) + 1 == len(items)


async def test_who_is_removed_while_they_change_something_changes_nothing_more(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "user", "carol", "co-owner")
    carol = f"workspaces/{workspace}/grants/user/carol"

    removed, *changes = await asyncio.gather(
        service.call("alice", "DELETE", carol),
        *(service.grant("carol", workspace, "user", "carol", "co-owner") for _ in range(5)),
    )

    assert 200 == removed.status_code
    # Whoever came after the removal was refused: nobody gives themselves back what was taken.
    assert ["alice"] == [item["name"] for item in (await listed(service, "alice", workspace))["items"]]
    assert {answer.status_code for answer in changes} <= {200, 404}


async def test_who_is_removed_while_they_delete_the_workspace_deletes_nothing(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "user", "carol", "co-owner")
    carol = await service.world.people.find("carol")
    assert carol is not None

    async with service.world.store.writing() as tx:
        await tx.hold(workspace)
        deleting = asyncio.create_task(service.call("carol", "DELETE", f"workspaces/{workspace}"))
        await until_it_waits_or_is_done(service.world.store, deleting)
        await tx.remove_grants(workspace, Principal(PrincipalKind.USER, carol.id))

    assert 404 == (await deleting).status_code
    assert 200 == (await service.call("alice", "GET", f"workspaces/{workspace}")).status_code


async def test_a_namesake_of_the_creator_is_removed_like_anybody(service: Service) -> None:
    async with account(service) as former:
        workspace = await former.create()
    forget_what_the_hub_said(service)
    async with account(service, former.name) as present:
        given = await service.grant("admin", workspace, "user", present.name, "viewer")
        first, second = [
            await service.call("admin", "DELETE", f"workspaces/{workspace}/grants/user/{present.name}")
            for _ in range(2)
        ]
        items = (await listed(service, "admin", workspace))["items"]

    assert (200, 200) == (given.status_code, first.status_code)
    assert (403, "creator-is-fixed") == (second.status_code, second.json()["code"])
    assert [(former.name, "creator")] == [(item["name"], item["role"]) for item in items]


async def test_an_end_in_the_past_is_refused_and_one_to_come_is_kept(service: Service) -> None:
    workspace = await service.create("alice")
    past, future = "2020-01-01T00:00:00Z", "2099-12-31T23:59:59+02:00"

    refused = await service.grant("alice", workspace, "user", "bob", "viewer", expires_at=past)
    made = await service.grant("alice", workspace, "user", "bob", "viewer", expires_at=future)

    assert (422, "The end has passed already. Choose a day to come, or none.") == (
        refused.status_code,
        refused.json()["detail"],
    )
    assert "2099-12-31T21:59:59Z" == made.json()["expires_at"]
