"""One open document: its room, its journal, and what keeps its file in step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final

from coterie.policy.roles import Role
from coterie.server.access import Access
from coterie.server.rooms.journal.compaction import Keep
from coterie.server.rooms.journal.journal import Journal
from coterie.server.rooms.journal.records import DamagedJournal
from coterie.server.rooms.names import DocumentName
from coterie.server.rooms.problems import Problems
from coterie.server.rooms.recorder import Recorder
from coterie.server.rooms.room import DocumentRoom
from coterie.server.rooms.saver import Saver
from coterie.server.rooms.settings import Settings
from coterie.server.rooms.whereabouts import Whereabouts
from coterie.server.rooms.worker.client import Worker
from coterie.server.rooms.worker.results import Gone, Opened, WorkerError

#: A journal is looked at for what may go soon after its document was opened, or when it is let go of if that is sooner,
#: and after that when it has reached this size (bytes), and whenever it has doubled since.
COMPACT_FROM: Final = 1024 * 1024

#: The longest wait before a disk that has failed is tried again, in seconds.
SYNC_AT_MOST: Final = 30.0

NOT_KEPT: Final = "not-kept"
NOT_ON_DISK: Final = "not-on-disk"

_NOT_KEPT: Final = "Edits to this document are held back: the server cannot write them down. They go out once it can."
_NOT_ON_DISK: Final = "The server's disk reports errors. Should the server lose power now, recent edits could be lost."


class OpenDocument:
    """*journal* is the document's own, opened where *opened* says."""

    def __init__(
        self,
        name: DocumentName,
        whereabouts: Whereabouts,
        opened: Opened,
        journal: Journal,
        worker: Worker,
        settings: Settings,
        problems: Problems,
        log: logging.Logger,
    ) -> None:
        self.name = name
        self.life = opened.life
        self._journal = journal
        self._worker = worker
        self._settings = settings
        self._problems = problems
        self._log = log
        self._empty_since: float | None = None
        self._compact_at = 0
        self._is_compacting = False  # two at once would each count on the journal as it was
        self._withheld_at = ""  # the path under which that was said
        self._in_doubt_at = ""  # the same for what is not on the disk
        self._sync_wait = 0.0  # seconds; none as long as all is well
        self._sync_again_at = 0.0
        self._asked_to_save: list[Callable[[bool], None]] = []
        self._answering: asyncio.Task[None] | None = None
        recorder = Recorder(journal)
        self.room = DocumentRoom(
            opened.state,
            journal=recorder.edit,
            on_change=self._changed,
            on_save=self._answer_save,
            on_withheld=self._withheld,
            log=log,
        )
        self.saver = Saver(
            str(name),
            self.room.live,
            journal,
            recorder,
            worker,
            whereabouts,
            opened,
            self._keep_up,
            problems,
            log,
        )
        self._whereabouts = whereabouts
        self.room.live.set_path(whereabouts.path)
        self._closing: asyncio.Task[None] | None = None
        self.looking: asyncio.Task[None] | None = None  # the last look at the file, which may still be under way
        self._saving = asyncio.create_task(self.saver.run())

    def may_be_given_up_for(self, access: Access) -> bool:
        """Whether somebody with this access may have the file opened as another kind of document.

        Never while anything is unsaved or an editor is in. A Viewer gives way to an editor; for a Viewer nobody does,
        and nothing that an editor who has lost their connection may come back to.
        """
        if not self._is_at_rest or self.room.is_open_to_editors or self.room.live.is_lent:
            return False
        return access.allows(Role.EDITOR) or (self.room.is_empty and not self.room.had_editors)

    def may_be_forgotten(self) -> bool:
        """Whether nobody has been here for as long as a document stays, and nothing is unsaved."""
        if not self.room.is_empty or self.room.live.is_lent:
            self._empty_since = None
            return False
        if self._empty_since is None:
            self._empty_since = monotonic()
        return self._is_at_rest and monotonic() - self._empty_since >= self._settings.forget_after

    @property
    def path(self) -> str:
        """Where the file is, as the contents API writes it and as far as this has followed it."""
        return self.saver.path

    @property
    def file(self) -> Path | None:
        """Where the file should be; None if it was deleted through the contents manager."""
        try:
            return self._whereabouts.file
        except Gone:
            return None

    def retry(self) -> None:
        """Try again to journal what could not be."""
        self._keep_up()

    async def write_through(self) -> None:
        """Take what the journal has to the disk; one that has failed is given time."""
        if monotonic() >= self._sync_again_at:
            await self._sync()

    async def compact(self) -> None:
        """Let go of what the journal need not keep, once it has grown enough for the work to be worth it."""
        if self._journal.size < self._compact_at or self._is_compacting or self._journal.is_in_doubt:
            return
        self._is_compacting = True
        keep = Keep(days=self._settings.keep_days, bytes=self._settings.keep_bytes)
        try:
            compacted = await self._worker.compact(self._journal.path, self._journal.size, keep)
            if compacted is not None:
                async with self.saver.step:  # which count on the size of the journal to mean one place in it
                    if self._closing is None:
                        await self._journal.replace(compacted.path, compacted.upto)
                    else:
                        compacted.path.unlink()
        except (OSError, DamagedJournal, WorkerError, RuntimeError) as error:
            self._log.warning("a journal could not be compacted", exc_info=error)
        finally:
            self._is_compacting = False
        self._compact_at = max(COMPACT_FROM, 2 * self._journal.size)

    async def close(self, *, save: bool = True) -> None:
        """Save what is unsaved, and end. Goes on where the caller is cancelled, and is done once only."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(save=save))
        await asyncio.shield(self._closing)

    async def _close(self, *, save: bool) -> None:
        self.saver.stop()
        await self._saving
        if self._answering is not None:
            await self._answering
        if save:
            await self.saver.save()
        self.saver.close()
        self._problems.clear(self._withheld_at, NOT_KEPT)
        await self._sync()
        self._problems.clear(self._in_doubt_at, NOT_ON_DISK)
        async with self.saver.step:
            self.room.close()
            self._journal.close()
        try:
            await self._worker.forget(str(self.name))
        except (OSError, WorkerError, RuntimeError) as error:
            self._log.warning("a worker could not let go of a document", exc_info=error)

    async def _sync(self) -> None:
        try:
            await self._journal.sync()
        except (OSError, DamagedJournal) as error:
            self._not_on_disk(error)
        else:
            self._sync_wait = 0.0
            self._problems.clear(self._in_doubt_at, NOT_ON_DISK)

    def _not_on_disk(self, error: Exception) -> None:
        if not self._sync_wait:
            self._log.warning("a journal could not be written through", exc_info=error)
        self._sync_wait = min(2 * self._sync_wait or self._settings.sync_seconds, SYNC_AT_MOST)
        self._sync_again_at = monotonic() + self._sync_wait
        if self._closing is not None:  # nothing is said of it any more
            return
        if self._in_doubt_at != self.saver.path:
            self._problems.clear(self._in_doubt_at, NOT_ON_DISK)
            self._in_doubt_at = self.saver.path
        self._problems.set(self._in_doubt_at, NOT_ON_DISK, _NOT_ON_DISK)

    @property
    def _is_at_rest(self) -> bool:
        # A journal that is closed in doubt would be believed when it is opened again.
        return self.saver.is_clean and not self.room.is_withholding and not self._journal.is_in_doubt

    def _keep_up(self) -> bool:
        if self.room.is_withholding and self.room.retry():
            self._problems.clear(self._withheld_at, NOT_KEPT)
            self.saver.changed()
        return not self.room.is_withholding

    def _changed(self) -> None:
        self.saver.changed()

    def _withheld(self, error: OSError | ValueError) -> None:
        self._withheld_at = self.saver.path
        self._problems.set(self._withheld_at, NOT_KEPT, _NOT_KEPT)
        self._log.warning("a journal could not be written", exc_info=error)

    def _answer_save(self, answer: Callable[[bool], None]) -> None:
        self._asked_to_save.append(answer)
        if self._answering is None:
            self._answering = asyncio.create_task(self._answer_saves())

    async def _answer_saves(self) -> None:
        """One save answers all who asked before it began: asking often does not make it happen more often."""
        while self._asked_to_save:
            asked, self._asked_to_save = self._asked_to_save, []
            is_saved = await self.saver.save() and not self.room.is_withholding
            for answer in asked:
                answer(is_saved)
        self._answering = None
