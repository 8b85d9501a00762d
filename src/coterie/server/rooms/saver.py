"""Keeps a live document and its file in step, in both directions.

Words: the *base* is the document's state when document and file last agreed. What changed in the file since is its
difference from the base, so that it can be merged into what people have typed since.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

from coterie.server.rooms import documents
from coterie.server.rooms.file import DocumentFile
from coterie.server.rooms.frames import EMPTY_UPDATE
from coterie.server.rooms.live import LiveDocument

#: From the first unsaved change to the save that writes it, in seconds. Later changes do not put it off.
SAVE_AFTER: Final = 1.0

#: The longest wait before a failed save is tried again.
RETRY_AT_MOST: Final = 30.0


class Saver:
    """Saves one document. Never writes over a change of the file that the document has not taken in."""

    def __init__(self, live: LiveDocument, file: DocumentFile, base: bytes, log: logging.Logger) -> None:
        self._live = live
        self._file = file
        self._base = base
        self._log = log
        self._saved_revision = live.revision
        self._failing: set[str] = set()
        self._due = asyncio.Event()
        self._stop = asyncio.Event()
        self._step = asyncio.Lock()  # one save or one look at a time: both move base and saved revision

    @property
    def is_clean(self) -> bool:
        """Whether the file holds all that the document does."""
        return self._live.revision == self._saved_revision

    def changed(self) -> None:
        """The document has changed: a save is due."""
        self._due.set()

    async def run(self) -> None:
        """Save what becomes due, until ``stop``; what is unsaved then is saved once more before this returns."""
        wait = SAVE_AFTER
        while not self._stop.is_set():
            await self._due.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), wait)
                break
            self._due.clear()
            if await self.save():
                wait = SAVE_AFTER
            else:
                wait = min(2 * wait, RETRY_AT_MOST)
                self._due.set()
        await self.save()

    def stop(self) -> None:
        self._stop.set()
        self._due.set()

    async def save(self) -> bool:
        """Write what the file lacks. True once the file holds the document as it was when this was called."""
        async with self._step:
            try:
                await self._take_outside_changes(thoroughly=True)
                if not self.is_clean:
                    await self._write()
            # A contents manager may fail in any way at all. The document stays as it is and is tried again.
            except Exception as error:  # noqa: BLE001
                self._failed("save", error)
                return False
            self._failing.discard("save")
            return True

    async def look(self) -> None:
        """Follow a rename of the file, and take in what somebody else wrote to it."""
        async with self._step:
            try:
                self._live.set_path(self._file.path)
                await self._take_outside_changes(thoroughly=False)
            except Exception as error:  # noqa: BLE001  as in save(); looked at again in a second
                self._failed("look at", error)
            else:
                self._failing.discard("look at")

    async def _write(self) -> None:
        while True:
            revision, state = self._live.revision, self._live.state()
            reading = await asyncio.to_thread(documents.read, self._live.kind, state)
            if not await self._file.has_changed(thoroughly=True):
                break
            await self._take_outside_changes(thoroughly=True)
        digest = await self._file.write(reading.content)
        self._base, self._saved_revision = state, revision
        if reading.repair != EMPTY_UPDATE:
            self._live.apply(reading.repair)
        self._live.set_saved(digest, is_clean=self.is_clean)

    async def _take_outside_changes(self, *, thoroughly: bool) -> None:
        if not await self._file.has_changed(thoroughly=thoroughly):
            return
        content = await self._file.load()
        outside = await asyncio.to_thread(documents.difference, self._live.kind, self._base, content)
        was_clean = self.is_clean
        self._live.apply(outside.update)
        self._base = outside.state
        if was_clean:
            self._saved_revision = self._live.revision
            self._live.set_saved(None, is_clean=True)
        self._log.info("took in a change from outside: %s", self._file.path)

    def _failed(self, verb: str, error: Exception) -> None:
        """Say the first of a row of failures, without what the document holds."""
        if verb not in self._failing:
            self._log.warning("could not %s a document's file", verb, exc_info=error)
        self._failing.add(verb)
