"""Other programs at a document's file, which know nothing of any document."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_AT_FDCWD: Final = -100
_EXCHANGE: Final = 2


@dataclass(frozen=True, slots=True)
class Change:
    """What was in the file *before*, and what was there in fact when the change came: a save may have been quicker.

    *is_certain*: the change was in the file at some moment with nothing cut off, so that the server cannot miss it.
    """

    before: str
    replaced: str
    is_certain: bool


def append(path: Path, words: str) -> Change:
    """As ``>>`` does."""
    with path.open("ab", buffering=0) as file:
        file.write(words.encode())
        return Change("", "", is_certain=_is_there(path, file.fileno()))


def rewrite(path: Path, change: Callable[[str], str]) -> Change:
    """In place, as most editors and scripts do: the file is empty for a moment."""
    with path.open("r+b", buffering=0) as file:
        before = file.read().decode()
        after = change(before).encode()
        file.truncate(0)
        file.seek(0)
        file.write(after)
        return Change(before, before, is_certain=_is_there(path, file.fileno()))


def replace(path: Path, change: Callable[[str], str]) -> Change:
    """By another file that takes its place, as git does."""
    before = path.read_text()
    new = path.with_name(f"{path.name}.new")
    new.write_text(change(before))
    # Exchanged instead of renamed, to see what it was that the new file has replaced.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, bytes(new), _AT_FDCWD, bytes(path), _EXCHANGE) != 0:
        raise OSError(ctypes.get_errno(), "cannot exchange files here")
    replaced = new.read_text()
    new.unlink()
    return Change(before, replaced, is_certain=True)


def _is_there(path: Path, handle: int) -> bool:
    """Whether what was written is what stands at *path*; a save may have put another file there meanwhile."""
    return path.exists() and path.stat().st_ino == os.fstat(handle).st_ino
