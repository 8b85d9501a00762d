"""What can go wrong in the store, and how drivers' errors become that.

Whatever is raised inside a transaction ends it: leave the ``async with`` and begin another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


class StoreError(Exception):
    """Something the store was asked for did not happen. The text is ours and names nobody."""


class NotFound(StoreError):
    """What was named is not stored."""


class Conflict(StoreError):
    """It contradicts what is stored, or somebody changed the same thing at that moment. Nothing was changed."""


class Malformed(StoreError):
    """A text that can never be stored or looked up: too long, or with a character no database keeps."""


class Unavailable(StoreError):
    """The database cannot be reached, is too busy, or holds the tables of another version."""


#: PostgreSQL's codes of transactions that collided: serialization failure and deadlock.
_COLLISIONS = frozenset({"40001", "40P01"})
_FOREIGN_KEY_VIOLATION = "23503"


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever the driver raises inside into a StoreError. The cause stays attached, for the log."""
    try:
        yield
    except IntegrityError as error:
        if _names_what_is_gone(error):
            raise NotFound("Something that this refers to is not stored.") from error
        raise Conflict("This contradicts what is stored.") from error
    except DBAPIError as error:
        if _sqlstate(error) in _COLLISIONS:
            raise Conflict("Somebody else changed the same thing at the same time.") from error
        raise Unavailable("The database did not answer as it should.") from error
    except StatementError as error:
        # Raised by our own column types while values were bound: no driver was involved.
        raise (error.orig or error) from None
    except (OSError, PoolTimeoutError) as error:
        raise Unavailable("The database cannot be reached.") from error


def _sqlstate(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _names_what_is_gone(error: IntegrityError) -> bool:
    if getattr(error.orig, "sqlite_errorname", None) == "SQLITE_CONSTRAINT_FOREIGNKEY":
        return True
    return _sqlstate(error) == _FOREIGN_KEY_VIOLATION
