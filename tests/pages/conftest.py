"""The real service on a database of its own, with a Hub of ours in place of JupyterHub."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from coterie.hubapi import Directory
from coterie.service.app import create_app, put_together
from coterie.service.settings import Limits
from pages.hub_of_ours import HubOfOurs
from pages.visiting import Service, Visitor
from support.settings import without_a_hub


@pytest.fixture(scope="session")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """Shared by all tests here; each makes its own workspaces."""
    folder: Path = tmp_path_factory.mktemp("pages")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        settings = without_a_hub(
            listen_port=port,
            public_url=f"http://127.0.0.1:{port}/services/coterie/",
            database_url=f"sqlite:///{folder}/coterie.sqlite",
            # Six people make all the requests of thousands of tests.
            limits=Limits(requests_per_second=0, requests_at_once=0),
        )
        hub = HubOfOurs()
        world = put_together(settings, hub, Directory(hub, max_age=0))
        server = uvicorn.Server(
            uvicorn.Config(create_app(settings, world), log_config=None, access_log=False, timeout_graceful_shutdown=1)
        )
        running = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            assert not running.done()
            await asyncio.sleep(0.01)
        yield Service(settings.public_url, hub, world)
        server.should_exit = True
        await running


@pytest.fixture
async def visitors(service: Service) -> AsyncIterator[dict[str, Visitor]]:
    """Everybody, each in a browser of their own."""
    names = ("alice", "bob", "carol", "dave", "erin", "admin")
    # Plain HTTP: there is nothing to verify, and reading the authorities takes longer than many requests.
    clients = {
        name: httpx.AsyncClient(base_url=service.url, cookies={"coterie": name}, verify=False, timeout=60)
        for name in names
    }
    yield {name: Visitor(client) for name, client in clients.items()}
    for client in clients.values():
        await client.aclose()
