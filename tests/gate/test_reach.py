"""What a home's owner is told of its files, over cookies as the share window's page asks, and who else is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from attacks.signing_in import Browser
from coterie.cli.demo.web import loopback_client
from revocation.holding import Place
from revocation.inviting import at_home, come_in, invite
from support.demo import Demo

pytestmark = pytest.mark.hub

CANARY = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0fG1234"


@pytest.fixture(scope="module")
async def home(demo: Demo) -> AsyncIterator[Place]:
    """Alice's, with secrets by name, in what JupyterLab shows and beside it, and one in a notebook. Bob is a guest."""
    async with at_home(demo) as place:
        work = demo.work(place.url)
        demo.put(place.url, "with.ipynb", json.dumps({"cells": [{"source": f"token = '{CANARY}'"}]}))
        demo.put(place.url, "line\nbreak.env", "PASSWORD=canary-of-a-file\n")
        (work / "loop").symlink_to(work)
        demo.put(place.url, "../.ssh/id_ed25519", "canary-of-a-file\n")
        demo.put(place.url, "../environment/of-packages.pem", "canary-of-a-file\n")
        await come_in(demo, "bob", place, await invite(demo, "alice", place.id))
        yield place
        for name in ("with.ipynb", "line\nbreak.env", "loop"):
            (work / name).unlink()
        (work.parent / "environment" / "of-packages.pem").unlink()
        shutil.rmtree(work.parent / ".ssh")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def _cookies(who: str, url: str) -> str:
    async with loopback_client() as http:
        browser = Browser(http)
        page = await browser.sign_in(who, f"{url}lab")
        assert "jupyter-config-data" in page.text, (page.status_code, page.url)
        return browser.cookies_for(url)


async def _ask(url: str, cookies: str, origin: str | None, method: str = "GET", **headers: str) -> httpx.Response:
    """As a script in a browser does."""
    sent = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-site", "Cookie": cookies, "Accept": "*/*"} | headers
    if origin is not None:
        sent["Origin"] = origin
    async with loopback_client() as http:
        return await http.request(method, f"{url}coterie/reach", headers=sent)


def _lines(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_the_share_windows_page_is_told_and_no_value_is_in_it(demo: Demo, home: Place) -> None:
    service = _origin(demo.service_url)
    answer = await _ask(home.url, await _cookies("alice", home.url), service)

    assert (200, "application/x-ndjson") == (answer.status_code, answer.headers["Content-Type"]), answer.text
    assert (service, "true", "Origin", "no-store") == tuple(
        answer.headers.get(name)
        for name in ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Vary", "Cache-Control")
    )
    lines = _lines(answer)
    found = [each for line in lines for each in line["found"]]
    assert {"path": "work/with.ipynb", "kind": "token in a notebook"} in found
    assert {"path": "work/line\nbreak.env", "kind": "environment"} in found
    assert len(found) == len({each["path"] for each in found})
    assert [False] * (len(lines) - 1) + [True] == [line["is_over"] for line in lines]
    assert (True, {"files", "found", "is_over", "is_complete"}) == (lines[-1]["is_complete"], set(lines[-1]))
    assert CANARY[8:20] not in answer.text
    assert "canary-of-a-file" not in answer.text


async def test_a_key_beside_what_jupyterlab_shows_is_found_for_editors_reach_it(demo: Demo, home: Place) -> None:
    lines = _lines(await demo.server("alice", "GET", f"{home.url}coterie/reach"))

    found = [each for line in lines for each in line["found"]]
    assert {"path": ".ssh", "kind": "key"} in found
    assert {"path": ".ssh/id_ed25519", "kind": "key"} in found
    assert [] == [each for each in found if each["path"].startswith("environment/")]
    assert (True, True) == (lines[-1]["is_over"], lines[-1]["is_complete"])


async def test_no_other_page_is_told_with_the_owners_cookies(demo: Demo, home: Place) -> None:
    cookies = await _cookies("alice", home.url)
    service, hub = _origin(demo.service_url), urlsplit(demo.hub_url).netloc
    origins = [
        f"http://bob.{hub}",
        f"http://ws-aaaaaaaaaaaaaaaa.{hub}",
        f"http://{hub}",
        f"{service}.evil.example",
        f"{service}/",
        service.upper(),
        service.replace("http:", "https:"),
        f"{service}, {service}",
        "null",
        "",
        None,
    ]
    for origin in origins:
        for headers in ({}, {"Sec-Fetch-Mode": "no-cors"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = await _ask(home.url, cookies, origin, **headers)
            assert answer.status_code == 403, (origin, headers, answer.text)
            assert "found" not in answer.text
            assert "Access-Control-Allow-Origin" not in answer.headers, origin


async def test_the_services_page_may_read_and_do_nothing_else(demo: Demo, home: Place) -> None:
    cookies, service = await _cookies("alice", home.url), _origin(demo.service_url)

    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await _ask(home.url, cookies, service, method)).status_code in (403, 405), method
    sent = {"Sec-Fetch-Mode": "cors", "Cookie": cookies, "Origin": service, "Accept": "*/*"}
    async with loopback_client() as http:
        for path in ("api/contents", "api/me", "coterie/versions/notes.txt?type=file", "coterie/reach/"):
            answer = await http.get(home.url + path, headers=sent)
            assert "Access-Control-Allow-Origin" not in answer.headers, path
            assert answer.status_code >= 300, path


async def test_the_services_page_can_read_that_nobody_is_signed_in(demo: Demo, home: Place) -> None:
    service = _origin(demo.service_url)
    answer = await _ask(home.url, "", service)

    assert (403, "sign-in-needed") == (answer.status_code, answer.json()["code"])
    assert (service, "true") == (
        answer.headers.get("Access-Control-Allow-Origin"),
        answer.headers.get("Access-Control-Allow-Credentials"),
    )


async def test_a_guest_a_stranger_and_nobody_are_told_nothing(demo: Demo, home: Place) -> None:
    service = _origin(demo.service_url)
    for who, code in (
        ("bob", "role-too-weak"),
        ("carol", "workspace-not-found"),
        ("admin", None),
        (None, "sign-in-needed"),
    ):
        answer = await demo.server(who, "GET", f"{home.url}coterie/reach", headers={"Origin": service})
        assert 403 == answer.status_code, who
        assert code in (None, answer.json()["code"]), (who, answer.text)
        assert service == answer.headers.get("Access-Control-Allow-Origin")


async def test_who_leaves_ends_the_scan_and_the_next_one_is_whole(demo: Demo, home: Place) -> None:
    headers = {"Authorization": f"token {demo.tokens['alice']}"}
    async with loopback_client() as http:
        for _ in range(5):
            async with http.stream("GET", f"{home.url}coterie/reach", headers=headers) as answer:
                assert answer.status_code == 200
    lines = _lines(await demo.server("alice", "GET", f"{home.url}coterie/reach"))

    assert (True, True) == (lines[-1]["is_over"], lines[-1]["is_complete"])
