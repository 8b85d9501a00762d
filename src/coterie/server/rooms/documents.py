"""Documents as bytes: from a file's content to an update and back.

Pure functions on pycrdt documents of their own, made to run in a worker thread: none touches a live document, so
nothing that people type meanwhile can come in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jupyter_ydoc import YNotebook, ydocs
from pycrdt import Doc, merge_updates

from coterie.server.rooms.frames import EMPTY_UPDATE

#: Always the same author for what was read from disk, so that reading equal content twice gives equal history.
_FROM_DISK = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a document's content is, and the repair that it needed (EMPTY_UPDATE: none)."""

    content: Any
    repair: bytes


@dataclass(frozen=True, slots=True)
class Difference:
    """The *update* that leads from one state to another, and that other *state*, whole."""

    update: bytes
    state: bytes


def build(kind: str, content: Any) -> bytes:
    """The update that makes an empty document hold *content*."""
    doc: Doc[Any] = Doc(client_id=_FROM_DISK)
    ydocs[kind](doc).set(content)
    return doc.get_update()


def read(kind: str, state: bytes) -> Reading:
    """The content of the document whose whole state is *state*.

    jupyter-ydoc gives cells that share an id, as people who copy cells at the same time can bring about, new ids while
    it reads: that is the repair.
    """
    doc: Doc[Any] = Doc()
    document = ydocs[kind](doc)
    doc.apply_update(state)
    changes: list[bytes] = []
    subscription = doc.observe(lambda event: changes.append(event.update))
    content = document.get()
    doc.unobserve(subscription)
    return Reading(content, merge_updates(*changes) if changes else EMPTY_UPDATE)


def difference(kind: str, state: bytes, content: Any) -> Difference:
    """How the document *state* becomes *content*, in small steps where jupyter-ydoc can tell what changed."""
    doc: Doc[Any] = Doc()
    document = ydocs[kind](doc)
    doc.apply_update(state)
    before = doc.get_state()
    if isinstance(document, YNotebook):
        _set_sources(document, content)
    document.set(content)
    return Difference(doc.get_update(before), doc.get_update())


def _set_sources(document: YNotebook, content: dict[str, Any]) -> None:
    """Change texts letter by letter in the cells that stay.

    YNotebook itself would replace them whole, and with them the places of people's cursors.
    """
    wanted = {cell["id"]: cell["source"] for cell in content["cells"] if "id" in cell}
    for index, cell in enumerate(document.ycells):
        source = wanted.get(cell.get("id"))
        if isinstance(source, str):
            document.set_cell(index, source=source)
