"""A workspace of alice's that people are removed from: carol, an Editor, stays and must notice nothing."""

from __future__ import annotations

import pytest

from revocation.holding import Place, furnished
from support.demo import Demo


@pytest.fixture(scope="session")
async def shared(demo: Demo) -> Place:
    place = await furnished(demo, "alice", "To be removed from", {"carol": "editor"})
    demo.keep(place.id)
    return place
