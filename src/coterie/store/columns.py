"""Column types that behave alike on SQLite and PostgreSQL.

*Exact* text is compared by its code points: with regard to case, and the same in every locale.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from enum import Enum as PythonEnum

from sqlalchemy import DateTime, Dialect, Enum, String
from sqlalchemy.types import TypeDecorator, TypeEngine

from coterie.policy import Role
from coterie.store.errors import Malformed

NAME_MAX = 255
#: How long the note of somebody who asks for access may be, in characters.
NOTE_MAX = 500
#: How long a SHA-256 digest is in hexadecimal.
DIGEST_LENGTH = 64
#: How long a name can become by folding: no character becomes more than three.
FOLDED_MAX = 3 * NAME_MAX


def is_storable(text: str, length: int = NAME_MAX) -> bool:
    """Whether both databases can keep *text* as it is."""
    return len(text) <= length and not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)


def folded(text: str) -> str:
    """*text* without regard to case, in every script: canonical caseless matching of Unicode, section 3.13. Done here,
    because each database folds in its own way, and SQLite only ASCII."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def in_utc(instant: datetime) -> datetime:
    """The same instant in UTC. Raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError("the store takes aware datetimes only")
    return instant.astimezone(UTC)


class Exact(TypeDecorator[str]):
    """Text of at most *length* characters. Raises Malformed for what cannot be stored, on both databases alike."""

    impl = String
    cache_ok = True

    def __init__(self, length: int = NAME_MAX) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        # PostgreSQL would sort by its cluster's locale; SQLite's default (BINARY) is exact already.
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(String(self.length, collation=collation))

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        if value is not None and not is_storable(value, self.length):
            raise Malformed(f"A text is longer than {self.length} characters or holds one that cannot be stored.")
        return value


class Instant(TypeDecorator[datetime]):
    """An instant, aware and in UTC. Raises ValueError for a naive datetime."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else in_utc(value)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        # SQLite keeps no zone: what went in was UTC.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def word_of(choices: type[PythonEnum], name: str) -> Enum:
    """A column that holds one of *choices* as the word the API writes, and refuses any other in the database itself."""

    def words(members: type[PythonEnum]) -> list[str]:
        return [member.word if isinstance(member, Role) else str(member.value) for member in members]

    return Enum(choices, name=name, native_enum=False, create_constraint=True, length=16, values_callable=words)
