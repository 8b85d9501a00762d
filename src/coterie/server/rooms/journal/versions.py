"""What a document's history looks like to people: hours of small edits as a few versions. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from coterie.server.rooms.journal.records import OUTSIDE, SERVER, Outline, RecordKind

#: A version ends where nobody does anything for so long.
PAUSE: Final = timedelta(minutes=5)

#: A version of steady work ends after so long.
STRETCH: Final = timedelta(minutes=10)

Origin = Literal["edit", "outside", "kept"]


@dataclass(frozen=True, slots=True)
class Version:
    """The document as it was after the record *sequence*, which is also the version's id.

    *origin* says whether people made it, whether it came from the file, or whether it is a file's bytes that could not
    be merged and are only kept. *people* are the ids of who edited, in the order of their first edit; *bytes* is the
    length of the updates in it.
    """

    sequence: int
    since: datetime
    until: datetime
    people: tuple[str, ...]
    origin: Origin
    bytes: int


def versions(outlines: Iterable[Outline]) -> tuple[Version, ...]:
    """The versions that these records make up, oldest first.

    What the server did belongs to the version that it happened in, and never makes one or keeps one going.
    """
    found: list[_Growing] = []
    for outline in outlines:
        origin = _origin(outline)
        if origin is None:
            continue
        current = found[-1] if found else None
        if outline.person == SERVER and origin == "edit":
            if current is not None and current.origin != "kept":
                current.carry(outline)
        elif current is not None and current.goes_on_with(outline, origin):
            current.take(outline)
        else:
            found.append(_Growing(outline, origin))
    return tuple(growing.version() for growing in found)


class _Growing:
    """A version that records are still being added to."""

    def __init__(self, outline: Outline, origin: Origin) -> None:
        self.origin = origin
        self._is_single = outline.kind is not RecordKind.EDIT
        self._sequence = outline.sequence
        self._since = self._until = outline.time
        self._people: dict[str, None] = {}
        self._bytes = 0
        self.take(outline)

    def goes_on_with(self, outline: Outline, origin: Origin) -> bool:
        return (
            origin == self.origin
            and not self._is_single
            and outline.kind is RecordKind.EDIT
            and outline.time - self._until < PAUSE
            and outline.time - self._since < STRETCH
        )

    def take(self, outline: Outline) -> None:
        self.carry(outline)
        self._until = max(self._until, outline.time)  # a clock may be set back
        if outline.person not in (OUTSIDE, SERVER):
            self._people[outline.person] = None

    def carry(self, outline: Outline) -> None:
        self._sequence = outline.sequence
        self._bytes += outline.size

    def version(self) -> Version:
        return Version(self._sequence, self._since, self._until, tuple(self._people), self.origin, self._bytes)


def _origin(outline: Outline) -> Origin | None:
    """None for marks, which change nothing."""
    match outline.kind:
        case RecordKind.BASE:
            return "outside"
        case RecordKind.EDIT:
            return "outside" if outline.person == OUTSIDE else "edit"
        case RecordKind.KEPT:
            return "kept"
        case _:
            return None
