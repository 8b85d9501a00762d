"""Fixtures of the Hub's side."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hub.service_of_ours import ServiceOfOurs, running


@pytest.fixture
async def service() -> AsyncIterator[ServiceOfOurs]:
    """A real HTTP server that answers as a test says."""
    async with running() as service:
        yield service
