"""People in browsers of their own, and a picture of what they saw when a test fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from browser.person import Person
from support.demo import Demo

RESULTS = Path(__file__).parents[2] / "test-results"

_FAILED = pytest.StashKey[bool]()

Arrive = Callable[[str, Demo], Awaitable[Person]]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remembers for the fixtures whether the test failed."""
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


@pytest.fixture
async def arrive(request: pytest.FixtureRequest, browser: Browser) -> AsyncIterator[Arrive]:
    """Brings somebody to their workspaces, in a browser of their own."""
    there: list[Person] = []

    async def arrive_(name: str, demo: Demo) -> Person:
        there.append(await Person.arrive(browser, name, demo.hub_url, demo.service_url))
        return there[-1]

    yield arrive_
    for number, person in enumerate(there):
        if request.node.stash.get(_FAILED, True):
            RESULTS.mkdir(exist_ok=True)
            for tab, page in enumerate(person.context.pages):
                await page.screenshot(path=RESULTS / f"{request.node.name}-{number}-{person.name}-{tab}.png")
        await person.context.close()
