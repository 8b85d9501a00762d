"""Opening documents: journal and file are brought together again, whatever happened since they last agreed."""

from __future__ import annotations

import time
from itertools import chain
from typing import Any, Final
from uuid import uuid4

from pycrdt import Doc

from coterie.server.rooms.journal.files import CHUNK, put_into_place, write_new
from coterie.server.rooms.journal.journal import FIRST, Journal, NewRecord
from coterie.server.rooms.journal.reading import Contents, Repaired, open_journal, repair
from coterie.server.rooms.journal.records import (
    HEADER_SIZE,
    OUTSIDE,
    SERVER,
    Mark,
    RecordKind,
    encode_header,
    encode_mark,
)
from coterie.server.rooms.worker.kinds import kind_of
from coterie.server.rooms.worker.mirror import Mirror
from coterie.server.rooms.worker.placing import Found, Place
from coterie.server.rooms.worker.results import NotSettled, Opened, Outside, Remark, Source, Unreadable

#: For how long somebody who is writing the file is waited for, and how often it is looked at, in seconds.
_PATIENCE: Final = 1.0
_LOOK_EVERY: Final = 0.05

#: How many of the saves that were begun last a file may go on from, if it holds none of them.
_BEGUN_SAVES: Final = 4

#: Always the same author for what a journal begins with.
_FROM_DISK: Final = 0

_CUT: Final = Remark("journal-cut")
_DAMAGED: Final = Remark("journal-damaged")
_MERGED: Final = Remark("outside-merged")
_KEPT: Final = Remark("outside-kept")


def open_document(source: Source) -> tuple[Mirror | None, Opened]:
    """The document, and a mirror of it if one was needed. Nobody else has its journal open.

    Raises Gone, Denied, Unreadable, NotSettled and OSError; the journal is whole then, if there is one.
    """
    place = Place(source.file, source.key)
    found = _read(place)
    place.drop_draft()
    try:
        repaired = repair(source.journal)
    except FileNotFoundError:
        return None, _begin(source, place, found, ())
    if repaired.contents is None:
        return None, _begin(source, place, found, (_DAMAGED,))
    if repaired.kept is not None:
        _renew(source, repaired.contents)
    return _go_on(source, found, repaired, repaired.contents)


def _read(place: Place) -> Found:
    """The file, as soon as nobody is writing it, or as it is after a while of that."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        is_last = time.monotonic() > deadline
        try:
            found = place.read()
        except NotSettled:
            if is_last:
                raise
        else:
            if is_last or not found.is_being_written:
                return found
        time.sleep(_LOOK_EVERY)


def _begin(source: Source, place: Place, found: Found, remarks: tuple[Remark, ...]) -> Opened:
    """Make the document from its file, and a journal of it."""
    kind = kind_of(source.kind)
    doc: Doc[Any] = Doc(client_id=_FROM_DISK)
    kind.build(doc, kind.parse(found.data))
    state = doc.get_update()
    mark = Mark(FIRST, (), found.digest)
    news: list[NewRecord] = [
        (RecordKind.BASE, OUTSIDE, state),
        (RecordKind.SAVED, SERVER, encode_mark(mark)),
    ]
    outcast = place.read_outcast()
    if outcast is not None:  # left behind by a journal that is lost, so there is no telling what to merge it with
        news.append((RecordKind.KEPT, OUTSIDE, outcast))
        remarks = (*remarks, _KEPT)
    journal = Journal.create(source.journal, source.life, *news)
    journal.close()
    place.drop_outcast()
    return Opened(state, journal.life, journal.size, journal.next, found.stamp, found.digest, True, remarks)


def _go_on(source: Source, found: Found, repaired: Repaired, contents: Contents) -> tuple[Mirror, Opened]:
    """Go on where the journal ends, with what the file has become since."""
    remarks = [_DAMAGED if repaired.kept else _CUT] if repaired.cut else []
    mirror = Mirror(source)
    mirror.follow(contents.end)
    news = _missing(mirror, found, remarks, is_cut=repaired.cut > 0)
    journal = Journal.open(source.journal, size=contents.end, next=contents.next)
    try:
        if news:
            journal.append(*news)
            journal.sync_now()
            mirror.follow(journal.size)
            mirror.recognise(found)
            mirror.place.drop_outcast()
    finally:
        journal.close()
    base = mirror.base
    is_saved = base is not None and base.digest == found.digest and mirror.is_at(base)
    state = mirror.head.get_update()
    return mirror, Opened(
        state, journal.life, journal.size, journal.next, found.stamp, found.digest, is_saved, tuple(remarks)
    )


def _renew(source: Source, contents: Contents) -> None:
    """Give the journal another life, of which its records are the beginning.

    Something is missing from it that the file may hold, and that is then taken in from there. A page that has it still
    would bring it once more: such a page is to be loaded anew.
    """
    header = contents.header
    life = source.life if source.life != header.life else uuid4().hex
    with open_journal(source.journal, contents.end) as (file, _, end):
        file.seek(HEADER_SIZE)
        chunks = (file.read(min(CHUNK, end - at)) for at in range(HEADER_SIZE, end, CHUNK))
        write_new(source.journal, chain([encode_header(life, header.first)], chunks))
    put_into_place(source.journal)


def _missing(mirror: Mirror, found: Found, remarks: list[Remark], *, is_cut: bool) -> list[NewRecord]:
    """The records that the journal lacks to say what the file holds."""
    confirmed = mirror.base
    is_known = mirror.recognise(found)
    news: list[NewRecord] = []
    if is_known and mirror.base is not None and mirror.base is not confirmed:
        news.append((RecordKind.SAVED, SERVER, encode_mark(mirror.base)))
    outcast = mirror.unmerged_outcast(found)
    if outcast is not None:
        news.append(_of_outcast(mirror, outcast, remarks))
    if not is_known and found.digest != mirror.kept:
        news += _of_file(mirror, found, mirror.next + len(news), remarks, is_cut=is_cut)
    return news


def _of_outcast(mirror: Mirror, outcast: bytes, remarks: list[Remark]) -> NewRecord:
    """A save was cut short after it had taken somebody else's content out of the file's place."""
    try:
        update = mirror.of_outcast(outcast)
    except Unreadable:
        remarks.append(_KEPT)
        return RecordKind.KEPT, OUTSIDE, outcast
    remarks.append(_MERGED)
    return RecordKind.EDIT, OUTSIDE, update


def _of_file(mirror: Mirror, found: Found, sequence: int, remarks: list[Remark], *, is_cut: bool) -> list[NewRecord]:
    """The mark, to become the record *sequence*, before the edit that it names: alone, it is void."""
    marks: list[Mark | None] = [mirror.base, *mirror.begun[-_BEGUN_SAVES:]]
    if is_cut:  # and marks with it: the file may go on from all that is left
        marks.append(None)
    candidates = [mirror.of_file(found, mark) for mark in marks]
    outside: Outside = min(candidates, key=lambda outside: len(outside.update))
    if not outside.update:
        return [(RecordKind.AGREED, SERVER, encode_mark(outside.mark))]
    remarks.append(_MERGED)
    mark = Mark(outside.mark.through, (*outside.mark.extras, sequence + 1), outside.digest)
    return [(RecordKind.AGREED, SERVER, encode_mark(mark)), (RecordKind.EDIT, OUTSIDE, outside.update)]
