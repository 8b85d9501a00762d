"""The names of rooms, and which kinds of document there are."""

from __future__ import annotations

from dataclasses import dataclass

from jupyter_ydoc import ydocs

#: The room in which the people of a server see each other. It holds no document.
EVERYBODY = "JupyterLab:globalAwareness"

_FORMATS = {"notebook": "json", "blob": "base64"}
_MAX_PART = 200


@dataclass(frozen=True, slots=True)
class DocumentName:
    """``format:type:file-id``: one file, read as one kind of document."""

    format: str
    type: str
    file_id: str

    def __str__(self) -> str:
        return f"{self.format}:{self.type}:{self.file_id}"

    @classmethod
    def parse(cls, text: str) -> DocumentName | None:
        """None for anything but the name of a document that could be opened here."""
        parts = text.split(":")
        if len(parts) != 3 or not all(0 < len(part) <= _MAX_PART for part in parts):
            return None
        name = cls(*parts)
        return name if is_kind(name.format, name.type) else None


def is_kind(format_: object, type_: object) -> bool:
    """Whether documents of this type are known here, and travel in this format."""
    return isinstance(type_, str) and type_ in ydocs and format_ == _FORMATS.get(type_, "text")


def is_plain_path(path: str) -> bool:
    """Whether *path* is written in the one way that the contents API writes it.

    Another spelling of the same file would get a file id of its own, and with it a second room.
    """
    return "\0" not in path and "\\" not in path and all(part not in ("", ".", "..") for part in path.split("/"))
