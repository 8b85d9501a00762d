"""Where a document's file is, as its file id says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from coterie.server.rooms.worker.results import Gone, Stamp


class Whereabouts:
    """Of one file. *root* is the folder that the contents manager shows; *file_ids* follows what it renames."""

    def __init__(self, file_id: str, root: Path, file_ids: Any) -> None:
        self.root = root
        self._file_id = file_id
        self._file_ids = file_ids

    @property
    def path(self) -> str:
        """As the contents manager writes it. Raises Gone if no file has this id any more: it was deleted."""
        path = self._file_ids.get_path(self._file_id)
        if path is None:
            raise Gone
        return str(path)

    @property
    def file(self) -> Path:
        """Where the file is to be, whether or not it is there. Raises Gone, as ``path`` does."""
        return self.root / self.path

    def follow(self, file: Path) -> bool:
        """The file was found elsewhere. Answers whether it could be followed: not into what is hidden, and not to where
        another document is."""
        path = file.relative_to(self.root).as_posix()
        if any(part.startswith(".") for part in path.split("/")):
            return False
        if self._file_ids.get_id(path) is not None:
            return False
        self._file_ids.move(self.path, path)
        return True


def stamp_of(file: Path) -> Stamp:
    """What tells one state of a file from another without reading it. Raises Gone, OSError."""
    try:
        status = file.stat()
    except FileNotFoundError as error:
        raise Gone from error
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
