"""The handler table of a real server, and a workspace that runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.demo import Demo

_PRINTER = Path(__file__).parents[1] / "support" / "route_table.py"


@dataclass(frozen=True)
class Route:
    """One route of a server: the full name of its handler's class, its pattern, and the methods it has."""

    handler: str
    pattern: str
    methods: tuple[str, ...]


@pytest.fixture(scope="session")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[Route]:
    """Every route of the server as installed, whichever extension brings it."""
    command = [sys.executable, str(_PRINTER), str(tmp_path_factory.mktemp("home"))]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    table = next(line.removeprefix("TABLE") for line in output.splitlines() if line.startswith("TABLE"))
    return [Route(row["class"], row["pattern"], tuple(row["methods"])) for row in json.loads(table)]


@dataclass(frozen=True)
class Running:
    """A workspace of alice's that runs: bob is Co-owner, carol Editor, dave Viewer; erin has nothing."""

    id: str
    url: str
    roles: Mapping[str, str]


@pytest.fixture(scope="session")
async def running(demo: Demo) -> Running:
    workspace = await demo.create("alice", "Routes")
    demo.keep(workspace)
    roles = {"bob": "co-owner", "carol": "editor", "dave": "viewer"}
    for name, role in roles.items():
        await demo.grant("admin", workspace, name, role)
    for name in ("alice", *roles):
        url = await demo.open(name, workspace)
    return Running(workspace, url, {"alice": "creator", **roles})
