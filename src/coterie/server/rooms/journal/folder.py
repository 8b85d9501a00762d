"""The folder in which a server keeps its journals. One server at a time has it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import time
from collections.abc import Container
from pathlib import Path
from typing import Final

from coterie.server.rooms.journal.files import NEW
from coterie.server.rooms.journal.reading import outlines, read, read_header
from coterie.server.rooms.journal.records import OUTSIDE, SERVER, DamagedJournal, RecordKind
from coterie.server.rooms.names import DocumentName

#: Seconds between two attempts at a folder that another process still has.
_RETRY_EVERY: Final = 0.1

_SECONDS_PER_DAY: Final = 86_400

#: What may stand in a file's name, and how much of it.
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_PLAIN_TYPE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

_JOURNAL: Final = ".journal"


class JournalsInUse(Exception):
    """Another process has the folder."""


class JournalFolder:
    """The journals of one server. Made where it is not there, for the server's own account alone."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        self.path = path
        self._lock: int | None = None

    async def claim(self, timeout: float) -> int:  # noqa: ASYNC109
        """Have the folder until ``release`` or the end of the process, and for as long as another process holds the
        file descriptor that is answered.

        Waits up to *timeout* seconds for a server that is just stopping. Raises JournalsInUse, and OSError.
        """
        give_up_at = time.monotonic() + timeout
        while (lock := self._try_lock()) is None:
            if time.monotonic() >= give_up_at:
                raise JournalsInUse(f"another process uses the journals in {self.path}")
            await asyncio.sleep(_RETRY_EVERY)
        self._lock = lock
        return lock

    def release(self) -> None:
        """May be called again."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def path_of(self, name: DocumentName) -> Path:
        """Where the document's journal lies, or would. Raises ValueError for an id that is no plain word."""
        if not (_PLAIN_ID.fullmatch(name.file_id) and _PLAIN_TYPE.fullmatch(name.type)):
            raise ValueError("a document with such an id cannot have a journal")
        return self.path / f"{name.file_id}.{name.type}{_JOURNAL}"

    def life_of(self, name: DocumentName) -> str | None:
        """The life of the document's journal, in 32 hexadecimal digits. None if there is none that can be read.

        Raises ValueError as ``path_of`` does, and OSError.
        """
        try:
            return read_header(self.path_of(name)).life
        except (FileNotFoundError, DamagedJournal):
            return None

    def forget_old(self, keep_days: float, open_paths: Container[Path]) -> int:
        """Remove what nobody has written to for so many days, and what a crash left half made; answers how many files.

        A journal stays while it is among *open_paths*, which is asked right before each removal, and as long as it
        holds what people typed and no file has. Reads whole journals: made for a thread. Raises OSError.
        """
        oldest = time.time() - keep_days * _SECONDS_PER_DAY
        removed = 0
        for path in sorted(self.path.iterdir()):
            if _may_go(path, oldest) and _journal_of(path) not in open_paths:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _try_lock(self) -> int | None:
        lock = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock


def _journal_of(path: Path) -> Path:
    """The journal that the file is, or was made from."""
    return path.with_name(path.name.partition(_JOURNAL)[0] + _JOURNAL)


def _may_go(path: Path, oldest: float) -> bool:
    """Whether the file may be removed if its journal is not open. *oldest* is in seconds since 1970."""
    _, journal, rest = path.name.partition(_JOURNAL)
    try:
        if not journal or path.is_dir():
            return False
        if rest.endswith(NEW):
            return True
        is_old = path.lstat().st_mtime < oldest
        return is_old and (rest != "" or not _holds_unsaved(path))
    except FileNotFoundError:
        return False


def _holds_unsaved(path: Path) -> bool:
    """Whether people typed something that no file is known to have, or may have: behind what is damaged, for one."""
    try:
        contents = read(path)
        if contents.damage is not None and not contents.damage.is_torn:
            return True
        saved = contents.marks[-1] if contents.marks and contents.marks[-1].kind is not RecordKind.SAVING else None
        return any(
            outline.kind is RecordKind.EDIT
            and outline.person not in (OUTSIDE, SERVER)
            and (saved is None or outline.sequence > saved.mark.through)
            for outline in outlines(path, contents.end)
        )
    except DamagedJournal:
        return False
