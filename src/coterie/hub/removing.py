"""Removing a server's folders for good.

What is in them was written by the workspace's people: links are removed and never followed, nothing is too deep, and
folders that lock out their owner are opened.
"""

from __future__ import annotations

import logging
import os
import secrets
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

log = logging.getLogger(__name__)

#: What a folder is called that waits to be removed. No account's folder begins with "+", which quoting takes away.
_GONE = "+gone-"
_sweeping = threading.Lock()


def take_away(folder: Path, *, below: Path) -> None:
    """Make *folder* disappear at once, and have its content removed soon after by a thread of its own. One that is not
    there is fine. Raises OSError where it stays.

    A process that ends before leaves the content in a folder *below*, and the next call removes that too.
    """
    with _absent_is_fine():
        folder.rename(below / f"{_GONE}{secrets.token_hex(8)}")
    threading.Thread(target=sweep, args=(below,), daemon=True).start()


def sweep(below: Path) -> None:
    """Remove everything that waits for it *below*. What cannot be removed is logged and waits for the next time."""
    with _sweeping:
        for folder in below.glob(f"{_GONE}*"):
            try:
                remove(folder)
            except OSError as error:
                log.warning("A deleted workspace's files were left at %s: %s", folder, error)


def remove(path: Path) -> None:
    """Remove *path* and everything in it; one that is not there is fine. Raises OSError for what cannot be removed.

    Folders are moved up and emptied one after the other, so that depth costs nothing.
    """
    with _absent_is_fine():
        if not stat.S_ISDIR(path.lstat().st_mode):
            path.unlink()
            return
        with _opened(str(path), None) as top:
            mark = secrets.token_hex(8)
            fresh_names = (f"{mark}-{number}" for number in count())
            while names := _names(top):
                for name in names:
                    _remove_one(top, name, fresh_names)
        path.rmdir()


def _remove_one(top: int, name: str, fresh_names: Iterator[str]) -> None:
    """Remove the entry *name* of the folder *top*; folders in it are moved into *top* under *fresh_names*."""
    if not _is_folder(name, top):
        os.unlink(name, dir_fd=top)
        return
    with _opened(name, top) as folder:
        for inner in _names(folder):
            if _is_folder(inner, folder):
                with _opened(inner, folder):  # a folder that may not be written in cannot be moved either
                    os.rename(inner, next(fresh_names), src_dir_fd=folder, dst_dir_fd=top)
            else:
                os.unlink(inner, dir_fd=folder)
    os.rmdir(name, dir_fd=top)


def _names(folder: int) -> list[str]:
    return os.listdir(folder)


def _is_folder(name: str, within: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=within, follow_symlinks=False).st_mode)


@contextmanager
def _opened(name: str, within: int | None) -> Iterator[int]:
    """The folder *name*, never through a link, after its owner was given every right to it."""
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=within)
    try:
        # A descriptor that only names a place cannot change modes itself; the link in /proc leads to that very place.
        Path(f"/proc/self/fd/{place}").chmod(stat.S_IRWXU)
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=place)
    finally:
        os.close(place)
    try:
        yield folder
    finally:
        os.close(folder)


@contextmanager
def _absent_is_fine() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        return
