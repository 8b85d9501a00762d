"""Why somebody has access: who is told what about whom."""

from __future__ import annotations

import pytest

from api.accounts import unused_name
from api.service import Service

pytestmark = pytest.mark.hub


async def _told(service: Service, who: str, workspace: str, user: str) -> tuple[str | None, list[str]]:
    answer = await service.call(who, "GET", f"workspaces/{workspace}/access/{user}")
    assert (answer.status_code, answer.json()["user"]) == (200, user)
    return answer.json()["role"], [reason["through"] for reason in answer.json()["reasons"]]


@pytest.fixture(params=["link", "global", "restricted"])
async def level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def open_one(service: Service, level: str) -> str:
    """Alice's workspace, open as *level* says."""
    workspace = await service.create("alice")
    await service.call("admin", "PATCH", f"workspaces/{workspace}", json={"general_access": level})
    return workspace


async def test_of_strangers_nobody_is_told_from_somebody_who_does_not_exist(service: Service, open_one: str) -> None:
    for user in ("dave", "erin", "admin", unused_name(), "ws-aaaaaaaaaaaaaaaa"):
        assert await _told(service, "alice", open_one, user) == (None, [])


async def test_of_those_whom_one_may_name_everything_is_told(service: Service, open_one: str, level: str) -> None:
    expected = (None, []) if level == "restricted" else ("viewer", [level])

    assert await _told(service, "alice", open_one, "bob") == expected
    assert await _told(service, "admin", open_one, "erin") == expected
    assert (await _told(service, "admin", open_one, "admin"))[1][0] == "administrator"


async def test_of_oneself_everything_is_told(service: Service, open_one: str, level: str) -> None:
    if level != "restricted":
        assert await _told(service, "erin", open_one, "erin") == ("viewer", [level])
    assert (await _told(service, "alice", open_one, "alice"))[0] == "creator"


@pytest.mark.parametrize(
    ("kind", "name", "user", "role"),
    [("user", "dave", "dave", "editor"), ("group", "bio", "dave", "editor"), ("user", "admin", "admin", "viewer")],
)
async def test_of_strangers_it_is_told_what_the_workspaces_grants_give_them(
    service: Service, open_one: str, kind: str, name: str, user: str, role: str
) -> None:
    await service.grant("admin", open_one, kind, name, role)

    assert await _told(service, "alice", open_one, user) == (role, [kind])


async def test_the_creator_is_told_of_to_whoever_shares_no_group_with_them(service: Service, open_one: str) -> None:
    await service.grant("admin", open_one, "user", "dave", "co-owner")

    assert await _told(service, "dave", open_one, "alice") == ("creator", ["creator"])
    assert await _told(service, "dave", open_one, "bob") == (None, [])
