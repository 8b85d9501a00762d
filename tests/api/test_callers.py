"""Who may call: people with a token or a page's session, servers with theirs, and nobody else."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from typing import Any

import pytest

from api.service import Service
from coterie.hubapi import HubUnavailable
from coterie.service.app import create_app

pytestmark = pytest.mark.hub

COOKIE = "__Host-coterie"


def _by_cookie(service: Service, who: str, **headers: str) -> dict[str, Any]:
    return {"headers": {"Cookie": f"{COOKIE}={service.demo.tokens[who]}"} | headers}


def _csrf(service: Service, who: str) -> str:
    return hmac.new(service.demo.tokens[who].encode(), b"coterie csrf", hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "authorization", [None, "Bearer", "Bearer ", "Bearer wrong", "Basic YTpi", "token wrong", "Bearer \u00e9"]
)
async def test_without_a_known_token_nothing_is_answered(service: Service, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}

    answer = await service.call(None, "GET", "me", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "sign-in-needed")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_page_reads_by_its_cookie(service: Service) -> None:
    answer = await service.call(None, "GET", "me", **_by_cookie(service, "bob"))

    assert answer.json()["name"] == "bob"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": "wrong"}, 403),
        ({"Sec-Fetch-Site": "same-site", "X-CSRF-Token": "CSRF"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "X-CSRF-Token": "CSRF"}, 403),
        ({"Sec-Fetch-Site": "none", "X-CSRF-Token": "CSRF"}, 403),
        ({"X-CSRF-Token": "CSRF"}, 403),
        ({"Origin": "http://ws-aaaaaaaaaaaaaaaa.hub.localhost", "X-CSRF-Token": "CSRF"}, 403),
        ({"Origin": "null", "X-CSRF-Token": "CSRF"}, 403),
        ({"Origin": "OWN", "X-CSRF-Token": "CSRF"}, 201),
        ({"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": "CSRF"}, 201),
    ],
    ids=str,
)
async def test_a_change_by_cookie_needs_the_csrf_token_and_the_own_origin(
    service: Service, headers: dict[str, str], status: int
) -> None:
    values = {"CSRF": _csrf(service, "erin"), "OWN": service.settings.origin}
    headers = {name: values.get(value, value) for name, value in headers.items()}

    answer = await service.call(
        None, "POST", "workspaces", json={"name": "By cookie"}, **_by_cookie(service, "erin", **headers)
    )

    assert status == answer.status_code, answer.text
    if status == 403:
        assert answer.json()["code"] == "forged-request"


async def test_somebody_elses_csrf_token_does_not_count(service: Service) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": _csrf(service, "bob")}

    answer = await service.call(
        None, "POST", "workspaces", json={"name": "x"}, **_by_cookie(service, "erin", **headers)
    )

    assert answer.status_code == 403


async def test_logging_out_ends_the_session_here_also_while_the_hub_does_not_answer(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = replace(service, app=create_app(service.settings, service.world))

    async def hangs(_: str) -> None:
        raise HubUnavailable("The Hub does not answer.")

    with monkeypatch.context() as away:
        away.setattr(service.world.hub, "token_owner", hangs)
        answer = await own.request(
            "GET", "sign-out", **_by_cookie(service, "erin", **{"Sec-Fetch-Site": "same-origin"})
        )

    assert (303, f"{service.settings.hub_url}hub/logout") == (answer.status_code, answer.headers["location"])
    assert f'{COOKIE}=""' in answer.headers["set-cookie"]
    assert 401 == (await own.call(None, "GET", "me", **_by_cookie(service, "erin"))).status_code
    assert 200 == (await own.call("bob", "GET", "me")).status_code


async def test_a_person_is_no_server(service: Service) -> None:
    for path in ("server", "server/decisions/bob", "server/events?session=aaaaaaaaaaaa"):
        answer = await service.call("admin", "GET", path)
        assert (answer.status_code, answer.json()["code"]) == (403, "not-a-person")
    answer = await service.call("admin", "POST", "server/names", json={"people": []})
    assert (answer.status_code, answer.json()["code"]) == (403, "not-a-person")


async def test_every_answer_carries_the_security_headers(service: Service) -> None:
    for path in ("api/v1/me", "api/v1/health/live", "api/v1/nothing", "nothing"):
        headers = (await service.request("GET", path)).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")
        assert headers["cache-control"] == "no-store"


async def test_health_needs_no_sign_in(service: Service) -> None:
    for path in ("health/live", "health/ready"):
        assert (await service.call(None, "GET", path)).json() == {"status": "ok"}


@pytest.mark.parametrize("value", ["\u00e9", "a b", '"\\012"', "x" * 5000, ""])
@pytest.mark.parametrize("path", ["api/v1/me", ""])
async def test_a_cookie_that_can_be_no_token_is_nobodys(service: Service, path: str, value: str) -> None:
    answer = await service.request("GET", path, headers={"Cookie": f"{COOKIE}={value}".encode()})

    assert answer.status_code == (401 if path else 302)


async def test_a_defect_of_ours_carries_the_security_headers_too(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks() -> None:
        raise RuntimeError("the details of a defect")

    monkeypatch.setattr(service.world.store, "reading", breaks)
    answer = await service.call("alice", "GET", "workspaces")

    assert (500, "internal-error") == (answer.status_code, answer.json()["code"])
    assert "details" not in answer.text
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_one_person_follows_only_so_many_starts_at_once(service: Service) -> None:
    person = await service.world.people.find("erin")
    assert person is not None
    workspace = await service.create("erin", "Followed")
    service.world.followers[person.id] = 10
    try:
        answer = await service.call("erin", "GET", f"workspaces/{workspace}/progress")
    finally:
        del service.world.followers[person.id]

    assert (429, "too-many-streams") == (answer.status_code, answer.json()["code"])
    assert 200 == (await service.call("erin", "GET", f"workspaces/{workspace}/progress")).status_code
    assert 0 == service.world.followers[person.id]
