"""Opening and making the files of journals, where people may have put something else in their place."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from coterie.server.rooms.journal.records import DamagedHeader

#: What is read or copied at once, in bytes.
CHUNK: Final = 1024 * 1024

#: How the name of a file ends that is going to replace another.
NEW: Final = ".new"


def new_path(path: Path) -> Path:
    """Where a file that is going to replace *path* is made."""
    return path.with_name(path.name + NEW)


def again_path(path: Path) -> Path:
    """The same for what the process that appends to *path* makes, while another may be making ``new_path``."""
    return path.with_name(path.name + ".again" + NEW)


def open_regular(path: Path, flags: int) -> int:
    """A descriptor of the regular file there; links are not followed and nothing is waited for.

    Raises DamagedHeader for anything else than a regular file, and OSError.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        # A link, a folder opened for writing, and a pipe opened for writing that nobody reads.
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise DamagedHeader("only a regular file is a journal") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DamagedHeader("only a regular file is a journal")
    return descriptor


def write_new(path: Path, parts: Iterable[bytes]) -> Path:
    """Write *parts* to ``new_path(path)``, as ``write_file`` does."""
    return write_file(new_path(path), parts)


def write_file(path: Path, parts: Iterable[bytes]) -> Path:
    """Write *parts* to *path*, replacing whatever lies there, and see it to the disk.

    Only the server's own account can read it. Nothing is left of it if this raises.
    """
    path.unlink(missing_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def put_into_place(path: Path) -> None:
    """Let what ``write_new`` wrote take the place of *path*, and see that to the disk."""
    new_path(path).replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """See to the disk which files are in *folder*."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
