"""Folders that are opened one from another, and what is made in them.

The people of a server may swap whatever lies in its folders for a link, also at the very moment when the Hub works
there, which may be root. So a folder is opened from the one it lies in, never through a link, and is from then on what
its descriptor says and not what its path leads to.

Words of this module: a *name* is that of an entry, never a path; *within* is the open folder that the entry lies in.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress


def open_folder(name: str, within: int | None = None) -> int:
    """A descriptor of the folder *name*; without *within* of one at a path whose folders are nobody's to change. Raises
    OSError, also for a link to a folder."""
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)


@contextmanager
def opened(name: str, within: int | None = None) -> Iterator[int]:
    """The same, open while in the block."""
    descriptor = open_folder(name, within)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def opened_below(names: Iterable[str], within: int) -> Iterator[int]:
    """The folder that one reaches by *names*, one in the other, open while in the block."""
    folder = os.dup(within)
    try:
        for name in names:
            inner = open_folder(name, folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


@contextmanager
def opened_or_made(name: str, within: int, owner: int | None) -> Iterator[int]:
    """The folder *name*, open while in the block. Where there is none it is made, in place of whatever is called so,
    and belongs to *owner* as in ``give``. Raises OSError where somebody gets in between."""
    is_new = not _is_folder(name, within)
    if is_new:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=within)
        os.mkdir(name, 0o755, dir_fd=within)
    with opened(name, within) as descriptor:
        if is_new:
            give(descriptor, owner)
        yield descriptor


def make_fresh_folder(prefix: str, within: int) -> str:
    """Makes a private folder whose name nobody can foresee; answers the name."""
    name = f"{prefix}{secrets.token_hex(8)}"
    os.mkdir(name, 0o700, dir_fd=within)
    return name


def new_file(name: str, within: int, flags: int = 0) -> int:
    """A descriptor to write to, opened with *flags* besides, of the file *name*, which only its owner may read. Raises
    OSError where something is called so."""
    return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | flags, 0o600, dir_fd=within)


def give(descriptor: int, owner: int | None) -> None:
    """Makes the open file or folder one of the user and group *owner*; None: it stays this process's."""
    if owner is not None:
        os.fchown(descriptor, owner, owner)


def owner_of(name: str, within: int) -> int | None:
    """The number of the user whom the entry *name* itself belongs to, also where it is a link; None: there is none."""
    try:
        return os.stat(name, dir_fd=within, follow_symlinks=False).st_uid
    except FileNotFoundError:
        return None


def _is_folder(name: str, within: int) -> bool:
    try:
        os.close(os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
