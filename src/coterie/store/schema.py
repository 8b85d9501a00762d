"""Bringing a database's tables up to date. Alembic's environment is part of the package; no file configures it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, func, select

from coterie.store.errors import Unavailable

#: The advisory lock of PostgreSQL under which one process at a time changes the tables.
_MIGRATION_LOCK = 0x636F7465_0001


def upgrade(connection: Connection) -> None:
    """Run the missing migrations in the transaction that *connection* is in.

    Raises Unavailable where the database was made by a version of Coterie that this one does not know.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise Unavailable("The database was made by another version of Coterie than this one.") from error
