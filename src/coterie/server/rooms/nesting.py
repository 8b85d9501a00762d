"""How deep the values in an update are nested. No I/O.

A list in a list in a list takes two bytes each, and pycrdt's core takes a piece of stack for each: an update of a few
hundred kilobytes would end the process. Nothing that deep could be saved either, for a notebook is JSON. The layout is
that of Yjs's update format, version 1, and of lib0's ``any`` encoding (github.com/dmonad/lib0, encoding.js).
"""

from __future__ import annotations

import re
from typing import Final

#: What a document may hold. Python's own reader of JSON gives up at about twice this.
MAX_DEPTH: Final = 400

_GC: Final = 0
_SKIP: Final = 10
_CONTENT: Final = 0x1F
_HAS_ORIGIN: Final = 0x80
_HAS_RIGHT_ORIGIN: Final = 0x40
_HAS_KEY: Final = 0x20
_NAMED_TYPES: Final = (3, 5)  # XML elements and hooks have a name
_LAST_TYPE: Final = 6

_BYTES: Final = 116
_ARRAY: Final = 117
_OBJECT: Final = 118
_TEXT: Final = 119
_WIDTHS: Final = {120: 0, 121: 0, 122: 8, 123: 8, 124: 4, 126: 0, 127: 0}  # booleans, numbers, null, undefined
_INTEGER: Final = 125

#: A list of at least so many values is tried as one of numbers and the like alone, which takes one step.
_LONG: Final = 16
_MAX_SHIFT: Final = 63
_SCALAR: Final = rb"(?:\x7b[\s\S]{8}|\x7d[\x80-\xff]*[\x00-\x7f]|[\x78\x79\x7e\x7f]|\x7c[\s\S]{4}|\x7a[\s\S]{8})"


def is_too_deep(update: bytes) -> bool:
    """Whether a value in *update* is nested deeper than MAX_DEPTH.

    Raises ValueError for bytes that are no update, though not for all such bytes: only what may be deep is looked at
    closely.
    """
    if update.count(_ARRAY) + update.count(_OBJECT) <= MAX_DEPTH:
        return False
    try:
        return _Walk(update).is_too_deep()
    except IndexError:
        raise ValueError("not an update") from None


class _TooDeep(Exception):
    pass


class _Walk:
    """Goes through an update once. IndexError: it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def is_too_deep(self) -> bool:
        try:
            for _ in range(self._number()):
                structs = self._number()
                self._skip_numbers(2)  # the client, and where its clock begins
                for _ in range(structs):
                    self._struct()
        except _TooDeep:
            return True
        return False  # what was deleted follows, which is numbers alone

    def _struct(self) -> None:
        info = self._data[self._at]
        self._at += 1
        content = info & _CONTENT
        if content in (_GC, _SKIP):
            self._number()
            return
        origins = bool(info & _HAS_ORIGIN) + bool(info & _HAS_RIGHT_ORIGIN)
        self._skip_numbers(2 * origins)
        if not origins:
            if self._number() == 1:  # a root, by its name
                self._skip_sized()
            else:
                self._skip_numbers(2)
            if info & _HAS_KEY:
                self._skip_sized()
        self._content(content)

    def _content(self, content: int) -> None:
        match content:
            case 1:  # deleted
                self._number()
            case 2:  # JSON
                for _ in range(self._number()):
                    self._skip_sized()
            case 3 | 4 | 5:  # bytes, text, an embedded value as JSON
                self._skip_sized()
            case 6:  # format
                self._skip_sized()
                self._skip_sized()
            case 7:  # a shared type
                kind = self._number()
                if kind in _NAMED_TYPES:
                    self._skip_sized()
                elif kind > _LAST_TYPE:
                    raise ValueError("not an update")
            case 8:  # any
                self._values(self._number())
            case 9:  # a document in the document
                self._skip_sized()
                self._values(1)
            case _:
                raise ValueError("not an update")

    def _values(self, count: int) -> None:
        """Go through so many values. What is open is kept in a list of our own, and not on the stack."""
        still_open: list[tuple[int, bool]] = []  # how many values are left, and whether each has a name
        left, has_names = count, False
        while True:
            while not left:
                if not still_open:
                    return
                left, has_names = still_open.pop()
            left -= 1
            if has_names:
                self._skip_sized()
            tag = self._data[self._at]
            self._at += 1
            if tag == _INTEGER:
                self._number()
            elif tag in (_TEXT, _BYTES):
                self._skip_sized()
            elif tag in (_ARRAY, _OBJECT):
                still_open.append((left, has_names))
                if len(still_open) > MAX_DEPTH:
                    raise _TooDeep
                left, has_names = self._number(), tag == _OBJECT
                if tag == _ARRAY and self._skip_scalars(left):
                    left = 0
            elif tag in _WIDTHS:
                self._at += _WIDTHS[tag]
            else:
                raise ValueError("not an update")

    def _skip_scalars(self, count: int) -> bool:
        if not _LONG <= count <= len(self._data) - self._at:
            return False
        found = re.compile(_SCALAR + b"{%d}+" % count).match(self._data, self._at)
        if found is None:
            return False
        self._at = found.end()
        return True

    def _skip_numbers(self, count: int) -> None:
        for _ in range(count):
            self._number()

    def _skip_sized(self) -> None:
        size = self._number()
        self._at += size

    def _number(self) -> int:
        value = shift = 0
        while (byte := self._data[self._at]) >= 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > _MAX_SHIFT:
                raise ValueError("not an update")
            self._at += 1
        self._at += 1
        return value | byte << shift
