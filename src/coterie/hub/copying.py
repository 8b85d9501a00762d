"""Copying what is in a folder that others can write in at the same moment.

The source is hostile: its people may put a link in the place of a folder while it is copied, so everything is opened
relative to its folder and never through a link. They may also make a file as large or a tree as deep as they like: what
does not exist on the disk (holes) is not written, files are copied only as long as they were when they were opened,
folders more than 200 deep are left out, and a copy that grows beyond its limits ends. The target is nobody's yet.

Words of this module: *parts* are the names from the top of the copied folder down to a file or folder.
"""

from __future__ import annotations

import errno
import math
import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum

from coterie.hub.open_folders import new_file, opened, opened_below

Parts = tuple[str, ...]

_DEPTH_MAX = 200
_CHUNK = 1 << 20
#: Errors that say something of the place to write to, or of this process, and not of a file that is read.
_FATAL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EFBIG}


class Reason(StrEnum):
    """Why something is not in the copy, with the words for one of it and for many."""

    SECRET = "known secret file|known secret files"  # noqa: S105  (no password)
    LINK = "link that leads elsewhere|links that lead elsewhere"
    UNREADABLE = "file that cannot be read|files that cannot be read"
    TOO_DEEP = "folder that lies too deep|folders that lie too deep"
    SPECIAL = "socket or device|sockets or devices"
    OUTPUTS = "notebook whose outputs cannot be removed|notebooks whose outputs cannot be removed"
    PASSWORDS = "file too large to be searched for passwords|files too large to be searched for passwords"

    def of(self, number: int) -> str:
        """For people: ``2 known secret files``."""
        one, many = self.value.split("|")
        return f"{number} {one if number == 1 else many}"


class Limit(StrEnum):
    """What a copy may not have more of."""

    ENTRIES = "entries"
    SIZE = "size"
    TIME = "time"


class LimitExceeded(Exception):
    """The copy was given up, because it went beyond *limit*."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(limit.value)
        self.limit = limit


class Budget:
    """What is left of a copy's limits: how many files and folders it may have, how many bytes (*size*) it may
    write, and how many seconds it may take from now on."""

    def __init__(self, *, entries: float = math.inf, size: float = math.inf, seconds: float = math.inf) -> None:
        self._entries = entries
        self._size = size
        self._end_at = time.monotonic() + seconds

    def spend(self, *, entries: int = 0, size: int = 0) -> None:
        """Take this much out. Raises LimitExceeded where it is not there."""
        self._entries -= entries
        self._size -= size
        if self._entries < 0:
            raise LimitExceeded(Limit.ENTRIES)
        if self._size < 0:
            raise LimitExceeded(Limit.SIZE)
        if time.monotonic() > self._end_at:
            raise LimitExceeded(Limit.TIME)


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the content of a file on the way. One that is larger than *max_bytes*, or for which *apply*
    answers None, is copied as it is, or left out for the reason *else_left_out*."""

    apply: Callable[[bytes], bytes | None]
    max_bytes: int
    else_left_out: Reason | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What is special about a copy. *reason* says why something is left out, None for what is copied; *is_ours* marks
    what is left out without a word; *change* says how a file's content changes, None for not at all; *link* answers
    what a link in the folder *parts* is to lead to, None where it is left out."""

    reason: Callable[[Parts], Reason | None]
    is_ours: Callable[[str], bool]
    change: Callable[[Parts], Change | None]
    link: Callable[[Parts, str], str | None]


@dataclass(slots=True)
class Tally:
    """What was copied so far, and what was left out."""

    files: int = 0
    bytes: int = 0
    left_out: Counter[Reason] = field(default_factory=Counter)


def copy_tree(source: int, target: int, rules: Rules, tally: Tally, budget: Budget, tell: Callable[[], None]) -> None:
    """Copy what is in the open folder *source* into the open folder *target*, which is empty, and the mode and times of
    *source* itself. *tell* is called after each file.

    Raises OSError where *target* cannot be written and LimitExceeded where *budget* is used up, leaving what was
    copied by then; what cannot be read is left out.
    """
    _Copier(target, rules, tally, budget, tell).copy_folder(source, target, ())


class _Copier:
    """One copy of one tree. *root* is the folder that is copied to."""

    def __init__(self, root: int, rules: Rules, tally: Tally, budget: Budget, tell: Callable[[], None]) -> None:
        self._root = root
        self._rules = rules
        self._tally = tally
        self._budget = budget
        self._tell = tell
        self._linked: dict[tuple[int, int], Parts] = {}

    def copy_folder(self, source: int, target: int, parts: Parts) -> None:
        """Copy everything in the open folder *source* into *target*, then *source*'s own mode and times."""
        for name in sorted(os.listdir(source)):
            self._budget.spend(entries=1)
            if self._rules.is_ours(name):
                continue
            inner = (*parts, name)
            reason = self._rules.reason(inner)
            if reason is None:
                with self._only_what_can_be_read():
                    self._copy_entry(source, target, inner)
            else:
                self._tally.left_out[reason] += 1
        _keep_mode_and_times(os.fstat(source), target)

    @contextmanager
    def _only_what_can_be_read(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FATAL:
                raise
            if error.errno != errno.ENOENT:  # removed at this moment: it is not part of the workspace any more
                self._tally.left_out[Reason.UNREADABLE] += 1

    def _copy_entry(self, source: int, target: int, parts: Parts) -> None:
        mode = os.stat(parts[-1], dir_fd=source, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            self._copy_inner_folder(source, target, parts)
        elif stat.S_ISREG(mode):
            self._copy_file(source, target, parts)
        elif stat.S_ISLNK(mode):
            self._copy_link(source, target, parts)
        else:
            self._tally.left_out[Reason.SPECIAL] += 1

    def _copy_inner_folder(self, source: int, target: int, parts: Parts) -> None:
        if len(parts) > _DEPTH_MAX:
            self._tally.left_out[Reason.TOO_DEEP] += 1
            return
        with opened(parts[-1], source) as inner_source:
            os.mkdir(parts[-1], 0o700, dir_fd=target)
            with opened(parts[-1], target) as inner_target:
                self.copy_folder(inner_source, inner_target, parts)

    def _copy_link(self, source: int, target: int, parts: Parts) -> None:
        leads_to = self._rules.link(parts[:-1], os.readlink(parts[-1], dir_fd=source))
        if leads_to is None:
            self._tally.left_out[Reason.LINK] += 1
        else:
            os.symlink(leads_to, parts[-1], dir_fd=target)

    def _copy_file(self, source: int, target: int, parts: Parts) -> None:
        # Not blocking: what was a file a moment ago could be a pipe now.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with _closing(os.open(parts[-1], flags, dir_fd=source)) as original:
            status = os.fstat(original)
            if not stat.S_ISREG(status.st_mode):
                self._tally.left_out[Reason.SPECIAL] += 1
                return
            change = self._rules.change(parts)
            content = _changed(original, status, change)
            if content is not None:
                self._write_content(content, status, target, parts)
            elif change is not None and change.else_left_out is not None:
                self._tally.left_out[change.else_left_out] += 1
                return
            elif not self._link_again(status, target, parts):
                self._write_same(original, status, target, parts)
        self._tally.files += 1
        self._tally.bytes += status.st_size
        self._tell()

    def _write_content(self, content: bytes, status: os.stat_result, target: int, parts: Parts) -> None:
        self._budget.spend(size=len(content))
        with _closing(new_file(parts[-1], target)) as copy:
            _write(copy, content)
            _keep_mode_and_times(status, copy)

    def _link_again(self, status: os.stat_result, target: int, parts: Parts) -> bool:
        """Whether the file is one that was copied already under another name, and now has this one too."""
        key = status.st_dev, status.st_ino
        if status.st_nlink < 2:
            return False
        if key in self._linked:
            *folders, name = self._linked[key]
            with suppress(OSError), opened_below(folders, self._root) as copied:  # too many links: a second copy does
                os.link(name, parts[-1], src_dir_fd=copied, dst_dir_fd=target, follow_symlinks=False)
                return True
        self._linked[key] = parts
        return False

    def _write_same(self, original: int, status: os.stat_result, target: int, parts: Parts) -> None:
        with _closing(new_file(parts[-1], target)) as copy:
            try:
                self._copy_content(original, copy, status.st_size)
            except OSError:
                os.unlink(parts[-1], dir_fd=target)  # half a file is worse than none
                raise
            _keep_mode_and_times(status, copy)

    def _copy_content(self, original: int, copy: int, size: int) -> None:
        for start, end in _written_parts(original, size):
            os.lseek(copy, start, os.SEEK_SET)
            for chunk in _chunks(original, start, end):
                self._budget.spend(size=len(chunk))
                _write(copy, chunk)
        os.ftruncate(copy, min(size, os.fstat(original).st_size))


def _changed(original: int, status: os.stat_result, change: Change | None) -> bytes | None:
    """The content of the open file *original* after *change*, None where there is nothing to change or it cannot be."""
    if change is None or status.st_size > change.max_bytes:
        return None
    return change.apply(b"".join(_chunks(original, 0, status.st_size)))


def _written_parts(file: int, size: int) -> Iterator[tuple[int, int]]:
    """From where to where *file* has content, up to *size*: the rest are holes, which take no space."""
    end = 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
            end = os.lseek(file, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # no content from here on
                return
            raise
        if start < size:
            yield start, min(end, size)


def _chunks(file: int, start: int, end: int) -> Iterator[bytes]:
    while start < end and (chunk := os.pread(file, min(_CHUNK, end - start), start)):
        yield chunk
        start += len(chunk)


def _write(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _keep_mode_and_times(status: os.stat_result, copy: int) -> None:
    os.fchmod(copy, stat.S_IMODE(status.st_mode) & 0o777)
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))


@contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
