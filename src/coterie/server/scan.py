"""Looks through folders for what is likely to hold secrets: by names everywhere, and by content in notebooks.

Runs in a thread beside the server. Folders are entered one by one from an open one, and nothing is opened through a
link: people of the server can change what lies where while it is being looked at.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from coterie.policy.secret_files import SecretKind, is_in_packages, secret_kind
from coterie.server.token_forms import OVERLAP, holds_token

#: Seconds that a scan may take, and the share of them after which names have had their turn and notebooks have theirs.
TIME_LIMIT: Final = 10.0
_NAMES: Final = 0.7

#: How much is told of each kind: many of one do not keep the others from being told.
MAX_OF_KIND: Final = 100

#: How many notebooks are read, and up to which size (bytes).
MAX_NOTEBOOKS: Final = 5000
MAX_NOTEBOOK: Final = 20 * 1024 * 1024

#: How deep folders are entered.
MAX_DEPTH: Final = 100

#: How many levels nearer to the top a hidden folder counts, and what is below it: programs keep secrets in there, as in
#: ``.config/gh``, and huge folders are elsewhere or deeper.
_HIDDEN: Final = 2

#: Bytes that are read and looked through at a time: about two milliseconds.
_PIECE: Final = 64 * 1024

#: After so many seconds of work the thread rests, so that the server has its turn: it shares one interpreter with us.
_WORK: Final = 0.003
_REST: Final = 0.003

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_Parts = tuple[str, ...]


class _Ended(Exception):
    """There is no time for more."""


@dataclass(frozen=True, slots=True)
class Found:
    """*path* is relative to the folder that was looked through, with ``/`` between its names. What stands in a file is
    nowhere."""

    path: str
    kind: SecretKind


class _Place(NamedTuple):
    """Of a file or folder: the open folder that is looked through, and the names from there down."""

    root: int
    parts: _Parts


class Scan:
    """One look through *folders*, and through nothing twice. ``run`` once, in a thread; all else is for whoever waits.

    Of a folder that lies in one before it, paths are relative to the one before it. *without* is a folder that is not
    entered. *clock* is in seconds.
    """

    def __init__(
        self,
        *folders: Path,
        without: Path | None = None,
        within: float = TIME_LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.files = 0  # that have been seen
        self.is_complete = False  # whether it is over and nothing was left out
        self._folders = folders
        self._without = without
        self._clock = clock
        self._within = within
        self._until = 0.0
        self._rest_at = 0.0
        self._is_part = False  # whether anything was left out
        self._told: Counter[SecretKind] = Counter()
        self._untold: deque[Found] = deque()
        self._ahead: list[tuple[int, int, _Place]] = []
        self._order = count()
        self._apart: set[tuple[int, int]] = set()  # folders that are looked through by themselves, or not at all
        self._notebooks: list[_Place] = []
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
        """Look. Names come first, for they take little time; what cannot be read is passed over."""
        begin = self._clock()
        with ExitStack() as open_folders:
            self._begin(open_folders)
            self._look_until(begin + self._within * _NAMES, self._look_at_names)
            self._look_until(begin + self._within, self._look_into_notebooks)
        self.is_complete = not self._is_part

    def _begin(self, open_folders: ExitStack) -> None:
        if self._without is not None:
            with suppress(OSError):  # nothing is there to be left out
                self._apart.add(_identity(os.lstat(self._without)))
        before: list[Path] = []
        for folder in self._folders:
            # What lies in another one is met there. Its path tells that before anything is entered.
            real = Path(os.path.realpath(folder))
            if any(real.is_relative_to(other) for other in before):
                continue
            before.append(real)
            with self._passing_over_errors():
                root = open_folders.enter_context(_opened(str(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
                self._apart.add(_identity(os.fstat(root)))
                self._put_ahead(_Place(root, ()))

    def _look_until(self, until: float, look: Callable[[], None]) -> None:
        self._until = until
        try:
            look()
        except _Ended:
            self._is_part = True

    def _look_at_names(self) -> None:
        """Near the top first, so that neither a huge folder nor a deep one takes the time for what is beside it."""
        while self._ahead:
            self._breathe()
            *_, place = heappop(self._ahead)
            with self._passing_over_errors(), _opened_below(place, _FOLDER) as folder:
                if not place.parts or _identity(os.fstat(folder)) not in self._apart:
                    self._look_at_names_in(folder, place)

    def _look_at_names_in(self, folder: int, place: _Place) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                self._breathe()
                try:  # for each of very many entries: a context would be slow
                    self._take_entry(entry, _Place(place.root, (*place.parts, entry.name)))
                except OSError:
                    self._is_part = True

    def _take_entry(self, entry: os.DirEntry[str], place: _Place) -> None:
        """A link is judged by its own name; pipes and sockets are nothing."""
        is_folder = entry.is_dir(follow_symlinks=False)
        is_file = entry.is_file(follow_symlinks=False)
        if not is_folder and not is_file and not entry.is_symlink():
            return
        self.files += not is_folder
        kind = secret_kind(place.parts)
        if kind is not None:
            self._tell(place, kind)
        elif is_file and _is_notebook(place.parts):
            self._take_notebook(place)
        if is_folder:
            self._put_ahead(place)

    def _take_notebook(self, place: _Place) -> None:
        if len(self._notebooks) == MAX_NOTEBOOKS:
            self._is_part = True
            return
        self._notebooks.append(place)

    def _put_ahead(self, place: _Place) -> None:
        if len(place.parts) > MAX_DEPTH:
            self._is_part = True
            return
        is_hidden = any(name.startswith(".") for name in place.parts)
        level = max(len(place.parts) - _HIDDEN, 0) if is_hidden else len(place.parts)
        heappush(self._ahead, (level, next(self._order), place))

    def _look_into_notebooks(self) -> None:
        for place in self._notebooks:
            self._breathe()
            with self._passing_over_errors(), _opened_below(place, _FILE) as file:
                status = os.fstat(file)
                if stat.S_ISREG(status.st_mode) and self._has_token(file, status.st_size):
                    self._tell(place, SecretKind.IN_NOTEBOOK)

    def _has_token(self, file: int, size: int) -> bool:
        rest, read = b"", 0
        if size > MAX_NOTEBOOK:
            self._is_part = True
            return False
        while piece := os.read(file, _PIECE):
            self._breathe()
            if holds_token(rest + piece, is_first=not read):
                return True
            read += len(piece)
            if read > MAX_NOTEBOOK:  # it grows meanwhile
                self._is_part = True
                return False
            rest = (rest + piece)[-OVERLAP:]
        return False

    def _tell(self, place: _Place, kind: SecretKind) -> None:
        if self._told[kind] == MAX_OF_KIND:
            self._is_part = True
            return
        self._told[kind] += 1
        self._untold.append(Found(_shown(place.parts), kind))

    @contextmanager
    def _passing_over_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self._is_part = True

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
def _opened_below(place: _Place, flags: int) -> Iterator[int]:
    """The open file or folder at *place*, reached without following a link anywhere. Raises OSError."""
    folder = os.dup(place.root)
    try:
        *folders, name = place.parts or (".",)
        for each in folders:
            deeper = os.open(each, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = deeper
        with _opened(name, flags, folder) as opened:
            yield opened
    finally:
        os.close(folder)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
