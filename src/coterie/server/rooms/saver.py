"""Keeps a live document and its file in step, in both directions.

Nothing that grows with the document happens here: the worker reads the journal and the file, and tells what became of
them. Words: document and file *agree* when the file holds what the document did at some moment. A *mark* in the journal
says so; what the file holds beyond it was written from outside.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from coterie.server.rooms.journal.journal import Journal
from coterie.server.rooms.journal.records import OUTSIDE, SERVER, Mark, RecordKind
from coterie.server.rooms.live import LiveDocument
from coterie.server.rooms.problems import Problems
from coterie.server.rooms.recorder import Recorder
from coterie.server.rooms.whereabouts import Whereabouts, stamp_of
from coterie.server.rooms.worker.client import Worker
from coterie.server.rooms.worker.results import Denied, Gone, NotSettled, Opened, Outside, Stamp

#: From the first unsaved change to the save that writes it, in seconds. Later changes do not put it off.
SAVE_AFTER: Final = 1.5

#: The longest wait before a failed save is tried again, in seconds.
RETRY_AT_MOST: Final = 30.0

#: How long a save waits for somebody else who is writing the file, and how often it looks, in seconds.
SETTLE_WITHIN: Final = 3.0
SETTLE_LOOK: Final = 0.2

#: Looks in a row that must miss the file before it counts as deleted: who replaces a file may remove it first.
MISSED_LOOKS: Final = 2

#: For how long a file that has disappeared is searched for under another name, in seconds.
SEARCH: Final = 1.0

NOT_SAVED: Final = "not-saved"

_NOT_MERGED: Final = (
    "Another program wrote something to the file that could not be merged. It is kept among the versions."
)

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than files may be here",
    errno.EACCES: "the file may not be written",
    errno.EPERM: "the file may not be written",
    errno.EROFS: "the disk is read-only",
    errno.EISDIR: "a folder stands in its place",
}

_NEVER: Final = -1


class _NotKept(Exception):
    """There are edits that the journal does not have yet."""


class Saver:
    """Saves one document. Never writes over a change of the file that the document has not taken in.

    *keep_up* brings the journal up to the document, and answers whether it is: the worker knows the journal alone, so
    nothing is saved or compared while the two differ.
    """

    def __init__(
        self,
        key: str,
        live: LiveDocument,
        journal: Journal,
        recorder: Recorder,
        worker: Worker,
        whereabouts: Whereabouts,
        opened: Opened,
        keep_up: Callable[[], bool],
        problems: Problems,
        log: logging.Logger,
    ) -> None:
        self._key = key
        self._keep_up = keep_up
        self._live = live
        self._journal = journal
        self._recorder = recorder
        self._worker = worker
        self._whereabouts = whereabouts
        self._problems = problems
        self._log = log
        self._path = whereabouts.path
        self._known_file = whereabouts.file
        self._stamp: Stamp = opened.stamp
        self._saved_revision = live.revision if opened.is_saved else _NEVER
        self._missed = 0
        self._must_compare = False  # the worker has found something that the file's stamp does not tell
        self._is_failing = False
        self._due = asyncio.Event()
        self._stop = asyncio.Event()
        self.step = asyncio.Lock()  # one save, one look or one compaction at a time
        if not opened.is_saved:
            self._due.set()

    @property
    def is_clean(self) -> bool:
        """Whether the file holds all that the document does."""
        return self._live.revision == self._saved_revision

    def needs_look(self, file: Path | None, stamp: Stamp | None) -> bool:
        """Whether the file is elsewhere, gone, or another than the one last read or written here."""
        return stamp is None or stamp != self._stamp or file != self._known_file

    @property
    def path(self) -> str:
        """Where the file is, as far as this has followed it."""
        return self._path

    def changed(self) -> None:
        """The document has changed: a save is due."""
        self._due.set()

    async def run(self) -> None:
        """Save what becomes due, until ``stop``."""
        wait = SAVE_AFTER
        while not self._stop.is_set():
            await self._due.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), wait)
                return
            self._due.clear()
            if await self.save():
                wait = SAVE_AFTER
            else:
                wait = min(2 * wait, RETRY_AT_MOST)
                self._due.set()

    def stop(self) -> None:
        self._stop.set()
        self._due.set()

    def close(self) -> None:
        """Nothing is said of this document any more."""
        self._problems.clear(self._path, NOT_SAVED)

    async def save(self) -> bool:
        """Write what the file lacks. True once the file holds the document as it was when this was called."""
        async with self.step:
            try:
                await self._save()
            # Whatever a disk or the worker brings about: the document stays as it is, and is tried again.
            except Exception as error:  # noqa: BLE001
                self._failed(error)
                return False
            self._recovered()
            return True

    async def look(self) -> bool:
        """Follow the file where it was moved to, and take in what somebody else wrote to it. Answers whether there is
        still a file."""
        async with self.step:
            try:
                self._follow()
                await self._take_outside()
                self._missed = 0
            except Gone:
                self._missed += 1
                return self._missed < MISSED_LOOKS
            except (NotSettled, _NotKept):
                return True
            except Exception as error:  # noqa: BLE001  as in save(); looked at again in a second
                self._failed(error)
            else:
                self._recovered()
            return True

    async def restore(self, sequence: int, person: str) -> None:
        """Make the document hold what the version *sequence* did, as an edit by *person*. Raises KeyError."""
        async with self.step:
            update = await self._worker.restore(self._key, self._journal.size, sequence)
            if update:
                self._live.apply(update, person)

    async def _save(self) -> None:
        """Also wait for whoever is writing the file at this moment, though not for ever."""
        for _ in range(round(SETTLE_WITHIN / SETTLE_LOOK)):
            try:
                return await self._save_now()
            except NotSettled:
                self._must_compare = True
            await asyncio.sleep(SETTLE_LOOK)
        return await self._save_now()

    async def _save_now(self) -> None:
        await self._take_outside()
        if not self.is_clean:
            await self._write()

    def _check_is_kept(self) -> None:
        if not self._keep_up() or self._live.is_changing:
            raise _NotKept

    async def _write(self) -> None:
        self._check_is_kept()
        revision = self._live.revision
        draft = await self._worker.prepare(self._key, self._journal.size)
        mark = Mark(draft.through, (), draft.digest)
        outside = None
        if draft.is_on_disk:
            self._recorder.note(RecordKind.AGREED, mark)
        else:
            self._recorder.note(RecordKind.SAVING, mark)
            committed = await self._worker.commit(self._key)
            self._recorder.note(RecordKind.SAVED, mark)
            self._stamp, outside = committed.stamp, committed.outside
        self._saved_revision = revision
        if draft.repair:
            self._live.apply(draft.repair, SERVER)
        if outside is not None:  # written between our last look and the save, which put it aside unharmed
            self._merge(outside)
        self._live.set_saved(draft.digest.hex(), is_clean=self.is_clean)

    def _follow(self) -> None:
        """Take notice of a rename. Raises Gone."""
        path = self._whereabouts.path
        if path != self._path:
            self._problems.clear(self._path, NOT_SAVED)
            self._path = path
            self._known_file = self._whereabouts.file
            self._worker.move(self._key, self._known_file)
        self._live.set_path(path)

    async def _take_outside(self) -> None:
        """Raises Gone, NotSettled."""
        stamp = await self._find()
        if stamp == self._stamp and not self._must_compare:
            return
        self._check_is_kept()
        outside = await self._worker.take_outside(self._key, self._journal.size)
        self._must_compare = False
        if outside is None:
            self._stamp = stamp
            return
        self._check_is_kept()  # else its mark would name another edit; the file is compared again
        was_clean = self.is_clean
        self._merge(outside)
        self._stamp = outside.stamp
        if was_clean and outside.kept is None and outside.is_in_file and self._keep_up():
            self._recorder.agree_wholly(outside.digest)
            self._saved_revision = self._live.revision
            self._live.set_saved(outside.digest.hex(), is_clean=True)
        self._log.info("took in a change from outside: %s", self._path)

    async def _find(self) -> Stamp:
        """The file's stamp, wherever the file is now. Raises Gone."""
        try:
            return await asyncio.to_thread(stamp_of, self._whereabouts.file)
        except Gone:
            # Its inode may be another file's by now; only a rename leaves time and size as they were.
            found = await self._worker.find_moved(self._whereabouts.root, self._stamp, SEARCH)
            if found is None or not self._whereabouts.follow(found):
                raise
            self._follow()
            return self._stamp

    def _merge(self, outside: Outside) -> None:
        """Take what came from the file into what people have typed since."""
        if outside.kept is not None:
            self._recorder.keep(outside.kept)
            self._problems.tell(self._path, _NOT_MERGED)
            self._saved_revision = _NEVER
            self._due.set()
            return
        if outside.is_in_file:
            self._recorder.take(outside.mark, outside.update)
        before = self._live.revision
        try:
            if outside.update:
                self._live.apply(outside.update, OUTSIDE)
            if self._live.revision == before:
                self._recorder.agree()
        except BaseException:
            self._recorder.drop()
            raise

    def _recovered(self) -> None:
        self._problems.clear(self._path, NOT_SAVED)
        self._is_failing = False

    def _failed(self, error: Exception) -> None:
        """Say it to everybody, and the first of a row of failures in the log, without what the document holds."""
        reason = _reason(error)
        self._problems.set(self._path, NOT_SAVED, f"This document is not being saved: {reason}.")
        if not self._is_failing:
            self._log.warning("could not save a document", exc_info=error)
        self._is_failing = True


def _reason(error: Exception) -> str:
    match error:
        case OSError(errno=int(number)) if number in _REASONS:
            return _REASONS[number]
        case Gone():
            return "its file is gone"
        case Denied():
            return "the file may not be written"
        case NotSettled():
            return "another program keeps writing the file"
        case _NotKept():
            return "its edits cannot be written down at the moment"
        case _:
            return "an error that the server's log describes"
