"""Documents as the worker follows them: what their journals say, and what their files hold.

Words: the *head* is the document as the journal leaves it; the *base* is the state that the file was known to hold
last, given by a mark. What the file holds beyond the base was written from outside; what the head does, by people.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pycrdt import Doc, merge_updates

from coterie.server.rooms.journal.files import open_regular, sync_folder
from coterie.server.rooms.journal.reading import Place as JournalPlace
from coterie.server.rooms.journal.reading import read_header, read_on, records
from coterie.server.rooms.journal.records import HEADER_SIZE, OUTSIDE, UPDATES, Mark, Record, RecordKind, parse_mark
from coterie.server.rooms.worker.cells import NOTHING_CHANGED
from coterie.server.rooms.worker.kinds import kind_of
from coterie.server.rooms.worker.placing import Found, Place, digest
from coterie.server.rooms.worker.results import (
    Committed,
    Draft,
    NotSettled,
    Outside,
    Source,
    Stamp,
    Unreadable,
)

#: What pycrdt makes of a transaction that changed nothing.
_EMPTY: Final = b"\x00\x00"


class Mirror:
    """One document. It reads its journal only up to where it is told to, and never writes it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.kind = kind_of(source.kind)
        self.place = Place(source.file, source.key)
        self.head: Doc[Any] = Doc()
        self.base: Mark | None = None
        #: Marks of saves that were begun after the base, the oldest first: the file may hold any of them.
        self.begun: list[Mark] = []
        #: The digest of a file that was kept without being merged, and that nothing has been saved over since.
        self.kept: bytes | None = None
        self._before_save: Mark | None = None
        self._announced: Mark | None = None
        self._is_outcast_merged = False
        header = read_header(source.journal)
        self._read_to = JournalPlace(header.first, HEADER_SIZE, header.first)
        self._touching: list[int] = []  # the records, since before the last save, that changed what goes to the file
        self._is_touched = False
        self._stop_watching: Callable[[], None] | None = None
        self._has_crlf = False
        self._on_disk: tuple[Stamp, bytes] | None = None
        self._draft: Mark | None = None

    @classmethod
    def resume(cls, source: Source, upto: int) -> Mirror:
        """A mirror of a document that is open: nothing is repaired, and nothing from outside is taken in."""
        mirror = cls(source)
        mirror.follow(upto)
        mirror.recognise(mirror.place.read())
        return mirror

    def close(self) -> None:
        """Let go of the document, and of a draft that nobody is going to commit."""
        if self._stop_watching is not None:
            self._stop_watching()
        self.place.drop_draft()

    def move(self, source: Source) -> None:
        """The file is at another place now."""
        self.place.drop_draft()
        self.source = source
        self.place = Place(source.file, source.key)

    # --- The journal --------------------------------------------------------------------------------------------------

    @property
    def next(self) -> int:
        """The sequence number of the first record that has not been read."""
        return self._read_to.sequence

    def follow(self, upto: int) -> None:
        """Read on in the journal, up to that byte."""
        for record, place in read_on(self.source.journal, self._read_to, upto):
            self._take(record)
            self._read_to = place

    def is_at(self, mark: Mark) -> bool:
        """Whether the head holds what the state of this mark does."""
        return all(sequence <= mark.through or sequence in mark.extras for sequence in self._touching)

    def _take(self, record: Record) -> None:
        announced, self._announced = self._announced, None
        is_from_outside = record.person == OUTSIDE and record.kind in (RecordKind.EDIT, RecordKind.KEPT)
        self._is_outcast_merged = self._is_outcast_merged or is_from_outside
        match record.kind:
            case RecordKind.BASE | RecordKind.EDIT:
                self._apply(record)
                if announced is not None and is_from_outside and record.sequence in announced.extras:
                    self._agree(announced)
            case RecordKind.KEPT:
                self.kept = digest(record.payload)
            case RecordKind.SAVING | RecordKind.SAVED | RecordKind.AGREED:
                mark = parse_mark(record.payload)
                if mark is not None and mark.through < record.sequence:
                    self._take_mark(record, mark)

    def _apply(self, record: Record) -> None:
        self._is_touched = False
        self.head.apply_update(record.payload)
        if self._stop_watching is None:  # from the first record on, which is large, and which nobody asks about
            self._stop_watching = self.kind.watch(self.head, self._touch)
        elif self._is_touched:
            self._touching.append(record.sequence)

    def _touch(self) -> None:
        self._is_touched = True

    def _take_mark(self, record: Record, mark: Mark) -> None:
        if any(extra > record.sequence for extra in mark.extras):
            self._announced = mark  # void unless the record that it names comes next
        elif record.kind is not RecordKind.SAVING:
            self._agree(mark)
        elif mark != self.base:  # otherwise the save that it announced was made here
            self.begun.append(mark)
            self._before_save = self.base
            self._is_outcast_merged = False

    def _agree(self, mark: Mark) -> None:
        self.base = mark
        self.kept = None
        self.begun.clear()
        oldest = self._before_save or mark  # nothing older is ever asked about
        self._touching = [
            sequence for sequence in self._touching if sequence > oldest.through and sequence not in oldest.extras
        ]

    def recognise(self, found: Found) -> bool:
        """Take notice of the file. If it holds a state that is known, make that the base, and answer that it does."""
        self._note(found)
        for mark in (*reversed(self.begun), self.base):
            if mark is not None and mark.digest == found.digest:
                self.base = mark
                return True
        return False

    def state_of(self, mark: Mark | None) -> Doc[Any]:
        """A document of its own that holds the state of *mark*; None stands for the head."""
        doc: Doc[Any] = Doc()
        if mark is None or self.is_at(mark):
            doc.apply_update(self.head.get_update())
            return doc
        last = max((mark.through, *mark.extras))
        for record in records(self.source.journal):
            if record.sequence > last:
                break
            # There is no state older than the one that the journal begins with.
            is_in_it = record.kind is RecordKind.BASE or record.sequence <= mark.through
            if record.kind in UPDATES and (is_in_it or record.sequence in mark.extras):
                doc.apply_update(record.payload)
        return doc

    # --- The file -----------------------------------------------------------------------------------------------------

    def prepare(self) -> Draft:
        """Write what the head holds beside the file. Raises Gone, Denied, NotSettled, Unreadable, OSError."""
        self._draft = None
        if self.unmerged_outcast() is not None:
            raise NotSettled("What another program wrote to the file has not been merged yet.")
        stamp, through = self.place.stamp(), self.next - 1
        if self.base is not None and self.is_at(self.base) and self._on_disk == (stamp, self.base.digest):
            return Draft(self.base.digest, through, is_on_disk=True, repair=b"")
        reading = self.kind.read(self.head)
        data = self.kind.write(reading.value, self._has_crlf)
        mark = Mark(through, (), digest(data))
        is_on_disk = self._on_disk == (stamp, mark.digest)
        if not is_on_disk:
            self.place.write_draft(data)
            self._draft = mark
        return Draft(mark.digest, through, is_on_disk, self._repair() if reading.is_repaired else b"")

    def commit(self) -> Committed:
        """Put into place what was prepared last. Raises Gone, Denied, NotSettled, OSError."""
        draft, self._draft = self._draft, None
        if draft is None:
            raise NotSettled("What was prepared is not there any more.")
        # If the power failed, the file would otherwise hold edits that the journal has lost, and whoever made them
        # would bring them again.
        _sync(self.source.journal)
        before, known = self.base, {draft.digest, self.kept}
        if before is not None:
            known.add(before.digest)
        data, stamp = self.place.exchange()
        self._on_disk = stamp, draft.digest
        self.base, self._before_save, self.kept = draft, before, None
        if digest(data) in known:
            self.place.drop_outcast()
            return Committed(stamp, None)
        self._is_outcast_merged = False
        if self._brings_nothing(data):
            self.place.drop_outcast()
            return Committed(stamp, None)
        return Committed(stamp, self._of_outcast(data, draft, stamp))

    def take_outside(self) -> Outside | None:
        """What the file holds that the document does not. Raises Gone, Denied, NotSettled, OSError."""
        found = self.place.read()
        is_known = self.recognise(found)
        outcast = self.unmerged_outcast(found)
        if is_known and self.base is not None:
            return None if outcast is None else self._of_outcast(outcast, self.base, found.stamp)
        if found.digest == self.kept and outcast is None:
            return None
        return self._of_file(found.settled(), outcast)

    def of_file(self, found: Found, base: Mark | None) -> Outside:
        """What this content of the file means, as a change of the state of *base*. Raises Unreadable."""
        value = self.kind.parse(found.data)
        through, extras = (base.through, base.extras) if base is not None else (self.next - 1, ())
        mark = Mark(through, extras, found.digest)
        return Outside(self._difference(base, value), mark, found.digest, found.stamp, None, is_in_file=True)

    def _of_file(self, found: Found, outcast: bytes | None) -> Outside:
        if not found.data:
            found.settled(makes_sense=False)  # who writes a file anew empties it first
        base = self.base or Mark(self.next - 1, (), found.digest)
        # Changed once more before what had been found there could be merged.
        earlier = self._of_outcast(outcast, base, found.stamp) if outcast is not None else None
        if earlier is not None and earlier.kept is not None:
            return earlier
        try:
            outside = self.of_file(found, self.base)
        except Unreadable:
            found.settled(makes_sense=False)
            if earlier is not None:  # one after the other
                return earlier
            return Outside(b"", base, found.digest, found.stamp, found.data, is_in_file=True)
        if earlier is not None and earlier.update:
            both = merge_updates(outside.update or _EMPTY, earlier.update)
            outside = replace(outside, update=both)
        return outside

    def of_outcast(self, data: bytes) -> bytes:
        """What content that a save took out of the file's place means: an update. Raises Unreadable."""
        return self._difference(self._before_save, self.kind.parse(data))

    def _of_outcast(self, data: bytes, base: Mark, stamp: Stamp) -> Outside:
        """The same where the file, which has this stamp, holds the state of *base*."""
        outside = Outside(b"", base, base.digest, stamp, None, is_in_file=False)
        try:
            return replace(outside, update=self.of_outcast(data))
        except Unreadable:
            return replace(outside, kept=data)

    def unmerged_outcast(self, found: Found | None = None) -> bytes | None:
        """What a save took out of the file's place, if it is something that the journal and the file, as it was
        *found*, lack. Raises OSError."""
        data = self.place.read_outcast()
        if data is None:
            return None
        known = {mark.digest for mark in (self.base, self._before_save, *self.begun) if mark is not None}
        if found is not None:  # as a save leaves it that was cut short where files cannot change places
            known.add(found.digest)
        if self._is_outcast_merged or digest(data) in known or self._brings_nothing(data):
            self.place.drop_outcast()
            return None
        return data

    def _brings_nothing(self, outcast: bytes) -> bool:
        """Whether merging this would change nothing: it says the same in another form, or what the head does anyway.

        It would leave no record that tells that it was merged, and so be waited for by every save.
        """
        try:
            update = self.of_outcast(outcast)
        except Unreadable:
            return False
        doc = self.state_of(None)
        return not update or not _update_of(doc, lambda: doc.apply_update(update))

    def _note(self, found: Found) -> None:
        self._on_disk = found.stamp, found.digest
        self._has_crlf = self.kind.has_crlf(found.data)

    # --- Updates ------------------------------------------------------------------------------------------------------

    def restoring(self, value: Any) -> bytes:
        """The update that leads from the head to *value*."""
        doc = self.state_of(None)
        return _update_of(doc, lambda: self.kind.change(doc, value))

    def _difference(self, base: Mark | None, value: Any) -> bytes:
        """The update that leads from a state to *value*, but takes out no part that people have changed since."""
        doc = self.state_of(base)
        is_at_head = base is None or self.is_at(base)
        since = NOTHING_CHANGED if is_at_head else self.kind.changed_parts(doc, self.head, value)
        return _update_of(doc, lambda: self.kind.change(doc, value, since))

    def _repair(self) -> bytes:
        doc = self.state_of(None)
        return _update_of(doc, lambda: self.kind.repair(doc))


def _update_of(doc: Doc[Any], act: Callable[[], None]) -> bytes:
    """What *act* does to *doc*. b"": nothing."""
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    act()
    doc.unobserve(subscription)
    found = [update for update in updates if update != _EMPTY]
    return merge_updates(*found) if found else b""


def _sync(journal: Path) -> None:
    """See to the disk what anybody has written to the journal."""
    descriptor = open_regular(journal, os.O_RDONLY)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(journal.parent)
