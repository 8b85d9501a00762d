"""Bad input: a problem document with a 4xx status, never a 500, and nothing has changed."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import pytest

from api.service import Service

pytestmark = pytest.mark.hub

#: Every call about invitations and guests of a workspace: method, path below it, body.
INVITING: Final = (
    ("GET", "/invitations", None),
    ("POST", "/invitations", {}),
    ("DELETE", "/invitations", None),
    ("DELETE", "/invitations/aaaaaaaaaaaaaaaa", None),
    ("GET", "/guests", None),
    ("DELETE", "/guests", None),
    ("DELETE", "/guests/bob", None),
    ("DELETE", "/guests/bob?block=true", None),
    ("GET", "/guests/blocks", None),
    ("DELETE", "/guests/blocks/bob", None),
    ("GET", "/hub-shares", None),
    ("PUT", "/hub-shares/user/bob", None),
    ("DELETE", "/hub-shares/user/bob", None),
)

BAD_IDS = [
    "aaaaaaaaaaaaaaaa",  # well formed, unknown
    "AAAAAAAAAAAAAAAA",
    "short",
    "~",
    "~nobody",
    "~bob",  # a home, and not one's own
    "%00",
    "%FF%FE",
    "..%2F..%2Fme",
    "%2e%2e",
    "a" * 5000,
    "ws-aaaaaaaaaaaaaaaa",
    "1 OR 1=1",
    "<script>",
]
BAD_BODIES: list[Any] = [None, [], "x", 7, {}, {"name": None}, {"name": 7}, {"name": ["x"]}, {"name": {}}]
BAD_NAMES = [
    "",
    " ",
    "\n",
    "a\nb",
    "a\x00b",
    "\ud800",
    "x" * 256,
    "<b>bold</b>",
    "<script>alert(1)</script>",
    "<img src=x>",
]


def _assert_problem(answer: Any, *statuses: int) -> None:
    assert answer.status_code in statuses, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "code"}
    assert body["status"] == answer.status_code
    assert body["detail"]


@pytest.mark.parametrize("bad", BAD_IDS)
async def test_ids_that_lead_nowhere_all_get_the_same_answer(service: Service, bad: str) -> None:
    unknown = await service.call("alice", "GET", "workspaces/bbbbbbbbbbbbbbbb")
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("GET", "/grants", None),
        ("PUT", "/grants/user/bob", {"role": "viewer"}),
        ("DELETE", "/grants/user/bob", None),
        ("GET", "/access/alice", None),
        ("PUT", "/favourite", None),
        ("POST", "/open", None),
        ("POST", "/stop", None),
        *INVITING,
        ("GET", "/progress", None),
    ):
        answer = await service.call("alice", method, f"workspaces/{bad.replace(' ', '%20')}{path}", json=body)
        _assert_problem(answer, 404, 405) if "%2F" in bad or "%2e" in bad else _assert_problem(answer, 404)
        if "%2" not in bad:
            assert answer.json() == unknown.json()


async def test_a_foreign_workspace_gets_the_answer_of_an_unknown_one(service: Service) -> None:
    foreign = await service.create("dave")
    unknown = await service.call("alice", "GET", "workspaces/bbbbbbbbbbbbbbbb")

    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("GET", "/grants", None),
        ("PUT", "/grants/user/alice", {"role": "editor"}),
        ("GET", "/access/dave", None),
        ("POST", "/open", None),
        ("POST", "/stop", None),
        *INVITING,
    ):
        answer = await service.call("alice", method, f"workspaces/{foreign}{path}", json=body)
        assert (answer.status_code, answer.json()) == (404, unknown.json())


@pytest.mark.parametrize("body", BAD_BODIES, ids=str)
async def test_a_body_of_the_wrong_shape_creates_nothing(service: Service, body: Any) -> None:
    before = (await service.call("erin", "GET", "workspaces?limit=500")).json()

    answer = await service.call("erin", "POST", "workspaces", json=body)

    _assert_problem(answer, 422)
    assert before == (await service.call("erin", "GET", "workspaces?limit=500")).json()


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
async def test_a_bad_name_creates_and_renames_nothing(service: Service, name: str) -> None:
    workspace = await service.create("erin", "Kept")
    before = (await service.call("erin", "GET", "workspaces?limit=500")).json()
    body = json.dumps({"name": name}).encode()  # escapes what UTF-8 cannot hold, as a client may
    headers = {"Content-Type": "application/json"}

    created = await service.call("erin", "POST", "workspaces", content=body, headers=headers)
    renamed = await service.call("erin", "PATCH", f"workspaces/{workspace}", content=body, headers=headers)

    _assert_problem(created, 422)
    _assert_problem(renamed, 422)
    assert before == (await service.call("erin", "GET", "workspaces?limit=500")).json()


@pytest.mark.parametrize("name", ["T < 300 K", "مرحبا", "🐧 & 🧊", 'O\'Neil "quoted"', "a/b", "x" * 255])
async def test_a_good_name_comes_back_as_it_was_given(service: Service, name: str) -> None:
    workspace = await service.create("erin", name)

    answer = await service.call("erin", "GET", f"workspaces/{workspace}")

    assert name == answer.json()["name"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"role": "creator"},
        {"role": "Viewer"},
        {"role": None},
        {"role": 1},
        {"role": "viewer", "more": 1},
        {"role": "viewer", "expires_at": "soon"},
        {"role": "viewer", "expires_at": "2020-01-01T00:00:00Z"},
        {"role": "viewer", "expires_at": "2099-01-01T00:00:00"},
        {"role": "viewer", "expires_at": 5},
    ],
    ids=str,
)
async def test_a_bad_grant_grants_nothing(service: Service, body: dict[str, Any]) -> None:
    workspace = await service.create("alice")

    answer = await service.call("alice", "PUT", f"workspaces/{workspace}/grants/user/bob", json=body)

    _assert_problem(answer, 422)
    assert [
        grant["name"]
        for grant in (await service.call("alice", "GET", f"workspaces/{workspace}/grants")).json()["items"]
    ] == ["alice"]


@pytest.mark.parametrize(
    "principal",
[
        "user/nobody",
        "user/dave",
        "user/%00",
        "user/%2E%2E",
        "user/%2E",
        "user/ws-aaaaaaaaaaaaaaaa",
        "group/none",
        "right/curators",
        "right/admin",
        "right/coterie-service",
        "group/astro%2F",
        "user/Bob",
        "user/%20bob",
        "group/%252Fastro%252Fdust",
        "user/" + "a" * 3000,
    ],
)  # fmt: skip
async def test_who_does_not_exist_and_who_may_not_be_named_are_refused_alike(service: Service, principal: str) -> None:
    workspace = await service.create("alice")

    answer = await service.call("alice", "PUT", f"workspaces/{workspace}/grants/{principal}", json={"role": "viewer"})

    expected = await service.call("alice", "PUT", f"workspaces/{workspace}/grants/user/xxx", json={"role": "viewer"})
    _assert_problem(answer, 404)
    assert expected.json() == answer.json()


async def test_a_kind_that_does_not_exist_is_refused(service: Service) -> None:
    workspace = await service.create("alice")

    _assert_problem(
        await service.call("alice", "PUT", f"workspaces/{workspace}/grants/role/x", json={"role": "viewer"}), 422
    )


async def test_a_group_with_slashes_is_named_by_escaping_them(service: Service) -> None:
    workspace = await service.create("alice")

    answer = await service.grant("alice", workspace, "group", "/astro/dust", "editor")

    assert (answer.json()["name"], answer.json()["role"]) == ("/astro/dust", "editor")
    access = await service.call("alice", "GET", f"workspaces/{workspace}/access/bob")
    assert [r["sentence"] for r in access.json()["reasons"]] == ["Editor through the group /astro/dust"]


@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=%00", "limit=0", "limit=501", "limit=x", "limit=-1"]
)  # fmt: skip
async def test_a_bad_query_is_refused(service: Service, query: str) -> None:
    _assert_problem(await service.call("alice", "GET", f"workspaces?{query}"), 422)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00"])
async def test_a_cursor_with_a_moment_beyond_time_is_refused(service: Service, moment: str) -> None:
    cursor = base64.urlsafe_b64encode(f"{'a' * 16}{moment}".encode()).decode().rstrip("=")

    _assert_problem(await service.call("alice", "GET", f"workspaces?cursor={cursor}"), 422)


async def test_what_is_wrong_with_a_body_is_said_in_its_own_words(service: Service) -> None:
    answer = await service.call("alice", "POST", "workspaces", json={"name": "<b>x</b>"})

    assert answer.json()["detail"] == "name: A name cannot contain HTML tags."


async def test_unknown_addresses_and_methods_are_problems_too(service: Service) -> None:
    _assert_problem(await service.call("alice", "GET", "nothing"), 404)
    _assert_problem(await service.call("alice", "DELETE", "me"), 405)


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"name": "x"', b"[" * 100_000])
async def test_a_body_that_is_not_json_is_refused(service: Service, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}

    _assert_problem(await service.call("alice", "POST", "workspaces", content=content, headers=headers), 422)


async def test_the_description_of_the_api_describes_every_call(service: Service) -> None:
    document = (await service.request("GET", "api/v1/openapi.json")).json()

    for path, calls in document["paths"].items():
        for method, call in calls.items():
            assert call.get("description"), (method, path)
