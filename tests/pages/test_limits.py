"""What counts for whom, where a browser sends somebody's cookie along: for whoever has it, or for who made it go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from coterie.hubapi import Directory
from coterie.service.app import create_app, put_together
from coterie.service.settings import Limits, Settings
from pages.hub_of_ours import HubOfOurs

ELSEWHERE = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
SETTINGS = Settings(
    listen_host="127.0.0.1",
    listen_port=1,
    hub_api_url="http://127.0.0.1:1/",
    api_token="unused",
    client_id="service-coterie",
    public_url="http://coterie.example/",
    hub_url="http://hub.example/",
    database_url="sqlite:///nowhere",
    limits=Limits(requests_per_second=0.001, requests_in_a_row=3),
)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[FastAPI]:
    settings = replace(SETTINGS, database_url=f"sqlite:///{tmp_path}/coterie.sqlite")
    hub = HubOfOurs()
    world = put_together(settings, hub, Directory(hub, max_age=0))
    await world.store.migrate()
    yield create_app(settings, world)
    await world.store.close()


async def test_pages_elsewhere_use_up_nothing_of_whoever_looks_at_them(app: FastAPI) -> None:
    async with _alice(app) as alice:
        led = [(await alice.get("sidebar", headers=ELSEWHERE)).status_code for _ in range(5)]
        own = [(await alice.get("api/v1/me")).status_code for _ in range(4)]

    assert [403, 403, 403, 429, 429] == led
    assert [200, 200, 200, 429] == own


async def test_who_says_to_come_from_elsewhere_has_no_more_for_it(app: FastAPI) -> None:
    async with _alice(app) as alice:
        token = {"Authorization": "Bearer alice"}
        answers = [(await alice.get("api/v1/me", headers=token | ELSEWHERE)).status_code for _ in range(3)]
        answers.append((await alice.get("api/v1/me")).status_code)

    assert [200, 200, 200, 429] == answers


async def test_the_allowance_is_told(app: FastAPI) -> None:
    async with _alice(app) as alice:
        answers = [await alice.get("api/v1/me") for _ in range(4)]

    assert ("too-many-requests", "1000") == (answers[-1].json()["code"], answers[-1].headers["Retry-After"])


def _alice(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))
    return httpx.AsyncClient(transport=transport, base_url=SETTINGS.public_url, cookies={"coterie": "alice"})
