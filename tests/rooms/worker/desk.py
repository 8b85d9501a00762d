"""One document and the worker's functions, called directly, by what does what the server does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from pycrdt import Doc

from coterie.server.rooms.journal.journal import Journal
from coterie.server.rooms.journal.records import OUTSIDE, SERVER, Mark, RecordKind, encode_mark
from coterie.server.rooms.worker import process
from coterie.server.rooms.worker.kinds import kind_of
from coterie.server.rooms.worker.results import Committed, Draft, Opened, Outside, Source

LIFE = "0123456789abcdef" * 2


def notebook(*sources: str, **more: Any) -> dict[str, Any]:
    """A notebook whose cells are called cell-0, cell-1 and so on, as JupyterLab would have it."""
    return {
        "cells": [code(f"cell-{number}", source) for number, source in enumerate(sources)],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    } | more


def code(id_: str, source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": id_,
        "cell_type": "code",
        "metadata": {},
        "execution_count": None,
        "outputs": list(outputs),
        "source": source,
    }


def as_bytes(content: dict[str, Any]) -> bytes:
    """The notebook's file."""
    return f"{nbformat.writes(nbformat.from_dict(content))}\n".encode()


class Desk:
    """The document's name decides its kind."""

    def __init__(self, folder: Path, name: str = "a.txt", kind: str = "file") -> None:
        self.folder = folder
        self.file = folder / name
        journals = folder / "journals"
        journals.mkdir(exist_ok=True)
        format_ = {"notebook": "json", "blob": "base64"}.get(kind, "text")
        self.source = Source("key", self.file, kind, format_, journals / "a.journal", LIFE)
        self.kind = kind_of(kind)
        self.journal: Journal | None = None
        self.live: Doc[Any] = Doc()

    def named(self, name: str, kind: str) -> Desk:
        """Be the desk of another file."""
        self.__init__(self.folder, name, kind)  # type: ignore[misc]
        return self

    def open(self) -> Opened:
        opened = process.open_document(self.source)
        self.journal = Journal.open(self.source.journal, size=opened.size, next=opened.next)
        self.live = Doc()
        self.live.apply_update(opened.state)
        return opened

    def crash(self) -> None:
        """The server ends, and the worker with it, wherever they were."""
        if self.journal is not None:
            self.journal.close()
            self.journal = None
        process._mirrors.pop(self.source.key, None)

    @property
    def open_journal(self) -> Journal:
        assert self.journal is not None
        return self.journal

    @property
    def content(self) -> Any:
        """What people see."""
        return self.kind.read(self.live).value

    def type(self, content: Any, person: str = "ann") -> None:
        """Make the document hold *content*, as somebody who types."""
        self.edit(lambda: self.kind.change(self.live, content), person)

    def edit(self, act: Callable[[], None], person: str = "ann") -> None:
        updates: list[bytes] = []
        subscription = self.live.observe(lambda event: updates.append(event.update))
        act()
        self.live.unobserve(subscription)
        self.open_journal.append(*((RecordKind.EDIT, person, update) for update in updates))

    def prepare(self) -> Draft:
        return process.prepare(self.source, self.open_journal.size)

    def save(self) -> Committed | None:
        """None: the file held it already."""
        draft = self.prepare()
        mark = Mark(draft.through, (), draft.digest)
        committed = None
        if draft.is_on_disk:
            self.note(RecordKind.AGREED, mark)
        else:
            self.note(RecordKind.SAVING, mark)
            committed = process.commit(self.source)
            self.note(RecordKind.SAVED, mark)
        if draft.repair:
            self.take(draft.repair, SERVER)
        if committed is not None and committed.outside is not None:
            self.merge(committed.outside)
        return committed

    def look(self) -> Outside | None:
        outside = process.take_outside(self.source, self.open_journal.size)
        if outside is not None:
            self.merge(outside)
        return outside

    def merge(self, outside: Outside) -> None:
        if outside.kept is not None:
            self.open_journal.append((RecordKind.KEPT, OUTSIDE, outside.kept))
            return
        mark = outside.mark
        if not outside.is_in_file:
            self.take(outside.update, OUTSIDE)
        elif outside.update:
            extras = (*mark.extras, self.open_journal.next + 1)
            self.live.apply_update(outside.update)
            self.open_journal.append(
                (RecordKind.AGREED, SERVER, encode_mark(Mark(mark.through, extras, mark.digest))),
                (RecordKind.EDIT, OUTSIDE, outside.update),
            )
        else:
            self.note(RecordKind.AGREED, mark)

    def take(self, update: bytes, person: str) -> None:
        self.live.apply_update(update)
        self.open_journal.append((RecordKind.EDIT, person, update))

    def note(self, kind: RecordKind, mark: Mark) -> None:
        self.open_journal.append((kind, SERVER, encode_mark(mark)))
