"""A pytest plugin: pycrdt-websocket's tests meet a Jupyter server with Coterie's rooms in the place of its own server.

Its clients call a room by a short name and know of no sessions. A relay in front of our server turns each name into the
room of a text file of that name, and passes on every byte as it is.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import utils  # of the suite
from httpx_ws import aconnect_ws

from interop.served import Served

#: What all its tests that are run call their room.
ROOM = "my-roomname"


@asynccontextmanager
async def create_yws_server(port: int, *_: Any, **__: Any) -> AsyncIterator[tuple[int, None]]:
    """In the place of the suite's own. What it is asked for beyond the port says how *that* server is to be made."""
    with tempfile.TemporaryDirectory() as folder:
        served = Served(Path(folder), os.environ["COTERIE_SERVER_PYTHON"], relay_port=port)
        served.start()
        await _open(f"http://localhost:{port}/{ROOM}")
        pytest.port = port  # type: ignore[attr-defined]  # where the suite looks for it
        yield port, None
        served.kill()


async def _open(room: str) -> None:
    """Return once the room is there. The suite expects as much of a server that has just started."""
    async with aconnect_ws(room) as client:
        await client.receive_bytes()


# The suite's conftest takes it over from there, and is imported later than this.
utils.create_yws_server = create_yws_server
