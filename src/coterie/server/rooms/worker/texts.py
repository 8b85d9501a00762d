"""Changing a shared text into another one by no more than what differs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from diff_match_patch import diff_match_patch  # type: ignore[import-untyped]
from pycrdt import Text

#: How long a smallest difference may be searched for, in seconds. After it, what is found is right and less small.
_SEARCH: Final = 1.0

_DELETE: Final = -1
_EQUAL: Final = 0
_INSERT: Final = 1


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Delete *deleted* bytes at *at* and insert *inserted* there. All edits before it have been made."""

    at: int
    deleted: int
    inserted: str


def edits(before: str, after: str) -> Iterator[TextEdit]:
    """What leads from one text to the other. Places count UTF-8 bytes, as pycrdt does, and lie between characters."""
    at = deleted = 0
    inserted = ""
    for operation, part in _difference(before, after):
        if operation == _EQUAL:
            if deleted or inserted:
                yield TextEdit(at, deleted, inserted)
            at += _size(inserted) + _size(part)
            deleted, inserted = 0, ""
        elif operation == _DELETE:
            deleted += _size(part)
        else:
            inserted += part
    if deleted or inserted:
        yield TextEdit(at, deleted, inserted)


def change_text(text: Text, after: str) -> None:
    """Make *text*, which is part of a document, hold *after*."""
    before = str(text)
    for edit in edits(before, after):
        # Insertion first: what is typed at that place meanwhile then stands beside it, not within what is deleted.
        if edit.inserted:
            text.insert(edit.at, edit.inserted)
        if edit.deleted:
            start = edit.at + _size(edit.inserted)
            del text[start : start + edit.deleted]


def _difference(before: str, after: str) -> Iterator[tuple[int, str]]:
    """Line by line, and letter by letter only within lines that were replaced: whole lines that came or went are then
    found as such, and merge with other lines at the same place without being torn."""
    matcher = diff_match_patch()
    matcher.Diff_Timeout = _SEARCH
    deadline = time.time() + _SEARCH
    old, new, lines = matcher.diff_linesToChars(before, after)
    found = matcher.diff_main(old, new, False, deadline)
    matcher.diff_charsToLines(found, lines)
    deleted = ""
    for operation, part in [*found, (_EQUAL, "")]:
        if operation == _INSERT and deleted:
            within = matcher.diff_main(deleted, part, False, deadline)
            matcher.diff_cleanupEfficiency(within)
            yield from within
            deleted = ""
            continue
        if deleted:
            yield _DELETE, deleted
            deleted = ""
        if operation == _DELETE:
            deleted = part
        else:
            yield operation, part


def _size(text: str) -> int:
    return len(text.encode())
