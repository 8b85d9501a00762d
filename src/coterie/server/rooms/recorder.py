"""Writes what happens to a document into its journal."""

from __future__ import annotations

from coterie.server.rooms.journal.journal import Journal
from coterie.server.rooms.journal.records import OUTSIDE, SERVER, Mark, RecordKind, encode_mark


class Recorder:
    """Of one document. Every method raises OSError if the journal cannot be written, and then nothing is in it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._taken: tuple[Mark, bytes] | None = None

    def take(self, base: Mark, update: bytes) -> None:
        """The next edit by OUTSIDE comes from *update*, the file's difference from *base*, whose digest is the file's.

        It goes in whole, also what the document had already: people may take out what another program does too, and
        without it nobody could tell later what the file held.
        """
        self._taken = base, update

    def edit(self, person: str, update: bytes) -> None:
        """Add an update.

        In place of one that came from the file goes in what was taken, with the mark that says what the file holds
        since. Read again later, the one without the other would be taken in twice, or lost.
        """
        if person == OUTSIDE and self._taken is not None:
            self.agree()
        else:
            self._journal.append((RecordKind.EDIT, person, update))

    def drop(self) -> None:
        """The announced edit does not come."""
        self._taken = None

    def agree(self) -> None:
        """Note what was taken, if that is not done: the document holds it now, or did so before."""
        if self._taken is None:
            return
        base, update = self._taken
        if update:
            mark = Mark(base.through, (*base.extras, self._journal.next + 1), base.digest)
            self._journal.append((RecordKind.AGREED, SERVER, encode_mark(mark)), (RecordKind.EDIT, OUTSIDE, update))
        else:
            self.note(RecordKind.AGREED, base)
        self._taken = None

    def agree_wholly(self, digest: bytes) -> None:
        """The file of this digest holds all that the document does now."""
        self.note(RecordKind.AGREED, Mark(self._journal.next - 1, (), digest))

    def note(self, kind: RecordKind, mark: Mark) -> None:
        """Add a mark."""
        self._journal.append((kind, SERVER, encode_mark(mark)))

    def keep(self, content: bytes) -> None:
        """Add a file that could not be merged."""
        self._journal.append((RecordKind.KEPT, OUTSIDE, content))
