"""What the live channel says of documents, on a real server behind the stand-in for the gate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from coterie.policy.roles import Role
from coterie.server.live import LiveHandler
from coterie.server.rooms.problems import PROBLEMS_SETTING, Problems
from rooms.serving import WITHIN, Server, access, eventually, headers

PATH = "birds/notes.md"
STANDING = {"problems": [{"path": PATH, "word": "not-saved", "sentence": "The disk is full."}]}


@pytest.fixture
def problems(server: Server) -> Problems:
    application = server._app.web_app
    application.add_handlers(".*$", [("/coterie/live", LiveHandler)])
    problems = application.settings[PROBLEMS_SETTING] = Problems()
    return problems


@asynccontextmanager
async def listening(server: Server, role: str = "viewer") -> AsyncIterator[ClientConnection]:
    url = f"ws://{server.address}/coterie/live"
    async with connect(url, additional_headers=headers("bob", role)) as socket:
        yield socket


async def said(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(WITHIN):
        message: dict[str, Any] = json.loads(await socket.recv())
    return message


async def test_a_viewer_hears_what_stands_before_the_role(server: Server, problems: Problems) -> None:
    problems.set(PATH, "not-saved", "The disk is full.")

    async with listening(server) as socket:
        assert STANDING == await said(socket)
        assert "viewer" == (await said(socket))["role"]


async def test_problems_come_and_go_and_notices_are_passed_on(server: Server, problems: Problems) -> None:
    async with listening(server) as socket:
        assert "viewer" == (await said(socket))["role"]

        problems.set(PATH, "not-saved", "The disk is full.")
        problems.tell(PATH, "A version was kept.")
        problems.clear(PATH, "not-saved")

        assert STANDING == await said(socket)
        assert {"notice": {"path": PATH, "sentence": "A version was kept."}} == await said(socket)
        assert {"problems": []} == await said(socket)


async def test_a_page_that_is_gone_is_told_nothing(server: Server, problems: Problems) -> None:
    async with listening(server) as socket:
        await said(socket)
    await eventually(lambda: server.handlers[-1].close_code is not None)

    problems.tell(PATH, "Nobody is there.")
    server.handlers[-1].access_changed(access("bob", Role.EDITOR))


async def test_without_problems_there_is_only_the_role(server: Server, problems: Problems) -> None:
    del server._app.web_app.settings[PROBLEMS_SETTING]

    async with listening(server, "editor") as socket:
        assert "editor" == (await said(socket))["role"]
