"""What the server may ask a worker, and what the answers have to look like. Both sides read by this and nothing else.

Code in the workspace can come between the two: it runs as the same user, and can take a process's descriptors in the
moment before that hides itself. So the server believes of an answer what an Editor could have brought about by writing
to files: what a document holds. Where anything lies, and who did it, an answer does not say.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from coterie.server.rooms.journal.compaction import Keep
from coterie.server.rooms.journal.records import HEADER_SIZE, DamagedJournal
from coterie.server.rooms.journal.versions import Version
from coterie.server.rooms.worker.plain import Malformed, pack, unpack, unpack_all
from coterie.server.rooms.worker.results import (
    Committed,
    Denied,
    Draft,
    Gone,
    NotSettled,
    Opened,
    Outside,
    Source,
    Stamp,
    Unreadable,
)


def _fits(*_: Any) -> bool:
    return True


def _is_within(upto: int | None, arguments: tuple[Any, ...]) -> bool:
    _, asked, _ = arguments
    return upto is None or HEADER_SIZE <= upto <= asked


def _were_asked_for(found: dict[Stamp, Path], arguments: tuple[Any, ...]) -> bool:
    _, stamps, _ = arguments
    return set(found) <= stamps and not any(path.is_absolute() or ".." in path.parts for path in found.values())


@dataclass(frozen=True, slots=True)
class Call:
    """The shapes of the *arguments* and of the *answer*, and whether an answer *fits* the arguments."""

    arguments: tuple[Any, ...]
    answer: Any
    fits: Callable[[Any, tuple[Any, ...]], bool] = _fits


#: By the name of the function in ``process``.
CALLS: Final[dict[str, Call]] = {
    "open_document": Call((Source,), Opened),
    "prepare": Call((Source, int), Draft),
    "commit": Call((Source,), Committed),
    "take_outside": Call((Source, int), Outside | None),
    "restore": Call((Source, int, int), bytes),
    "forget": Call((str,), None),
    "read_version": Call((Path, str, int), bytes),
    "list_versions": Call((Path,), tuple[Version, ...]),
    "compact": Call((Path, int, Keep), int | None, _is_within),
    "find_moved": Call((Path, frozenset[Stamp], float), dict[Stamp, Path], _were_asked_for),
    "be_ready": Call((), None),
}

#: What an answer that is none begins with, by what is raised for it; the text comes with it.
_REFUSALS: Final[dict[str, type[Exception]]] = {
    kind.__name__: kind for kind in (Unreadable, Gone, Denied, NotSettled, DamagedJournal, RuntimeError)
}
_ANSWER: Final = "answer"
_NOT_THERE: Final = "KeyError"
_FAILED: Final = "OSError"

#: The largest number of an error that the system has (linux/err.h).
_MAX_ERRNO: Final = 4095

#: Characters of the longest text of an exception.
_LONGEST_TEXT: Final = 200


def pack_call(call: str, arguments: tuple[Any, ...], rows: list[bytes]) -> Any:
    return [call, pack(arguments, rows)]


def unpack_call(plain: Any, rows: list[bytes]) -> tuple[str, tuple[Any, ...]]:
    """The name and the arguments. Raises Malformed."""
    name, arguments = _pair(plain)
    if name not in CALLS:
        raise Malformed("no call")
    return name, unpack_all(CALLS[name].arguments, arguments, rows)


def pack_answer(result: Any, rows: list[bytes]) -> Any:
    """*result* is a value, or an exception: only its kind, its number and a text of ours go with it."""
    match result:
        case OSError():
            return [_FAILED, result.errno or errno.EIO]
        case KeyError():
            return [_NOT_THERE, None]
        case Exception():
            kinds = (name for name, kind in _REFUSALS.items() if isinstance(result, kind))
            return [next(kinds, RuntimeError.__name__), str(result)]
        case _:
            return [_ANSWER, pack(result, rows)]


def unpack_answer(call: str, arguments: tuple[Any, ...], plain: Any, rows: list[bytes]) -> Any:
    """A value of the shape that answers to this call have, or an exception to be raised. Raises Malformed."""
    word, rest = _pair(plain)
    if word == _ANSWER:
        answer = unpack(CALLS[call].answer, rest, rows)
        if not CALLS[call].fits(answer, arguments):
            raise Malformed("an answer to something else")
        return answer
    if word == _FAILED:
        number = unpack(int, rest, rows)
        if not 0 < number <= _MAX_ERRNO:
            raise Malformed("no number of an error")
        return OSError(number, os.strerror(number))
    if word == _NOT_THERE:
        return KeyError(call)
    if word not in _REFUSALS:
        raise Malformed("no answer")
    text = unpack(str, rest, rows)
    if len(text) > _LONGEST_TEXT or not text.isprintable():  # it goes to the log
        raise Malformed("no text of ours")
    return _REFUSALS[word](text)


def _pair(plain: Any) -> tuple[str, Any]:
    """A word and what belongs to it."""
    if not isinstance(plain, list) or len(plain) != 2 or not isinstance(plain[0], str):
        raise Malformed("no pair")
    return plain[0], plain[1]
