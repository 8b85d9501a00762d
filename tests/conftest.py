"""Fixtures that several folders of tests share: the PostgreSQL server and the demo, each started once."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.async_api import Browser, async_playwright, expect

from support.chromium import CHROMIUM
from support.demo import Demo, running_demo
from support.postgresql import postgresql_server

# Two cores carry a Hub, its servers and three browsers.
expect.set_options(timeout=20_000)

_DEMO = pytest.StashKey[Demo]()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Demo]:
    """The demo, shared by all tests that start no demo of their own; each makes its own workspaces in it."""
    state: Path = tmp_path_factory.mktemp("demo") / "state"
    with running_demo(state) as running:
        pytestconfig.stash[_DEMO] = running
        yield running


@pytest.fixture(scope="module", autouse=True)
async def servers_end_with_the_file(pytestconfig: pytest.Config) -> AsyncIterator[None]:
    """A file's servers would cost the tests of all later ones memory and time."""
    yield
    if _DEMO in pytestconfig.stash:
        await pytestconfig.stash[_DEMO].stop_servers()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Shared by all tests that drive one; each person has a context of their own in it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**CHROMIUM)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL server of the tests' own; each test makes a database of its own in it."""
    with postgresql_server() as url:
        yield url


IS_SOAK = os.environ.get("COTERIE_SOAK") == "1"

settings.register_profile("sample", deadline=None)
settings.register_profile("soak", deadline=None, max_examples=5_000)
settings.load_profile("soak" if IS_SOAK else "sample")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the long tests to ``make soak``."""
    if IS_SOAK:
        return
    for item in items:
        if item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.skip(reason="long: make soak runs it"))
