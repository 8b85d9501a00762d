"""The service on both databases, with the demo's real Hub behind it and its people's real tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.inviting import Place, RunningHub, Somebody, home_of_somebody
from api.service import Service, settings_for
from coterie.service.app import create_app, make_world
from support.demo import Demo
from support.postgresql import create_database


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "sqlite":
        folder: Path = tmp_path_factory.mktemp("api")
        return f"sqlite:///{folder}/coterie.sqlite"
    return create_database(request.getfixturevalue("postgresql_url"))


@pytest.fixture(scope="session")
async def service(demo: Demo, database_url: str) -> AsyncIterator[Service]:
    settings = settings_for(demo, database_url)
    world = make_world(settings)
    app = create_app(settings, world)
    app.state.refusals.keep_writing = asyncio.Event().wait  # what was done is looked at, and nothing else comes between
    async with app.router.lifespan_context(app):
        yield Service(app, world, settings, demo)


@pytest.fixture
def bob(service: Service) -> Somebody:
    return Somebody(service, "bob")


@pytest.fixture
def carol(service: Service) -> Somebody:
    return Somebody(service, "carol")


@pytest.fixture
def erin(service: Service) -> Somebody:
    return Somebody(service, "erin")


@pytest.fixture
def running(service: Service, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The accounts whose servers the Hub takes to run, beside those that do."""
    hub = RunningHub(service.world.hub)
    monkeypatch.setattr(service.world.hub, "list_users", hub.list_users)
    return hub.running


@pytest.fixture
async def place(service: Service, running: set[str]) -> Place:
    """A workspace of alice's."""
    return Place(service, Somebody(service, "alice"), await service.create("alice"), running)


@pytest.fixture
async def home(service: Service, running: set[str]) -> AsyncIterator[Place]:
    """The running home of a new account."""
    async with home_of_somebody(service, running) as (place, _):
        await place.start()
        yield place


@pytest.fixture(params=["workspace", "home"])
def shared(request: pytest.FixtureRequest, place: Place, home: Place) -> Place:
    """Either of them."""
    return place if request.param == "workspace" else home
