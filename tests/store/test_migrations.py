"""The migrations make what the code expects, on both databases."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, insert, inspect, text

from coterie.policy import Person
from coterie.store import Store, Unavailable, migrations
from coterie.store.engine import open_engine, parse_url
from coterie.store.tables import metadata

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def url(new_url: str) -> str:
    return new_url


async def test_the_migrations_and_the_tables_agree(store: Store, url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))

    engine = open_engine(parse_url(url))
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()

    assert found == []


async def test_the_migrations_and_the_tables_agree_on_what_alembic_does_not_compare(store: Store, url: str) -> None:
    """Check constraints, and what goes with what."""

    def shape(connection: Connection) -> dict[str, object]:
        inspector = inspect(connection)
        return {
            table: (
                sorted((check["name"], _words(check["sqltext"])) for check in inspector.get_check_constraints(table)),
                sorted((key["name"], key["options"].get("ondelete")) for key in inspector.get_foreign_keys(table)),
                inspector.get_pk_constraint(table)["constrained_columns"],
                [column["type"].compile(connection.dialect) for column in inspector.get_columns(table)],
            )
            for table in metadata.tables
        }

    def rebuild(connection: Connection) -> None:
        metadata.drop_all(connection)
        metadata.create_all(connection)

    engine = open_engine(parse_url(url))
    async with engine.begin() as connection:
        migrated = await connection.run_sync(shape)
        await connection.run_sync(rebuild)
        expected = await connection.run_sync(shape)
    await engine.dispose()

    assert expected == migrated


def _words(condition: str) -> str:
    """A condition without what PostgreSQL adds to it when it is read back."""
    return " ".join(condition.split())


async def test_migrating_again_changes_nothing(store: Store) -> None:
    async with store.writing() as tx:
        await tx.set_position("shares", 7)

    await store.migrate()

    async with store.reading() as tx:
        assert await tx.get_position("shares") == 7


async def test_several_processes_can_migrate_at_once(url: str) -> None:
    stores = [Store(url) for _ in range(4)]

    await asyncio.gather(*(store.migrate() for store in stores))

    async with stores[0].reading() as tx:
        assert await tx.latest_revision() == 0
    for store in stores:
        await store.close()


async def test_migrating_waits_for_another_program_that_is_at_a_new_file(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "new.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store = Store(f"sqlite:///{tmp_path}/new.sqlite")

    migrating = asyncio.create_task(store.migrate())
    done, _ = await asyncio.wait({migrating}, timeout=0.3)
    other.execute("COMMIT")
    await migrating

    other.close()
    async with store.reading() as tx:
        assert await tx.latest_revision() == 0
    assert done == set()
    await store.close()


async def test_a_database_of_another_version_is_refused_and_left_alone(store: Store, url: str) -> None:
    engine = open_engine(parse_url(url))
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = 'future'"))

    with pytest.raises(Unavailable, match="another version"):
        await store.migrate()

    async with engine.connect() as connection:
        version = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
    await engine.dispose()
    assert version == "future"


async def test_names_from_before_there_was_a_search_are_found(url: str) -> None:
    def fill(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(insert(metadata.tables["persons"]), {"id": "a" * 16, "name": "alice", "hub_created": NOON})
        connection.execute(
            text(
                "INSERT INTO workspaces (id, is_home, name, account, creator_id, general_access, created_at) "
                "VALUES (:id, false, 'Größe', 'ws-x', :creator, 'restricted', CURRENT_TIMESTAMP)"
            ),
            {"id": "b" * 16, "creator": "a" * 16},
        )

    engine = open_engine(parse_url(url))
    async with engine.begin() as connection:
        await connection.run_sync(fill)
    await engine.dispose()
    store = Store(url)
    await store.migrate()

    async with store.reading() as tx:
        found = await tx.list_workspaces(Person("a" * 16, "alice"), at=NOON, limit=9, q="GRÖSSE")
    await store.close()
    assert [item.workspace.name for item in found] == ["Größe"]
