"""Values as plain data and back: what JSON can hold, and rows of bytes beside it.

Whoever reads says of what *shape* the value has to be, and nothing in the data has a say in that. Shapes are types as
annotations have them: None, bool, int, float, str, bytes, Path, datetime, a Literal of words, a dataclass whose fields
are of such shapes, tuples, frozensets and dictionaries of them, and ``X | None``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from coterie.server.rooms.journal.records import Mark, encode_mark, parse_mark

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Malformed(Exception):
    """What came through is not what it has to be. The text quotes nothing of it."""


def pack(value: Any, rows: list[bytes]) -> Any:
    """*value* as plain data, with its bytes added to *rows*. Raises TypeError for what has no such form."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            rows.append(value)
            return len(rows) - 1
        case Path():
            return str(value)
        case datetime():
            return (value - _EPOCH) // _MICROSECOND
        case Mark():
            return pack(encode_mark(value), rows)
        case tuple() | frozenset():
            return [pack(each, rows) for each in value]
        case dict():
            return [[pack(key, rows), pack(each, rows)] for key, each in value.items()]
        case _ if is_dataclass(value):
            return [pack(getattr(value, field.name), rows) for field in fields(value)]
        case _:
            raise TypeError(f"{type(value).__name__} cannot be sent")


def unpack(shape: Any, plain: Any, rows: Sequence[bytes]) -> Any:
    """The value of this *shape* that *plain* and *rows* hold. Raises Malformed if they hold none."""
    try:
        return _unpack(shape, plain, rows)
    except (ValueError, OverflowError) as error:
        raise Malformed(f"no {_name(shape)}") from error


def unpack_all(shapes: Sequence[Any], plain: Any, rows: Sequence[bytes]) -> tuple[Any, ...]:
    """One value of each of these *shapes*. Raises Malformed."""
    try:
        return tuple(_unpack_all(shapes, plain, rows))
    except (ValueError, OverflowError) as error:
        raise Malformed("not these values") from error


def _unpack(shape: Any, plain: Any, rows: Sequence[bytes]) -> Any:
    """Raises Malformed, ValueError and OverflowError."""
    origin, arguments = get_origin(shape), get_args(shape)
    if shape in (None, NoneType):
        return _of_type(NoneType, plain)
    if shape in (bool, int):
        return _of_type(shape, plain)
    if shape is float:
        return float(plain if type(plain) is int else _of_type(float, plain))
    if shape is str:
        _of_type(str, plain).encode()  # halves of characters are none
        return plain
    if shape is bytes:
        return _row(plain, rows)
    if shape is Path:
        return _path(plain)
    if shape is datetime:
        return _EPOCH + _of_type(int, plain) * _MICROSECOND
    if shape is Mark:
        return _mark(_row(plain, rows))
    if is_dataclass(shape):
        return _structure(shape, plain, rows)
    if origin is UnionType:
        (other,) = (argument for argument in arguments if argument is not NoneType)
        return None if plain is None else _unpack(other, plain, rows)
    if origin is Literal:
        if _of_type(str, plain) not in arguments:
            raise Malformed("another word than there are")
        return plain
    if origin is tuple and arguments[1:] != (...,):
        return tuple(_unpack_all(arguments, plain, rows))
    if origin in (tuple, frozenset):
        return origin(_unpack(arguments[0], each, rows) for each in _of_type(list, plain))
    if origin is dict:
        return dict(_unpack_all(arguments, each, rows) for each in _of_type(list, plain))
    raise TypeError(f"{_name(shape)} is no shape")


def _unpack_all(shapes: Sequence[Any], plain: Any, rows: Sequence[bytes]) -> list[Any]:
    """One of each shape."""
    if len(_of_type(list, plain)) != len(shapes):
        raise Malformed("more or fewer values than there have to be")
    return [_unpack(shape, each, rows) for shape, each in zip(shapes, plain, strict=True)]


def _structure(shape: Any, plain: Any, rows: Sequence[bytes]) -> Any:
    return shape(*_unpack_all(_shapes_of_fields(shape), plain, rows))


@cache
def _shapes_of_fields(shape: Any) -> tuple[Any, ...]:
    hints = get_type_hints(shape)
    return tuple(hints[field.name] for field in fields(shape))


def _of_type(type_: type, plain: Any) -> Any:
    """True is no 1 here."""
    if type(plain) is not type_:
        raise Malformed(f"no {type_.__name__}")
    return plain


def _row(plain: Any, rows: Sequence[bytes]) -> bytes:
    number: int = _of_type(int, plain)
    if not 0 <= number < len(rows):
        raise Malformed("no such row of bytes")
    return rows[number]


def _path(plain: Any) -> Path:
    """File names are bytes to the system, so they may hold halves of characters, but no NUL."""
    if b"\0" in os.fsencode(_of_type(str, plain)):
        raise Malformed("no path")
    return Path(plain)


def _mark(data: bytes) -> Mark:
    mark = parse_mark(data)
    if mark is None:
        raise Malformed("no mark")
    encode_mark(mark)  # its numbers are looked at here
    return mark


def _name(shape: Any) -> str:
    return getattr(shape, "__name__", str(shape))
