"""What the worker is asked and answers, as values that cross a process border. Nothing here quotes a document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from coterie.server.rooms.journal.records import HEADER_SIZE, MAX_SEQUENCE, Mark

#: What tells one state of a file from another without reading it: device, inode, nanoseconds of its last change, bytes.
Stamp = tuple[int, int, int, int]

_LIFE: Final = re.compile("[0-9a-f]{32}")
_DIGEST_SIZE: Final = 32


def _check(*hold: bool) -> None:
    if not all(hold):
        raise ValueError("out of range")


@dataclass(frozen=True, slots=True)
class Source:
    """A document: where its *file* and its *journal* are, and how the file is read (*kind*, *format*).

    *key* is what it is called from here on. *life* is what a journal is given that has to be made (32 hexadecimal
    digits); one that goes on without what was damaged in it is given another than it had.
    """

    key: str
    file: Path
    kind: str
    format: str
    journal: Path
    life: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that happened while a document was opened and that people or the log should hear of."""

    word: Literal["journal-cut", "journal-damaged", "outside-merged", "outside-kept"]

    @property
    def sentence(self) -> str:
        return _SENTENCES[self.word]


#: People are told in our own words alone.
_SENTENCES: Final = {
    "journal-cut": "The end of the document's history had not been written to its end, and was cut off.",
    "journal-damaged": "The document's history was damaged. A copy of it has been kept.",
    "outside-merged": "The file was changed by another program, and the document took it in.",
    "outside-kept": "What another program wrote to the file is kept as a version: it fits nowhere.",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A document ready to be joined.

    *state* is all of it as one update. *size* (bytes) and *next* (sequence number) say where its journal ends. *stamp*
    and *digest* (SHA-256) are the file's, and *is_saved* whether the file holds all that the document does.
    """

    state: bytes
    life: str
    size: int
    next: int
    stamp: Stamp
    digest: bytes
    is_saved: bool
    remarks: tuple[Remark, ...]

    def __post_init__(self) -> None:
        """Raises ValueError for what no document has. So do the others."""
        _check(_LIFE.fullmatch(self.life) is not None, self.size >= HEADER_SIZE, 0 < self.next <= MAX_SEQUENCE)
        _check(len(self.digest) == _DIGEST_SIZE)


@dataclass(frozen=True, slots=True)
class Draft:
    """What the file is going to be: the document as made of all records up to *through*.

    *is_on_disk*: the file holds just this already, and there is nothing to commit. *repair* is an update that the
    document needs to hold what the file will (b"": none), to be applied as an edit by the server whenever it suits.
    """

    digest: bytes
    through: int
    is_on_disk: bool
    repair: bytes

    def __post_init__(self) -> None:
        _check(len(self.digest) == _DIGEST_SIZE, 0 <= self.through <= MAX_SEQUENCE)


@dataclass(frozen=True, slots=True)
class Outside:
    """What somebody else wrote to the file, as the *update* that brings it into the document (b"": nothing to bring).

    *is_in_file*: the file holds it. Then *mark* names the state that the update starts from, with the file's digest,
    and is to go into the journal just before the update, with the number of the update's record as one more of its
    extras. Otherwise the file holds what was saved, and *mark*, as it is, says so; the next save brings the rest.

    Where the content could not be merged, *kept* is its bytes, to become a KEPT record by OUTSIDE, and *update* is b"".
    The next save goes over the file; no mark is needed.

    *digest* and *stamp* are those of the file as it is now.
    """

    update: bytes
    mark: Mark
    digest: bytes
    stamp: Stamp
    kept: bytes | None
    is_in_file: bool

    def __post_init__(self) -> None:
        _check(len(self.digest) == _DIGEST_SIZE)


@dataclass(frozen=True, slots=True)
class Committed:
    """The draft is in place. *outside* is what lay there instead of what was expected: it has been taken out unharmed,
    and is to be merged (after the SAVED mark; its own mark says the same). Until then nothing more is committed."""

    stamp: Stamp
    outside: Outside | None


class WorkerError(Exception):
    """A document cannot be served. The text is a sentence for people."""


class Unreadable(WorkerError):
    """The file is not of the kind that it was to be read as, or the document cannot be written as one."""


class Gone(WorkerError):
    """There is no file any more where the document's should be."""


class Denied(WorkerError):
    """The file or its folder may not be read or written."""


class NotSettled(WorkerError):
    """Somebody is writing the file at this very moment. To be tried again soon."""


class UnknownKey(WorkerError):
    """No document of this key has been opened, or it was forgotten."""


class WorkerDied(WorkerError):
    """The process ended before it had answered, or was ended because it answered what it cannot have. What it was asked
    may have happened or not; the next call has a new one, which finds out."""
