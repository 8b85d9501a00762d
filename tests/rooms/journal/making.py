"""Journals for tests: made of records at times that a test chooses, and documents to fill them with."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pycrdt import Doc, Text

from coterie.server.rooms.journal.records import Mark, Record, RecordKind, encode_header, encode_mark, encode_record

LIFE = "0123456789abcdef" * 2
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIGEST = bytes(range(32))


def record(sequence: int, kind: RecordKind, person: str = "", payload: bytes = b"", time: datetime = NOON) -> Record:
    return Record(sequence, kind, time, person, payload)


def mark(sequence: int, kind: RecordKind, through: int, *extras: int, time: datetime = NOON) -> Record:
    return record(sequence, kind, payload=encode_mark(Mark(through, extras, DIGEST)), time=time)


def encoded(record: Record) -> bytes:
    return encode_record(record.kind, record.time, record.person, record.payload)


def body_of_journal(records: Iterable[Record]) -> bytes:
    return b"".join(map(encoded, records))


def write_journal(path: Path, records: list[Record], first: int = 1) -> Path:
    path.write_bytes(encode_header(LIFE, first) + body_of_journal(records))
    return path


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """To its end, in a test that has no loop."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(coroutine)
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


class Typing:
    """Somebody who types into a text, each letter an update."""

    def __init__(self) -> None:
        self._doc: Doc[Any] = Doc()
        self._source = self._doc.get("source", type=Text)
        self._update = b""
        self._doc.observe(self._updated)

    @property
    def text(self) -> str:
        return str(self._source)

    def type(self, text: str) -> bytes:
        """The update of adding *text* at the end."""
        self._source += text
        return self._update

    def erase(self, count: int) -> bytes:
        """The update of removing the last letters."""
        del self._source[len(self._source) - count :]
        return self._update

    def _updated(self, event: Any) -> None:
        self._update = event.update


def text_of(updates: Iterable[bytes]) -> str:
    """The text that these updates make up."""
    doc: Doc[Any] = Doc()
    for update in updates:
        doc.apply_update(update)
    return str(doc.get("source", type=Text))
