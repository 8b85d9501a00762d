"""What the requirements say of whom one can share with and of site administrators, where no other test says it in their
words. Which test stands for which sentence is in docs/reference/requirements.md."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from api.service import Service
from coterie.service.app import create_app, make_world

pytestmark = pytest.mark.hub


@pytest.fixture
async def sites(service: Service) -> AsyncIterator[Service]:
    """The same service of a deployment whose site administrators are the group bio: dave."""
    settings = replace(service.settings, site_administrators="bio")
    world = make_world(settings)
    app = create_app(settings, world)
    async with app.router.lifespan_context(app):
        yield Service(app, world, settings, service.demo)


async def _offered(service: Service, who: str, kind: str) -> set[str]:
    answer = await service.call(who, "GET", f"principals?kind={kind}")
    return {item["name"] for item in answer.json()["items"]}


async def test_users_are_those_of_ones_own_groups_unless_one_is_an_administrator(service: Service) -> None:
    assert {"bob", "carol"} == await _offered(service, "alice", "user")
    assert set() == await _offered(service, "erin", "user")
    assert {"alice", "bob", "carol", "dave", "erin"} <= await _offered(service, "admin", "user")


async def test_rights_are_ones_own_unless_one_is_an_administrator(service: Service) -> None:
    assert {"gpu-users"} == await _offered(service, "alice", "right")
    assert set() == await _offered(service, "erin", "right")
    assert {"gpu-users", "curators"} == await _offered(service, "admin", "right")


async def test_groups_and_the_groups_below_them_are_offered_to_everybody(service: Service) -> None:
    for who in ("alice", "erin", "admin"):
        assert {"astro", "/astro/dust", "bio"} <= await _offered(service, who, "group")


async def test_a_group_below_another_gets_access_by_itself_and_not_by_the_other(service: Service) -> None:
    below, above = await service.create("alice"), await service.create("alice")
    await service.grant("alice", below, "group", "/astro/dust", "viewer")
    await service.grant("alice", above, "group", "astro", "viewer")

    async def can_see(workspace: str) -> set[str]:
        people = ("bob", "carol", "dave")
        answers = {who: await service.call(who, "GET", f"workspaces/{workspace}") for who in people}
        return {who for who, answer in answers.items() if answer.status_code == 200}

    assert {"bob"} == await can_see(below)
    assert {"bob", "carol"} == await can_see(above)


async def test_site_administrators_are_co_owners_of_every_workspace(sites: Service) -> None:
    workspace = await sites.create("alice")

    found: dict[str, Any] = (await sites.call("dave", "GET", f"workspaces/{workspace}")).json()

    assert ("co-owner", ["Co-owner as an administrator"]) == (
        found["role"],
        [reason["sentence"] for reason in found["reasons"]],
    )
    assert (await sites.call("dave", "GET", "me")).json()["administrator"]
    assert 200 == (await sites.grant("dave", workspace, "user", "bob", "editor")).status_code
    assert 204 == (await sites.call("dave", "DELETE", f"workspaces/{workspace}")).status_code


async def test_site_administrators_make_workspaces_global_and_name_everybody(sites: Service) -> None:
    workspace = await sites.create("alice")

    answer = await sites.call("dave", "PATCH", f"workspaces/{workspace}", json={"general_access": "global"})
    listed = (await sites.call("erin", "GET", "workspaces?limit=500")).json()["items"]

    assert (200, "global") == (answer.status_code, answer.json()["general_access"])
    assert ["viewer"] == [item["role"] for item in listed if item["id"] == workspace]
    assert {"alice", "erin", "admin"} <= await _offered(sites, "dave", "user")
    assert {"gpu-users", "curators"} == await _offered(sites, "dave", "right")
    await sites.call("dave", "DELETE", f"workspaces/{workspace}")
