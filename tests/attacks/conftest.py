"""A workspace to attack: alice's, carol is Editor, bob is Viewer, and a kernel and a terminal run. And one of carol's
from which to attack others: alice and bob come to look at it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from revocation.holding import Place, furnished
from support.demo import Demo


@pytest.fixture(scope="session")
async def place(demo: Demo) -> Place:
    place = await furnished(demo, "alice", "To be attacked", {"carol": "editor", "bob": "viewer"})
    demo.keep(place.id)
    return place


@pytest.fixture(scope="session")
async def trap(demo: Demo) -> Place:
    trap = await furnished(demo, "carol", "A trap", {"alice": "editor", "bob": "viewer"})
    demo.keep(trap.id)
    return trap


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Shared by all tests here; each opens a context of its own in it."""
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
        yield await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
