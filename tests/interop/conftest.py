from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import nbformat
import pytest

from interop.served import Served
from interop.yjs_client import NODE_PACKAGES, YjsClient, node
from rooms.serving import WITHIN, headers

Join = Callable[..., Awaitable[YjsClient]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for all tests of a module; each takes a file of its own."""
    if node() is None or not NODE_PACKAGES.is_dir():
        pytest.skip("needs Node.js and the packages that make test installs")
    served = Served(tmp_path_factory.mktemp("served"))
    served.start()
    yield served
    served.stop()


@pytest.fixture
def file(served: Served, request: pytest.FixtureRequest) -> Path:
    """A text file that no other test uses, empty."""
    file = served.root / f"{request.node.name}.txt"
    file.touch()
    return file


@pytest.fixture
def notebook(served: Served, request: pytest.FixtureRequest) -> Path:
    """A notebook that no other test uses, with one cell."""
    file = served.root / f"{request.node.name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Penguins")]), file)
    return file


@pytest.fixture
async def join(served: Served) -> AsyncIterator[Join]:
    """``await join("alice", file)``: her front end with the document open; ends with the test."""
    clients = []

    async def join(person: str, file: Path, role: str = "editor") -> YjsClient:
        kind = {"format": "json", "type": "notebook"} if file.suffix == ".ipynb" else {"format": "text", "type": "file"}
        async with httpx.AsyncClient(
            base_url=f"http://{served.address}", headers=headers(person, role), verify=False, timeout=WITHIN
        ) as http:
            answer = await http.put(f"/api/collaboration/session/{file.name}", json=kind)
        clients.append(await YjsClient.start(served.address, answer.json(), headers(person, role)))
        return clients[-1]

    yield join
    await asyncio.gather(*(client.kill() for client in clients))
