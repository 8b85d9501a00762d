"""A workspace to attack: alice's, carol is Editor, bob is Viewer, and a kernel and a terminal run."""

from __future__ import annotations

import pytest

from revocation.holding import Place, furnished
from support.demo import Demo


@pytest.fixture(scope="session")
async def place(demo: Demo) -> Place:
    return await furnished(demo, "alice", "To be attacked", {"carol": "editor", "bob": "viewer"})
