from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rooms.endurance.page import Page
from rooms.endurance.process import ServerProcess


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Start a server on a folder of its own; the arguments are those of ServerProcess."""
    started: list[ServerProcess] = []

    def start(**settings: Any) -> ServerProcess:
        server = ServerProcess(tmp_path / f"server-{len(started)}", **settings)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.clear()


@pytest.fixture(scope="module")
def common_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server for tests that leave it whole, each with files of its own."""
    server = ServerProcess(tmp_path_factory.mktemp("common"))
    server.start()
    yield server
    server.clear()


@pytest.fixture
async def open_page() -> AsyncIterator[Callable[..., Awaitable[Page]]]:
    """Open a document in a page; the arguments are those of Page."""
    opened: list[Page] = []

    async def open_(*arguments: Any, **named: Any) -> Page:
        page = Page(*arguments, **named)
        opened.append(page)
        await page.connect()
        return page

    yield open_
    for page in opened:
        await page.close()
