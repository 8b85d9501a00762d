"""Connections to SQLite and PostgreSQL, set up so that both keep the same promises."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import aiosqlite
from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}

#: Seconds that a change waits for another one before it gives up.
PATIENCE = 10


def parse_url(text: str) -> URL:
    """The URL with the driver this package uses. Raises ValueError, without the text: it may hold a password."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("the database's URL cannot be read") from None
    if url.drivername not in _DRIVERS:
        raise ValueError("the database's URL begins with sqlite:/// or postgresql://")
    url = url.set(drivername=_DRIVERS[url.drivername])
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("the database's URL names no file: several connections have to see the same one")
    return url


def password_of(text: str) -> str | None:
    """The password in the URL of a database, None where it has none. Raises ValueError as parse_url() does."""
    password = parse_url(text).password
    return None if password is None else str(password)


def open_engine(url: URL) -> AsyncEngine:
    """An engine that has not connected yet. Whoever opens it disposes of it."""
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url, hide_parameters=True, connect_args={"timeout": PATIENCE})
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    settings = {"application_name": "coterie", "lock_timeout": f"{PATIENCE}s"}
    return create_async_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={"timeout": PATIENCE, "command_timeout": 3 * PATIENCE, "server_settings": settings},
    )


def for_reading(engine: AsyncEngine) -> AsyncEngine:
    """The same connections, for transactions that see one instant and can change nothing."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def for_writing(engine: AsyncEngine) -> AsyncEngine:
    """The same connections, for transactions that change something."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")
    return engine.execution_options(isolation_level="READ COMMITTED")


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver is not to begin transactions by itself: _begin_sqlite does, which alone knows of which kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("foreign_keys=ON", "synchronous=FULL", f"busy_timeout={PATIENCE * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.run_async(_log_ahead)


async def _log_ahead(connection: aiosqlite.Connection) -> None:
    """Have changes go to a log beside the file, so that they and readers do not wait for each other.

    The file keeps the mode, and only its first connection changes it: that is refused at once where another process
    is at the file, whatever the timeout. Raises TimeoutError where it stays so for PATIENCE.
    """
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await connection.execute_fetchall("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                await asyncio.sleep(0.01)
            else:
                return


def _begin_sqlite(connection: Connection) -> None:
    # A change takes the write lock at once: one that reads first and locks later fails when another came between.
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))
