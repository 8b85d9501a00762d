"""The kinds of document: how the bytes of a file become one, and how one becomes bytes again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pycrdt import Doc, Map, Text

from coterie.server.rooms.worker import cells, notebooks
from coterie.server.rooms.worker.cells import NOTHING_CHANGED, ChangedParts
from coterie.server.rooms.worker.results import Unreadable
from coterie.server.rooms.worker.texts import change_text
from coterie.server.rooms.worker.watching import watch_roots


@dataclass(frozen=True, slots=True)
class Reading:
    """What goes to the file. *is_repaired*: the document does not quite hold it, and ``repair`` makes it so."""

    value: Any
    is_repaired: bool = False


class Kind(Protocol):
    """One kind of document. A *value* is what a file holds, in the form that this kind has for it.

    Methods that take a value or a document raise Unreadable if it is not of this kind.
    """

    def has_crlf(self, data: bytes, /) -> bool:
        """Whether the file's lines end as on Windows, which a value does not tell."""

    def parse(self, data: bytes) -> Any:
        """The value in a file."""

    def write(self, value: Any, has_crlf: bool, /) -> bytes:
        """The file's bytes. The value may be changed on the way."""

    def build(self, doc: Doc[Any], value: Any) -> None:
        """Put *value* into the empty document."""

    def read(self, doc: Doc[Any]) -> Reading:
        """What the document holds."""

    def repair(self, doc: Doc[Any]) -> None:
        """Make the document hold what ``read`` answers."""

    def change(self, doc: Doc[Any], value: Any, since: ChangedParts = NOTHING_CHANGED, /) -> None:
        """Make the document hold *value*, by small steps that can be merged with what was changed *since*."""

    def changed_parts(self, before: Doc[Any], after: Doc[Any], value: Any, /) -> ChangedParts:
        """What *after*, which has come from *before*, no longer has as it was, as far as it matters to *value*."""

    def watch(self, doc: Doc[Any], changed: Callable[[], None]) -> Callable[[], None]:
        """Call *changed* when what goes to the file may have changed, until what this answers is called."""


class Notebooks:
    """Their parts are cells."""

    def has_crlf(self, _data: bytes, /) -> bool:
        return False

    def parse(self, data: bytes) -> Any:
        return notebooks.parse(data)

    def write(self, value: Any, _has_crlf: bool, /) -> bytes:
        return notebooks.write(value)

    def build(self, doc: Doc[Any], value: Any) -> None:
        cells.build(doc, value)

    def read(self, doc: Doc[Any]) -> Reading:
        notebook, renamed = cells.read(doc)
        return Reading(notebook, is_repaired=bool(renamed))

    def repair(self, doc: Doc[Any]) -> None:
        _, renamed = cells.read(doc)
        cells.rename(doc, renamed)

    def change(self, doc: Doc[Any], value: Any, since: ChangedParts = NOTHING_CHANGED, /) -> None:
        cells.change(doc, value, since)

    def changed_parts(self, before: Doc[Any], after: Doc[Any], value: Any, /) -> ChangedParts:
        return cells.changed_cells(before, after, value)

    def watch(self, doc: Doc[Any], changed: Callable[[], None]) -> Callable[[], None]:
        return cells.watch(doc, changed)


class _Whole:
    """Documents that have no parts and need no repair."""

    def repair(self, doc: Doc[Any]) -> None:
        pass

    def changed_parts(self, _before: Doc[Any], _after: Doc[Any], _value: Any, /) -> ChangedParts:
        return NOTHING_CHANGED


class _InText(_Whole):
    """Documents whose files are text in UTF-8.

    Editors in the browser know one end of a line only; the file gets back the one it had.
    """

    def has_crlf(self, data: bytes, /) -> bool:
        return 0 < data.count(b"\n") == data.count(b"\r\n")

    def parse(self, data: bytes) -> Any:
        try:
            return data.decode().replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise Unreadable("The file is not text in UTF-8.") from error

    def write(self, value: Any, has_crlf: bool, /) -> bytes:
        if not isinstance(value, str):
            raise Unreadable("The document is not a text any more.")
        return (value.replace("\n", "\r\n") if has_crlf else value).encode()


class Texts(_InText):
    def build(self, doc: Doc[Any], value: Any) -> None:
        text = _text(doc)
        if value:
            text.insert(0, value)

    def read(self, doc: Doc[Any]) -> Reading:
        return Reading(str(_text(doc)))

    def change(self, doc: Doc[Any], value: Any, _since: ChangedParts = NOTHING_CHANGED, /) -> None:
        with doc.transaction():
            change_text(_text(doc), value)

    def watch(self, doc: Doc[Any], changed: Callable[[], None]) -> Callable[[], None]:
        return watch_roots([_text(doc)], changed)


class Blobs(_Whole):
    """Bytes that are replaced as a whole."""

    def has_crlf(self, _data: bytes, /) -> bool:
        return False

    def parse(self, data: bytes) -> Any:
        return data

    def write(self, value: Any, _has_crlf: bool, /) -> bytes:
        if not isinstance(value, bytes):
            raise Unreadable("The document is not made of bytes any more.")
        return value

    def build(self, doc: Doc[Any], value: Any) -> None:
        _holder(doc)["bytes"] = value

    def read(self, doc: Doc[Any]) -> Reading:
        value = _holder(doc).get("bytes", b"")
        return Reading(bytes(value) if isinstance(value, bytearray) else value)

    def change(self, doc: Doc[Any], value: Any, _since: ChangedParts = NOTHING_CHANGED, /) -> None:
        if self.read(doc).value != value:
            self.build(doc, value)

    def watch(self, doc: Doc[Any], changed: Callable[[], None]) -> Callable[[], None]:
        return watch_roots([_holder(doc)], changed)


class Others(_InText):
    """Kinds that extensions bring to jupyter-ydoc. Nothing is known of them but that their files are text."""

    def __init__(self, name: str) -> None:
        self._name = name

    def build(self, doc: Doc[Any], value: Any) -> None:
        self.change(doc, value)

    def read(self, doc: Doc[Any]) -> Reading:
        return Reading(self._document(doc).get())

    def change(self, doc: Doc[Any], value: Any, _since: ChangedParts = NOTHING_CHANGED, /) -> None:
        document = self._document(doc)  # which cannot be made within a transaction
        with doc.transaction():
            document.set(value)

    def watch(self, doc: Doc[Any], changed: Callable[[], None]) -> Callable[[], None]:
        document = self._document(doc)
        document.observe(lambda target, _: None if target == "state" else changed())
        stop: Callable[[], None] = document.unobserve
        return stop

    def _document(self, doc: Doc[Any]) -> Any:
        from jupyter_ydoc import ydocs  # which loads all of them

        document = ydocs[self._name](doc)
        # Unless it is told of an origin that no transaction has, it keeps all that is ever deleted.
        document.undo_manager.include_origin(self)
        return document


def kind_of(name: str) -> Kind:
    """The kind that jupyter-ydoc calls *name*."""
    match name:
        case "notebook":
            return Notebooks()
        case "file" | "unicode":
            return Texts()
        case "blob":
            return Blobs()
        case _:
            return Others(name)


def _text(doc: Doc[Any]) -> Text:
    text: Text = doc.get("source", type=Text)
    return text


def _holder(doc: Doc[Any]) -> Map[Any]:
    holder: Map[Any] = doc.get("source", type=Map)
    return holder
