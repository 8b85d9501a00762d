"""The same tests for both databases: ``store`` is a migrated, empty one, ``url`` its address."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url, text

from coterie.store import Store, StoredPerson
from coterie.store.engine import open_engine
from coterie.store.tables import metadata
from support.postgresql import create_database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def new_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/coterie.sqlite"
    return create_database(request.getfixturevalue("postgresql_url"))


@pytest.fixture(scope="session")
async def migrated(kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> URL:
    """A migrated database, which each test is given as if it were new: to migrate takes longer than most of them."""
    folder: Path = tmp_path_factory.mktemp("store")
    is_sqlite = kind == "sqlite"
    url = f"sqlite:///{folder}/m.sqlite" if is_sqlite else create_database(request.getfixturevalue("postgresql_url"))
    store = Store(url)
    await store.migrate()
    await store.close()
    return make_url(url)


@pytest.fixture
async def url(migrated: URL, tmp_path: Path) -> str:
    if migrated.get_backend_name() == "sqlite":
        shutil.copy(str(migrated.database), tmp_path / "coterie.sqlite")
        return f"sqlite:///{tmp_path}/coterie.sqlite"
    engine = open_engine(migrated)
    async with engine.begin() as connection:
        await connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY"))
    await engine.dispose()
    return migrated.render_as_string(hide_password=False)


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
