"""A document's file, through the contents manager and wherever its file id says that it is now."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from jupyter_server.utils import ensure_async

from coterie.server.rooms.names import DocumentName


class FileGone(Exception):
    """No file has this id any more: it was deleted. Never recreated from here."""


class DocumentFile:
    """The errors of the contents manager (tornado's HTTPError, OSError) come through from every method."""

    def __init__(self, name: DocumentName, contents: Any, file_ids: Any) -> None:
        self._name = name
        self._contents = contents
        self._file_ids = file_ids
        self._stamp: tuple[datetime, int | None] | None = None
        self._digest: str | None = None
        self._has_crlf = False

    @property
    def path(self) -> str:
        """Where the file is. Raises FileGone."""
        path = self._file_ids.get_path(self._name.file_id)
        if path is None:
            raise FileGone
        return str(path)

    async def load(self) -> Any:
        """The content, as a document of this type takes it."""
        model = await self._get(content=True, format=self._name.format, type=self._contents_type, require_hash=True)
        content = self._decode(model["content"])
        self._remember(model)
        return content

    async def has_changed(self, *, thoroughly: bool) -> bool:
        """Whether the file is another than the one last loaded or written. *thoroughly* compares what is in it, which
        reads it; otherwise time and size."""
        model = await self._get(content=False, require_hash=thoroughly)
        if thoroughly:
            return bool(model["hash"] != self._digest)
        return _stamp(model) != self._stamp

    async def write(self, content: Any) -> str:
        """Write the file, atomically as far as the contents manager does, and answer its hash."""
        model = {"type": self._contents_type, "format": self._name.format, "content": self._encode(content)}
        await ensure_async(self._contents.save(model, self.path))
        self._remember(written := await self._get(content=False, require_hash=True))
        return str(written["hash"])

    async def _get(self, **options: Any) -> dict[str, Any]:
        model: dict[str, Any] = await ensure_async(self._contents.get(self.path, **options))
        return model

    @property
    def _contents_type(self) -> str:
        return "notebook" if self._name.type == "notebook" else "file"

    def _remember(self, model: dict[str, Any]) -> None:
        self._stamp = _stamp(model)
        self._digest = model["hash"]

    def _decode(self, content: Any) -> Any:
        match self._name.format:
            case "base64":
                return base64.b64decode(content)
            case "text":
                # Editors in the browser know one line ending only; the file gets back the one it had.
                self._has_crlf = "\r\n" in content and "\n" not in content.replace("\r\n", "")
                return content.replace("\r\n", "\n")
            case _:
                return content

    def _encode(self, content: Any) -> Any:
        match self._name.format:
            case "base64":
                return base64.b64encode(content).decode("ascii")
            case "text":
                return content.replace("\n", "\r\n") if self._has_crlf else content
            case _:
                return content


def _stamp(model: dict[str, Any]) -> tuple[datetime, int | None]:
    return model["last_modified"], model["size"]
