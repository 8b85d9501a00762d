"""The same tests for both databases: ``store`` is a migrated, empty one, ``url`` its address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coterie.store import Store, StoredPerson
from support.postgresql import create_database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/coterie.sqlite"
    return create_database(request.getfixturevalue("postgresql_url"))


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    store = Store(url)
    await store.migrate()
    yield store
    await store.close()


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
async def alice(store: Store) -> StoredPerson:
    async with store.writing() as tx:
        return await tx.see_person("alice", NOON)


@pytest.fixture
async def bob(store: Store) -> StoredPerson:
    async with store.writing() as tx:
        return await tx.see_person("bob", NOON)
