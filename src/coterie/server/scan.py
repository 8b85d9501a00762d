"""Looks through a folder for what is likely to hold secrets: by names everywhere, and by content in notebooks.

Runs in a thread beside the server. Folders are entered one by one from an open one, and nothing is opened through a
link: people of the server can change what lies where while it is being looked at.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coterie.policy.secret_files import SecretKind, is_in_packages, secret_kind
from coterie.server.token_forms import OVERLAP, holds_token

#: Seconds that a scan may take, and how much it may find.
TIME_LIMIT: Final = 10.0
MAX_FOUND: Final = 500

#: How many notebooks are read, and up to which size (bytes).
MAX_NOTEBOOKS: Final = 5000
MAX_NOTEBOOK: Final = 20 * 1024 * 1024

#: How deep folders are entered.
MAX_DEPTH: Final = 100

#: Bytes that are read and looked through at a time: about two milliseconds.
_PIECE: Final = 64 * 1024

#: After so many seconds of work the thread rests, so that the server has its turn: it shares one interpreter with us.
_WORK: Final = 0.003
_REST: Final = 0.003

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_Parts = tuple[str, ...]


class _Ended(Exception):
    """The scan ends here, incomplete."""


@dataclass(frozen=True, slots=True)
class Found:
    """*path* is relative to the folder, with ``/`` between its names. What stands in a file is nowhere."""

    path: str
    kind: SecretKind


class Scan:
    """One look through *root*. ``run`` once, in a thread; all else is for whoever waits. *clock* is in seconds."""

    def __init__(self, root: Path, *, within: float = TIME_LIMIT, clock: Callable[[], float] = time.monotonic) -> None:
        self.files = 0  # that have been seen
        self.is_complete = False  # whether it is over and nothing was left out
        self._root = root
        self._clock = clock
        self._within = within
        self._until = 0.0
        self._rest_at = 0.0
        self._found = 0
        self._untold: deque[Found] = deque()
        self._notebooks: list[_Parts] = []
        self._stop = threading.Event()

    @property
    def is_stopped(self) -> bool:
        """Whether it was told to stop, or is over."""
        return self._stop.is_set()

    def stop(self) -> None:
        """End soon. Harmless when it is over."""
        self._stop.set()

    def take(self) -> list[Found]:
        """What was found since the last call."""
        found = []
        with suppress(IndexError):
            while True:
                found.append(self._untold.popleft())
        return found

    def run(self) -> None:
        """Look. Names come first, for they take no time; what cannot be read is passed over."""
        self._until = self._clock() + self._within
        with suppress(_Ended, OSError), _opened(str(self._root), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as root:
            self._look_at_names(root, ())
            for parts in self._notebooks:
                self._look_into(root, parts)
            self.is_complete = len(self._notebooks) < MAX_NOTEBOOKS

    def _look_at_names(self, folder: int, parts: _Parts) -> None:
        inside = []
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                self._breathe()
                if self._take_entry(entry, (*parts, entry.name)):
                    inside.append(entry.name)
        if len(parts) >= MAX_DEPTH:
            return
        for name in inside:
            with suppress(OSError), _opened(name, _FOLDER, folder) as deeper:
                self._look_at_names(deeper, (*parts, name))

    def _take_entry(self, entry: os.DirEntry[str], parts: _Parts) -> bool:
        """Whether it is a folder. A link is judged by its own name; pipes and sockets are nothing."""
        try:
            is_folder = entry.is_dir(follow_symlinks=False)
            is_file = entry.is_file(follow_symlinks=False)
            if not is_folder and not is_file and not entry.is_symlink():
                return False
        except OSError:
            return False
        self.files += not is_folder
        kind = secret_kind(parts)
        if kind is not None:
            self._tell(parts, kind)
        elif is_file and _is_notebook(parts) and len(self._notebooks) < MAX_NOTEBOOKS:
            self._notebooks.append(parts)
        return is_folder

    def _look_into(self, root: int, parts: _Parts) -> None:
        with suppress(OSError), _opened_below(root, parts) as file:
            status = os.fstat(file)
            if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_NOTEBOOK and self._has_token(file):
                self._tell(parts, SecretKind.IN_NOTEBOOK)

    def _has_token(self, file: int) -> bool:
        rest, read = b"", 0
        while read <= MAX_NOTEBOOK and (piece := os.read(file, _PIECE)):
            self._breathe()
            if holds_token(rest + piece, is_first=not read):
                return True
            read += len(piece)
            rest = (rest + piece)[-OVERLAP:]
        return False

    def _tell(self, parts: _Parts, kind: SecretKind) -> None:
        if self._found == MAX_FOUND:
            raise _Ended
        self._found += 1
        self._untold.append(Found(_shown(parts), kind))

    def _breathe(self) -> None:
        now = self._clock()
        if self._stop.is_set() or now >= self._until:
            raise _Ended
        if now >= self._rest_at:
            time.sleep(_REST)
            self._rest_at = self._clock() + _WORK


def _is_notebook(parts: _Parts) -> bool:
    return parts[-1].casefold().endswith(".ipynb") and not is_in_packages(parts)


def _shown(parts: Sequence[str]) -> str:
    """The path as text. Bytes that are none become replacement characters."""
    return "/".join(parts).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@contextmanager
def _opened(name: str, flags: int, folder: int | None = None) -> Iterator[int]:
    """The open file or folder *name* in the open *folder*. Raises OSError."""
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _opened_below(root: int, parts: _Parts) -> Iterator[int]:
    """The open file at *parts*, reached without following a link anywhere. Raises OSError."""
    *folders, name = parts
    folder = os.dup(root)
    try:
        for each in folders:
            deeper = os.open(each, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = deeper
        with _opened(name, _FILE, folder) as file:
            yield file
    finally:
        os.close(folder)
