"""The small things that templates use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.applications import Starlette

from coterie.service.pages.assets import FOLDER, static_app, version
from coterie.service.pages.rendering import ago, element_id, exact, initials
from pages.samples import ADDRESSES

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7200, "2 hours ago"),
        (86400, "1 day ago"),
        (86400 * 40, "1 month ago"),
        (86400 * 800, "2 years ago"),
    ],
)
def test_a_time_is_said_as_people_say_it(seconds: int, words: str) -> None:
    assert words == ago(NOW - timedelta(seconds=seconds), NOW)


def test_the_exact_time_names_its_zone() -> None:
    assert exact(NOW) == "2025-06-01 12:00 UTC"


@pytest.mark.parametrize(
    ("name", "letters"), [("alice", "A"), ("ada lovelace", "AL"), ("j.r.r", "JR"), ("", "?"), ("...", "?"), ("ß", "SS")]
)
def test_initials_stand_for_a_name(name: str, letters: str) -> None:
    assert letters == initials(name)


def test_an_element_id_is_stable_and_tells_parts_apart() -> None:
    assert element_id("user", "a") == element_id("user", "a")
    assert element_id("user", "a") != element_id("usera", "")
    assert element_id("user", "'] *").isalnum()


def test_an_address_quotes_each_part_whole() -> None:
    assert ADDRESSES.path() == "/services/coterie/"
    assert ADDRESSES.path("w", "~a/b?", "share") == "/services/coterie/w/~a%2Fb%3F/share"
    assert ADDRESSES.path(after="a &b") == "/services/coterie/?after=a+%26b"
    assert ADDRESSES.hub("logout") == "http://hub.example/hub/logout"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette()
    app.mount("/static", static_app())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://coterie.example") as client:
        yield client


async def test_a_static_file_may_be_kept_for_good_under_the_address_of_its_content(client: httpx.AsyncClient) -> None:
    current = await client.get("/static/coterie.css", params={"v": version("coterie.css")})
    other = await client.get("/static/coterie.css", params={"v": "older"})
    bare = await client.get("/static/coterie.css")

    assert current.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert [other.headers["cache-control"], bare.headers["cache-control"]] == ["no-cache", "no-cache"]


@pytest.mark.parametrize("path", ["", "nothing.js", "../rendering.py", "%2e%2e/rendering.py"])
async def test_nothing_but_static_files_is_served(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(f"/static/{path}", params={"v": "x"})

    assert response.status_code == 404


def test_our_own_scripts_stay_small() -> None:
    files = [file for file in FOLDER.glob("*.js") if "htmx" not in file.name]
    lines = [line for file in files for line in file.read_text().splitlines() if line.strip()]

    assert len(lines) < 1000
