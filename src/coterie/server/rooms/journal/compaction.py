"""Making a journal shorter: its oldest records become one that holds the state they led to.

Works on a file that another process may be appending to, and leaves it alone: what is made is a new file beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pycrdt import Doc

from coterie.server.rooms.journal.files import CHUNK, write_new
from coterie.server.rooms.journal.reading import Contents, open_journal, outlines, read, records
from coterie.server.rooms.journal.records import (
    OUTSIDE,
    UPDATES,
    DamagedJournal,
    DamagedRecord,
    Outline,
    RecordKind,
    encode_header,
    encode_record,
)

#: With an origin, pycrdt's undo manager does not keep what is deleted.
_HERE: Final = "coterie.rooms"


@dataclass(frozen=True, slots=True)
class Keep:
    """How much history is kept: nothing younger than *days* goes, unless the journal is longer than *bytes*."""

    days: float
    bytes: int


@dataclass(frozen=True, slots=True)
class Compacted:
    """At *path*, on the disk, lies what the journal holds up to the byte *upto*. It is for ``Journal.replace``."""

    path: Path
    upto: int


def compact(path: Path, upto: int, keep: Keep) -> Compacted | None:
    """Write the journal's records up to the byte *upto* as a shorter journal beside it.

    What the file's state is made from stays: its mark, and all that came after what the mark counts to. None where less
    than half of the journal would go; telling may take as long as doing it, so a caller should let the journal grow
    before it asks again. Raises DamagedJournal and OSError.
    """
    contents = read(path, upto)
    if contents.damage is not None:
        raise DamagedRecord(contents.damage.offset)
    cut = _cut(path, contents, keep)
    if cut is None or _is_too_little(contents, contents.end - cut.end):
        return None
    base = encode_record(RecordKind.BASE, cut.time, OUTSIDE, _state(path, cut))
    if _is_too_little(contents, len(base) + contents.end - cut.end):
        return None
    return Compacted(write_new(path, _parts(path, contents, cut, base)), contents.end)


def _cut(path: Path, contents: Contents, keep: Keep) -> Outline | None:
    """The last record that may go, with all before it. None if none may."""
    if not contents.marks:
        return None
    through = min(placed.mark.through for placed in contents.marks)
    oldest = datetime.now(UTC) - timedelta(days=keep.days)
    may_go_by_age, is_too_long = True, contents.end > keep.bytes
    room = 0
    cut = None
    for outline in outlines(path, contents.end):
        if (
            cut is None
        ):  # the base is the best guess at how long the next one will be; half of the rest is to fill again
            room = max(0, keep.bytes - outline.size) // 2
        may_go_by_age = may_go_by_age and outline.time < oldest
        may_go_by_size = is_too_long and contents.end - outline.offset > room
        if outline.sequence > through or not (may_go_by_age or may_go_by_size):
            break
        cut = outline
    return cut


def _is_too_little(contents: Contents, left: int) -> bool:
    return left > contents.end / 2


def _state(path: Path, cut: Outline) -> bytes:
    """The state after *cut*, as one update."""
    doc: Doc[Any] = Doc()
    try:
        with doc.transaction(origin=_HERE):
            for record in records(path, cut.end):
                if record.kind in UPDATES:
                    doc.apply_update(record.payload)
        return doc.get_update()
    # pycrdt's core panics on some damaged updates; that is no Exception, of a class that cannot be imported.
    except BaseException as error:
        if isinstance(error, ValueError | RuntimeError) or type(error).__name__ == "PanicException":
            raise DamagedJournal("an update in the journal cannot be applied") from None
        raise


def _parts(path: Path, contents: Contents, cut: Outline, base: bytes) -> Iterator[bytes]:
    yield encode_header(contents.header.life, cut.sequence)
    yield base
    with open_journal(path, contents.end) as (file, header, end):
        if header != contents.header:
            raise DamagedJournal("the journal was replaced meanwhile")
        file.seek(cut.end)
        for chunk_at in range(cut.end, end, CHUNK):
            yield file.read(min(CHUNK, end - chunk_at))
