"""Somebody else than a home's owner asks what is in it: guests of every role, and pages elsewhere in the owner's own
browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from revocation.holding import Place
from revocation.inviting import at_home, come_in, invite, revoke_everything
from support.demo import Demo

pytestmark = pytest.mark.hub


@pytest.fixture(scope="module")
async def home(demo: Demo) -> AsyncIterator[Place]:
    async with at_home(demo) as place:
        file = demo.put(place.url, ".env", "PASSWORD=of-a-test\n")
        yield place
        file.unlink()


def _origin(demo: Demo) -> str:
    parts = urlsplit(demo.service_url)
    return f"{parts.scheme}://{parts.netloc}"


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_no_guest_reads_it(demo: Demo, home: Place, role: str) -> None:
    await come_in(demo, "bob", home, await invite(demo, "alice", home.id, role=role))
    for headers in ({}, {"Origin": _origin(demo)}, {"Origin": f"http://{urlsplit(home.url).netloc}"}):
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            answer = await demo.server("bob", method, f"{home.url}coterie/reach", headers=headers)
            assert answer.status_code >= 400, (method, headers)
            assert ".env" not in answer.text
    for path in ("coterie/reach/", "coterie//reach", "coterie/%72each", "coterie/reach?x=1", "coterie/reach;"):
        answer = await demo.server("bob", "GET", f"{home.url}{path}")
        assert '"found"' not in answer.text
    await revoke_everything(demo, "alice", home.id)


async def test_administrators_and_strangers_do_not_read_it(demo: Demo, home: Place) -> None:
    for who in ("admin", "carol", "erin", None):
        answer = await demo.server(who, "GET", f"{home.url}coterie/reach", headers={"Accept": "application/json"})
        assert '"found"' not in answer.text
        assert answer.status_code in (302, 401, 403, 404), (who, answer.status_code)


async def test_its_owner_reads_it_and_no_page_elsewhere_does_so_for_them(demo: Demo, home: Place) -> None:
    own = await demo.server("alice", "GET", f"{home.url}coterie/reach", headers={"Origin": _origin(demo)})
    lines = [json.loads(line) for line in own.text.splitlines()]
    found = [each["path"] for line in lines for each in line["found"]]
    assert (200, _origin(demo)) == (own.status_code, own.headers.get("Access-Control-Allow-Origin"))
    assert (True, True) == ("work/.env" in found, lines[-1]["is_over"])

    hub = demo.hub_url.rstrip("/")
    for origin in (hub, f"http://bob.{urlsplit(hub).netloc}", "null", "http://evil.example", f"{_origin(demo)}.evil"):
        answer = await demo.server("alice", "GET", f"{home.url}coterie/reach", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers, origin
        assert "Access-Control-Allow-Credentials" not in answer.headers, origin


async def test_a_workspace_has_none(demo: Demo, place: Place) -> None:
    for who in ("alice", "carol"):
        answer = await demo.server(who, "GET", f"{place.url}coterie/reach")
        assert answer.status_code in (403, 404)
        assert '"found"' not in answer.text
