"""What a guest of a home may do at its server, and what their page offers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from coterie.server.plugins import OFF_FOR_EVERYBODY, OFF_FOR_GUESTS, OFF_FOR_OWNERS
from gate.conftest import Running
from revocation.holding import Place
from revocation.inviting import at_home, come_in, invite
from support.demo import Demo

pytestmark = pytest.mark.hub


@pytest.fixture(scope="module")
async def home(demo: Demo) -> AsyncIterator[Place]:
    """Alice's; bob is an Editor there and dave a Viewer."""
    async with at_home(demo) as place:
        await come_in(demo, "bob", place, await invite(demo, "alice", place.id))
        await come_in(demo, "dave", place, await invite(demo, "alice", place.id, role="viewer"))
        yield place


async def _page(demo: Demo, who: str, url: str) -> dict[str, Any]:
    page = await demo.server(who, "GET", f"{url}lab", headers={"Accept": "text/html"})
    found = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page.text, re.DOTALL)
    assert found is not None, page.text
    config: dict[str, Any] = json.loads(found[1])
    return config


async def test_an_invited_editor_edits_and_runs_code(demo: Demo, home: Place) -> None:
    made = await demo.server("bob", "POST", f"{home.url}api/contents", json={"type": "file", "ext": ".txt"})
    kernel = await demo.server("bob", "POST", f"{home.url}api/kernels", json={})

    assert (201, 201) == (made.status_code, kernel.status_code)
    (demo.work(home.url) / made.json()["path"]).unlink()
    await demo.server("bob", "DELETE", f"{home.url}api/kernels/{kernel.json()['id']}")


async def test_an_invited_viewer_only_reads(demo: Demo, home: Place) -> None:
    read = await demo.server("dave", "GET", f"{home.url}api/contents")
    made = await demo.server("dave", "POST", f"{home.url}api/contents", json={"type": "file", "ext": ".txt"})

    assert (200, 403) == (read.status_code, made.status_code)


async def test_no_guest_shuts_the_home_down(demo: Demo, home: Place) -> None:
    for who in ("bob", "dave"):
        answer = await demo.server(who, "POST", f"{home.url}api/shutdown")
        assert (403, "role-too-weak") == (answer.status_code, answer.json()["code"])
        stopped = await demo.server(who, "DELETE", f"{demo.hub_url}hub/api/users/alice/server")
        assert stopped.status_code in (403, 404)
        assert not (await demo.api(who, "POST", "workspaces/~alice/stop")).is_success


async def test_the_pages_of_a_home_lead_to_its_share_window(demo: Demo, home: Place) -> None:
    for who, role in (("alice", "creator"), ("bob", "editor"), ("dave", "viewer")):
        config = await _page(demo, who, home.url)
        assert (f"{demo.service_url}w/~alice/share", role, "Home of alice") == (
            config["coterieShareUrl"],
            config["coterieRole"],
            config["coterieWorkspaceName"],
        )


async def test_who_names_a_session_is_told_when_it_is_over_whoever_they_are(demo: Demo, home: Place) -> None:
    session = (await _page(demo, "bob", home.url))["coterieSession"]
    for who, status in (("alice", 200), ("bob", 200), ("carol", 403), (None, 403)):
        told = []
        for named in ({}, {"X-Coterie-Session": session}, {"X-Coterie-Session": "an earlier one"}):
            answer = await demo.server(who, "GET", f"{home.url}api/me", headers=named)
            assert status == answer.status_code, who
            told.append(answer.headers.get("X-Coterie-Session"))
        assert [None, None, "over"] == told, who


async def test_only_its_owner_is_asked_whether_to_start_a_home_again(demo: Demo, home: Place, running: Running) -> None:
    asked = {}
    for who, url in (("alice", home.url), ("bob", home.url), ("dave", home.url), ("carol", running.url)):
        off = (await _page(demo, who, url))["disabledExtensions"]
        assert set(OFF_FOR_EVERYBODY) <= set(off)
        asked[who] = (set(OFF_FOR_OWNERS) <= set(off), set(OFF_FOR_GUESTS) <= set(off))

    told = (False, True)
    assert {"alice": (True, False), "bob": told, "dave": told, "carol": told} == asked


async def test_the_creator_of_a_workspace_is_not_asked_either(demo: Demo, running: Running) -> None:
    off = (await _page(demo, "alice", running.url))["disabledExtensions"]

    assert set(OFF_FOR_GUESTS) <= set(off)
    assert set(OFF_FOR_OWNERS).isdisjoint(off)


async def test_the_owner_alone_is_told_who_accepted_and_everybody_sees_who_is_here(demo: Demo, home: Place) -> None:
    link = await invite(demo, "alice", home.id)
    live = f"{home.url}coterie/live"
    async with demo.socket("alice", live) as owner, demo.socket("bob", live) as guest:
        await come_in(demo, "carol", home, link)
        async with demo.socket("carol", live):
            told = await _until_here(owner, "alice", "bob", "carol", also="accepted")
            others = await _until_here(guest, "alice", "bob", "carol")
        assert [{"name": "carol", "role": "editor"}] == [each["accepted"] for each in told if "accepted" in each]
        assert [] == [each for each in others if "accepted" in each]

        answer = await demo.api("alice", "DELETE", "workspaces/~alice/guests/carol")
        assert answer.is_success
        await _until_here(guest, "alice", "bob")


async def _until_here(socket: Any, *names: str, also: str = "people") -> list[dict[str, Any]]:
    """All that is said until exactly these are here: whom the Hub knows by another name, by that in small letters. And
    until something was said of *also*, which comes by another way."""
    told: list[dict[str, Any]] = []
    here: list[str] = []
    try:
        async with asyncio.timeout(30.0):
            while here != sorted(names) or not any(also in each for each in told):
                told.append(json.loads(await socket.recv()))
                if "people" in told[-1]:
                    here = sorted(each["name"].lower() for each in told[-1]["people"])
            return told
    except TimeoutError as error:
        raise AssertionError(told) from error
