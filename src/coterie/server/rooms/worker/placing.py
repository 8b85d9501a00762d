"""The disk: reading a document's file, and putting another content into its place without losing what was there.

What a document is going to be saved as is first written beside its file, as a *draft*. Then the two change places,
and what came out is looked at: if it is not what was expected, somebody wrote to the file meanwhile, and it stays
beside the file as the *outcast* until it has been merged. Both are hidden files, ``.~NAME.coterie-DIGEST`` (of the
document's key: no two documents share a draft, even where links make one file of theirs) and
``.~NAME.coterie-outside``.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import math
import os
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from coterie.server.rooms.journal.files import sync_folder
from coterie.server.rooms.worker.results import Denied, Gone, NotSettled, Stamp, Unreadable

#: What was changed so short a time ago (seconds) may be in the middle of being written.
JUST_NOW: Final = 0.15

#: Of a file that somebody has open for writing, or that makes no sense as it is, nothing is believed for so long.
QUIET: Final = 2.0

#: Bytes of the largest file that is read. A larger one would fill the memory several times over.
LARGEST: Final = 256 * 1024 * 1024

_RENAME_EXCHANGE: Final = 2
_AT_FDCWD: Final = -100

#: The file system cannot exchange two files.
_CANNOT_EXCHANGE: Final = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)

_HIDDEN: Final = ".~"

#: How many hexadecimal digits tell one document's draft from another's: its name is then as long as the outcast's.
_KEY_DIGITS: Final = 7

#: Nothing may be removed there. Some systems say so even of what is not there.
_CANNOT_REMOVE: Final = (errno.EROFS, errno.EACCES, errno.EPERM)

_BEING_WRITTEN: Final = "Another program is writing the file."


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it was read. *age* is for how many seconds it had been as it is, and *is_open* whether somebody had it
    open for writing."""

    data: bytes
    digest: bytes
    stamp: Stamp
    age: float
    is_open: bool

    @property
    def is_being_written(self) -> bool:
        """Whether somebody is at it, and not only keeps it open."""
        return self.is_open and self.age < QUIET

    def settled(self, *, makes_sense: bool = True) -> Found:
        """Itself. Raises NotSettled if it may be in the middle of being written, which is likelier the less sense it
        makes."""
        if self.is_being_written or self.age < (JUST_NOW if makes_sense else QUIET):
            raise NotSettled(_BEING_WRITTEN)
        return self


class Place:
    """Where the file of the document called *key* is. A link is followed: what it points to is the file."""

    def __init__(self, file: Path, key: str) -> None:
        self.file = Path(os.path.realpath(file))
        of_key = sha256(key.encode()).hexdigest()[:_KEY_DIGITS]
        self.draft = self.file.with_name(f"{_HIDDEN}{self.file.name}.coterie-{of_key}")
        self.outcast = self.file.with_name(f"{_HIDDEN}{self.file.name}.coterie-outside")
        self._written: tuple[int, int] | None = None  # device and inode of the draft

    def read(self) -> Found:
        """Raises Gone, Denied, Unreadable (no regular file, too large), NotSettled (it changed meanwhile), OSError."""
        with _speaking(), open(_open_regular(self.file), "rb") as file:
            before = os.fstat(file.fileno())
            if before.st_size > LARGEST:
                raise Unreadable("The file is too large to be opened as a document.")
            data = file.read()
            after = os.fstat(file.fileno())
            is_open = _is_open_for_writing(file.fileno())
        if _stamp(before) != _stamp(after):
            raise NotSettled(_BEING_WRITTEN)
        return Found(data, digest(data), _stamp(after), _age(after), is_open)

    def stamp(self) -> Stamp:
        """Raises Gone, Denied, OSError."""
        with _speaking():
            return _stamp(self.file.stat())

    def read_outcast(self) -> bytes | None:
        """What was taken out of the file's place and has not been merged. Raises OSError."""
        try:
            return self.outcast.read_bytes()
        except FileNotFoundError:
            return None

    def drop_outcast(self) -> None:
        """Where it may not be removed, it stays. Raises OSError for any other reason."""
        try:
            self.outcast.unlink(missing_ok=True)
        except OSError as error:
            if error.errno not in _CANNOT_REMOVE:
                raise

    def write_draft(self, data: bytes) -> None:
        """Write *data* beside the file, with its owner and mode, and see it to the disk.

        Raises Gone, Denied, OSError; nothing is left of the draft then.
        """
        with _speaking():
            status = self.file.stat()
            if not os.access(self.file, os.W_OK):
                raise PermissionError(errno.EACCES, "not writable")
            self.draft.unlink(missing_ok=True)
            try:
                descriptor = os.open(self.draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    _copy_properties(self.file, status, file.fileno())
                    os.fsync(file.fileno())
                    self._written = _inode(os.fstat(file.fileno()))
            except BaseException:
                self.drop_draft()
                raise

    def drop_draft(self) -> None:
        """One that cannot be removed stays, and does no harm: it is never put into place."""
        self._written = None
        with suppress(OSError):
            self.draft.unlink(missing_ok=True)

    def exchange(self) -> tuple[bytes, Stamp]:
        """Put the draft into the file's place. Answers what was there, which is the outcast now, and the file's stamp.

        Raises Gone if there is no file to be replaced, Denied, NotSettled (also if the draft is not the one that was
        written here), Unreadable and OSError.
        """
        with _speaking():
            with open(_open_regular(self.file), "rb") as file:
                status, is_open = os.fstat(file.fileno()), _is_open_for_writing(file.fileno())
            if is_open and _age(status) < QUIET:
                raise NotSettled(_BEING_WRITTEN)
            # Before it is in place: what is there afterwards may be somebody else's already.
            stamp = self._stamp_of_draft()
            # From here on a file of this name is either what was taken out, or the draft itself.
            self.draft.replace(self.outcast)
            try:
                _exchange(self.outcast, self.file)
            except OSError as error:
                self.outcast.replace(self.draft)
                if error.errno not in _CANNOT_EXCHANGE:
                    raise
                self._replace()
            sync_folder(self.file.parent)
            return self.outcast.read_bytes(), stamp

    def _stamp_of_draft(self) -> Stamp:
        try:
            status = self.draft.lstat()
        except FileNotFoundError:
            status = None
        if status is None or _inode(status) != self._written:
            raise NotSettled("What was prepared is not there any more.")
        return _stamp(status)

    def _replace(self) -> None:
        """The same where files cannot change places. Somebody who writes between two steps is not noticed."""
        try:
            self.outcast.hardlink_to(self.file)
        except OSError:  # no links here either
            self.outcast.write_bytes(self.file.read_bytes())
        self.draft.replace(self.file)


def digest(data: bytes) -> bytes:
    """SHA-256."""
    return sha256(data).digest()


def find_moved(root: Path, stamps: Collection[Stamp], seconds: float) -> dict[Stamp, Path]:
    """The files of these stamps, which moving keeps, searched for below *root* for at most so many seconds.

    All of the stamp counts: the inode of a deleted file is soon another's. Links are not followed, and what is hidden,
    folders too, is passed over.
    """
    deadline = time.monotonic() + seconds
    inodes = {stamp[1] for stamp in stamps}
    found: dict[Stamp, Path] = {}
    folders = [root]
    while folders and len(found) < len(stamps):
        try:
            entries = list(os.scandir(folders.pop(0)))
        except OSError:  # gone meanwhile, or closed to us
            continue
        for entry in entries:
            if time.monotonic() > deadline:
                return found
            if entry.name.startswith("."):
                continue
            stamp = _stamp_of(entry) if entry.inode() in inodes else None
            if stamp is not None and stamp in stamps:
                found.setdefault(stamp, Path(entry.path))
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
    return found


def _stamp_of(entry: os.DirEntry[str]) -> Stamp | None:
    """None for what is no regular file."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    return _stamp(status) if stat.S_ISREG(status.st_mode) else None


def _open_regular(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # nothing is waited for, be it a pipe
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable("Only a file can be opened as a document.")
    return descriptor


@contextmanager
def _speaking() -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Gone("The file is not there any more.") from error
    except PermissionError as error:
        raise Denied("The file or its folder may not be read or written.") from error


def _age(status: os.stat_result) -> float:
    """For how many seconds the file has been as it is. One that was changed in the future has always been."""
    age = time.time() - max(status.st_mtime, status.st_ctime)
    return age if age >= 0 else math.inf


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_open_for_writing(descriptor: int) -> bool:
    """Whether any process on this machine has the file open for writing. False where that cannot be told.

    A lease for reading is refused just then (fcntl(2)). Whoever comes while it is held waits until it is given back.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _copy_properties(original: Path, status: os.stat_result, descriptor: int) -> None:
    """As far as this account may."""
    with suppress(OSError):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    with suppress(OSError):
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
    with suppress(OSError):
        for name in os.listxattr(original):
            os.setxattr(descriptor, name, os.getxattr(original, name))


def _exchange(one: Path, other: Path) -> None:
    """Let two files change places, at no moment of which either is missing (renameat2(2))."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one), None, str(other))
