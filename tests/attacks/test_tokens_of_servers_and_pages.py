"""Tokens that can be found in a workspace, a server's own and those of pages: none speaks for a person."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from attacks.as_a_server import Server
from attacks.own_token import own_token
from attacks.signing_in import page_token
from coterie.cli.demo.web import loopback_client
from revocation.holding import Place, account_of, hub, shared_addresses
from support.demo import Demo

pytestmark = pytest.mark.hub

CALLS: list[tuple[str, str, Any]] = [
    ("GET", "me", None),
    ("GET", "workspaces", None),
    ("POST", "workspaces", {"name": "Mine"}),
    ("GET", "workspaces/ID", None),
    ("PATCH", "workspaces/ID", {"name": "Mine"}),
    ("PATCH", "workspaces/ID", {"general_access": "link"}),
    ("DELETE", "workspaces/ID", None),
    ("PUT", "workspaces/ID/favourite", None),
    ("GET", "workspaces/ID/grants", None),
    ("PUT", "workspaces/ID/grants/user/dave", {"role": "co-owner"}),
    ("DELETE", "workspaces/ID/grants/user/carol", None),
    ("GET", "workspaces/ID/access/carol", None),
    ("POST", "workspaces/ID/open", None),
    ("GET", "workspaces/ID/progress", None),
    ("POST", "workspaces/ID/stop", None),
    ("GET", "principals?q=a", None),
]


async def _minted(demo: Demo, account: str, scopes: list[str] | None = None, by: str = "admin") -> str:
    body = {"note": "an attack"} | ({} if scopes is None else {"scopes": scopes})
    return str((await hub(demo, by, "POST", f"users/{account}/tokens", json=body))["token"])


@pytest.fixture(
    scope="module",
    params=["its own", "one like its own", "all that its account may", "of a page", "like a page's"],
)
async def token(demo: Demo, place: Place, request: pytest.FixtureRequest) -> str:
    account = account_of(place.url)
    match request.param:
        case "its own":
            found = await own_token(demo, place.url)
            if found is None:
                pytest.skip("only root reads the server's environment")
            return found
        case "one like its own":
            return await _minted(demo, account, [f"access:servers!server={account}/", f"users:activity!user={account}"])
        case "all that its account may":
            return await _minted(demo, account)
        case "of a page":
            return await page_token("carol", place.url)
        case _:
            scopes = [f"access:servers!server={account}/", "read:users:name!user=carol"]
            return await _minted(demo, "carol", scopes, by="carol")


async def _call(url: str, method: str, token: str, **options: Any) -> httpx.Response:
    async with loopback_client() as http:
        return await http.request(method, url, headers={"Authorization": f"Bearer {token}"}, **options)


async def _grants(demo: Demo, place: Place) -> Any:
    return (await demo.api("alice", "GET", f"workspaces/{place.id}/grants")).json()


async def test_it_makes_no_call_that_is_for_people(demo: Demo, place: Place, token: str) -> None:
    before = await _grants(demo, place)
    answers = [
        await _call(f"{demo.service_url}api/v1/{path.replace('ID', place.id)}", method, token, json=body)
        for method, path, body in CALLS
    ]

    assert {(403, "not-a-person")} == {(answer.status_code, answer.json()["code"]) for answer in answers}
    assert before == await _grants(demo, place)


async def test_it_is_no_cookie_of_a_page_either(demo: Demo, place: Place, token: str) -> None:
    async with loopback_client() as http:
        cookie = {"Cookie": f"__Host-coterie={token}", "Sec-Fetch-Site": "same-origin"}
        page = await http.get(demo.service_url, headers=cookie)
        api = await http.get(f"{demo.service_url}api/v1/me", headers=cookie)

    assert (302, 403) == (page.status_code, api.status_code)


async def test_it_opens_nothing_at_another_server(other: Server, token: str) -> None:
    answers = [await _call(other.place.url + path, "GET", token) for path in ("api/contents", "api/kernels", "lab")]

    assert {403} == {answer.status_code for answer in answers}


async def test_the_accounts_tokens_open_nothing_at_its_own_server(
    demo: Demo, place: Place, request: pytest.FixtureRequest
) -> None:
    account = account_of(place.url)
    for found in (await own_token(demo, place.url), await _minted(demo, account)):
        if found is None:
            continue
        for path in ("api/contents", "api/kernels", "api/me", "files/notes.txt"):
            for url in (place.url + path, f"{place.url}{path}?token={found}"):
                answer = await _call(url, "GET", found)
                assert (403, "refused") == (answer.status_code, answer.headers.get("X-Coterie-Gate"))
        for address in shared_addresses(place).values():
            headers = {"Authorization": f"token {found}"}
            with pytest.raises(Exception, match="403"):
                async with demo.socket(None, address, headers=headers):
                    pass


async def test_a_servers_token_asks_about_its_own_server_alone(demo: Demo, place: Place) -> None:
    account = account_of(place.url)
    mine = await _minted(demo, account, [f"access:servers!server={account}/", f"users:activity!user={account}"])

    facts = (await _call(f"{demo.service_url}api/v1/server", "GET", mine)).json()
    carol = (await _call(f"{demo.service_url}api/v1/server/decisions/carol", "GET", mine)).json()
    dave = (await _call(f"{demo.service_url}api/v1/server/decisions/dave", "GET", mine)).json()
    nobody = (await _call(f"{demo.service_url}api/v1/server/decisions/nobody-at-all", "GET", mine)).json()

    assert (place.id, "editor", None) == (facts["workspace"], carol["role"], dave["role"])
    # Somebody who has no access here is not told from somebody who does not exist.
    assert dave | {"name": ""} == nobody | {"name": ""}


@pytest.mark.parametrize("token", ["all that its account may", "of a page", "like a page's"], indirect=True)
async def test_other_tokens_are_no_servers(demo: Demo, token: str) -> None:
    for path in ("server", "server/decisions/carol", "server/events?session=aaaaaaaaaaaa"):
        answer = await _call(f"{demo.service_url}api/v1/{path}", "GET", token)
        assert (403, "not-a-person") == (answer.status_code, answer.json()["code"])


async def test_a_servers_stream_tells_of_its_own_workspace_alone(demo: Demo, place: Place, other: Server) -> None:
    mine = await own_token(demo, place.url)
    if mine is None:
        pytest.skip("only root reads the server's environment")
    session = _session_of(place.url)
    heard: list[str] = []
    async with (
        loopback_client() as http,
        http.stream(
            "GET",
            f"{demo.service_url}api/v1/server/events?session={session}",
            headers={"Authorization": f"token {mine}"},
        ) as stream,
        asyncio.timeout(60),
    ):
        lines = stream.aiter_lines()
        assert "event: alive" == await anext(lines)
        for role in ("viewer", "editor"):
            await demo.grant("admin", other.place.id, "dave", role)
        await demo.grant("admin", place.id, "erin", "viewer")
        async for line in lines:
            heard.append(line)
            if '"name":"erin"' in line:
                break
        path = f"workspaces/{place.id}/grants/user/erin"
        assert (await demo.api("alice", "DELETE", path)).is_success

    assert 1 == len([line for line in heard if line == "event: access"])


def _session_of(url: str) -> str:
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            text = environ.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"JUPYTERHUB_USER={account_of(url)}\0" in text and os.getpid() != int(environ.parent.name):
            found = re.search(r"COTERIE_SESSION=(\w+)", text)
            if found:
                return found[1]
    raise AssertionError("no such server")
