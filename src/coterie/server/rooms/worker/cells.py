"""Notebooks as shared documents, in the shape that jupyter-ydoc and the front end know.

Roots: ``meta`` (nbformat, nbformat_minor, metadata) and ``cells``, an array of maps. Of a cell the source, the metadata
and the outputs are shared types, and in an output that is a stream the text; all else are plain values.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pycrdt import Array, Doc, Map, Text

from coterie.server.rooms.worker import matching
from coterie.server.rooms.worker.matching import Cell
from coterie.server.rooms.worker.notebooks import FIRST_MINOR_WITH_IDS, FORMAT, PROSE, derived_id, distinct_ids
from coterie.server.rooms.worker.results import Unreadable
from coterie.server.rooms.worker.texts import change_text
from coterie.server.rooms.worker.watching import watch_roots

Notebook = dict[str, Any]

#: A key that no cell has.
_PROBE: Final = "coterie.there"

#: What a cell has in a document and not in a file.
_EXECUTION_STATE: Final = "execution_state"

_NOT_A_NOTEBOOK: Final = "The document is not a notebook any more."


@dataclass(frozen=True, slots=True)
class ChangedParts:
    """Cells, by id: those that people have *changed* (taken out ones among them); those that are *gone*, be it that
    they were taken out or that they were moved, for then another one of the same id stands elsewhere; and those that
    were *taken out*."""

    changed: frozenset[str]
    gone: frozenset[str]
    taken_out: frozenset[str]


NOTHING_CHANGED: Final = ChangedParts(frozenset(), frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class _Counting:
    """The cells of a document that count, with the place of each.

    Not all do: where two people move a cell at the same time there are two of it, and only the first goes to the file.
    """

    cells: list[Cell]
    places: list[int]
    owners: list[int]  # by place: the index of the cell that stands there, or of the one that it is a copy of
    renamed: dict[int, str]  # by place: the id that a cell has in the file and not yet in the document


def build(doc: Doc[Any], notebook: Notebook) -> None:
    """Put *notebook*, as ``notebooks.parse`` gives it, into the empty document."""
    with doc.transaction():
        _, cells = _roots(doc)
        _change_meta(doc, notebook)
        # From the last on, so that each goes to the front: pycrdt walks to any other place from there.
        for index, cell in reversed(list(enumerate(notebook["cells"]))):
            _insert_cell(cells, 0, cell | {"id": cell.get("id") or derived_id("cell", index)})


def read(doc: Doc[Any]) -> tuple[Notebook, dict[int, str]]:
    """What goes to the file, and which cells, by their place, are to get which id for that. Raises Unreadable."""
    meta, found = _meta(doc), _counting(doc)
    minor = _minor(meta)
    if minor < FIRST_MINOR_WITH_IDS:
        for cell in found.cells:
            cell.pop("id", None)
    notebook = {"cells": found.cells, "metadata": meta["metadata"], "nbformat": FORMAT, "nbformat_minor": minor}
    return notebook, found.renamed


def rename(doc: Doc[Any], renamed: dict[int, str]) -> None:
    """Give cells, by their place, other ids."""
    _, cells = _roots(doc)
    with doc.transaction():
        for place, id_ in renamed.items():
            cells[place]["id"] = id_


def cells_by_id(doc: Doc[Any]) -> dict[str, Cell]:
    """The cells that count, by id. Raises Unreadable."""
    return {cell["id"]: cell for cell in _counting(doc).cells}


def changed_cells(before: Doc[Any], after: Doc[Any], notebook: Notebook) -> ChangedParts:
    """What has become of the cells of *before* in *after*, a later state of it; of those that are gone, only which
    *notebook* has otherwise. Raises Unreadable."""
    then, now = cells_by_id(before), cells_by_id(after)
    changed = frozenset(id_ for id_, cell in then.items() if now.get(id_) != cell)
    same = {cell["id"] for cell in notebook["cells"] if (old := then.get(cell.get("id"))) and not _differ(old, cell)}
    asked = then.keys() - same
    gone = asked - _still_there(before, after, asked) if asked else ()
    return ChangedParts(changed, frozenset(gone), frozenset(then.keys() - now.keys()))


def _still_there(before: Doc[Any], after: Doc[Any], ids: set[str]) -> set[str]:
    """Which of the cells of *before* with these ids are in *after*, and not only others of the same ids, as moving a
    cell leaves behind: what is written into them tells."""
    earlier, later = _copy(before), _copy(after)
    _, cells = _roots(earlier)
    written: list[bytes] = []
    subscription = earlier.observe(lambda event: written.append(event.update))
    with earlier.transaction():
        for cell in cells:
            if isinstance(cell, Map) and cell.get("id") in ids:
                cell[_PROBE] = True
    earlier.unobserve(subscription)
    for update in written:
        later.apply_update(update)
    return {cell["id"] for cell in _plain(later, _roots(later)[1]) if _PROBE in cell}


def change(doc: Doc[Any], notebook: Notebook, since: ChangedParts) -> None:
    """Make the document hold *notebook*, by as small steps as can be, to be merged with what was changed *since*.

    A cell in which somebody has typed is neither taken out nor moved. One that somebody has taken out, and that is
    another in *notebook*, is put in anew. One that both have taken out and then brought back is there twice. Raises
    Unreadable.
    """
    before = _counting(doc)
    with doc.transaction():
        _change_meta(doc, notebook)
        _change_cells(doc, before, notebook["cells"], since)


def watch(doc: Doc[Any], changed: Callable[[], None]) -> Callable[[], None]:
    """Call *changed* whenever something that goes to the file may have changed, until what this answers is called."""
    return watch_roots(_roots(doc), changed)


def _roots(doc: Doc[Any]) -> tuple[Map[Any], Array[Any]]:
    return doc.get("meta", type=Map), doc.get("cells", type=Array)


def _copy(doc: Doc[Any]) -> Doc[Any]:
    copy: Doc[Any] = Doc()
    copy.apply_update(doc.get_update())
    return copy


def _plain(doc: Doc[Any], root: Map[Any] | Array[Any]) -> Any:
    """What a root holds, by way of JSON: many times faster than value by value."""
    with doc.transaction() as transaction:
        text = root.integrated.to_json(transaction._txn)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise Unreadable("The document is nested too deeply.") from error


def _meta(doc: Doc[Any]) -> dict[str, Any]:
    meta: dict[str, Any] = _plain(doc, _roots(doc)[0])
    if not isinstance(meta.get("metadata"), dict):
        meta["metadata"] = {}
    return meta


def _minor(meta: dict[str, Any]) -> int:
    minor = meta.get("nbformat_minor")
    return int(minor) if isinstance(minor, int | float) else FIRST_MINOR_WITH_IDS


def _counting(doc: Doc[Any]) -> _Counting:
    counting = _Counting([], [], [], {})
    by_id: dict[str, int] = {}
    for place, cell in enumerate(_plain(doc, _roots(doc)[1])):
        if not isinstance(cell, dict):
            raise Unreadable(_NOT_A_NOTEBOOK)
        _complete(cell)
        index = len(counting.cells)
        if isinstance(id_ := cell.get("id"), str):
            index = by_id.setdefault(id_, index)
        if index == len(counting.cells) or counting.cells[index] != cell:
            index = len(counting.cells)
            counting.cells.append(cell)
            counting.places.append(place)
        counting.owners.append(index)
    ids = distinct_ids([cell.get("id") for cell in counting.cells])
    for place, cell, id_ in zip(counting.places, counting.cells, ids, strict=True):
        if cell.get("id") != id_:
            cell["id"] = counting.renamed[place] = id_
    return counting


def _complete(cell: Cell) -> None:
    """Bring a document's cell into the form that cells have in a file."""
    cell.pop(_EXECUTION_STATE, None)
    if not isinstance(cell.get("metadata"), dict):
        cell["metadata"] = {}
    if cell.get("cell_type") in PROSE and not cell.get("attachments", True):
        del cell["attachments"]


def _change_meta(doc: Doc[Any], notebook: Notebook) -> None:
    meta, _ = _roots(doc)
    before = _meta(doc)
    for key in ("nbformat", "nbformat_minor"):
        if before.get(key) != notebook[key]:
            meta[key] = float(notebook[key])
    shared = meta.get("metadata")
    if isinstance(shared, Map):
        _change_map(shared, before["metadata"], notebook["metadata"])
    else:
        meta["metadata"] = Map(notebook["metadata"])


def _change_map(shared: Map[Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    for key in before.keys() - after.keys():
        del shared[key]
    for key, value in after.items():
        if key not in before or before[key] != value:
            shared[key] = value


# --- Changing them --------------------------------------------------------------------------------------------------


def _change_cells(doc: Doc[Any], before: _Counting, after: list[Cell], since: ChangedParts) -> None:
    _, cells = _roots(doc)
    counterparts = matching.counterparts(before.cells, after)
    in_order = matching.rising([index for index in counterparts if index is not None])
    staying: dict[int, int] = {}  # old index: new index
    for new, old in enumerate(counterparts):
        if old is None:
            continue
        id_ = before.cells[old]["id"]
        if id_ in since.gone and _differ(before.cells[old], after[new]):
            continue
        if id_ in since.changed or (
            old in in_order and before.cells[old].get("cell_type") == after[new].get("cell_type")
        ):
            staying[old] = new
    # Taken hold of before anything moves.
    changing = []
    for old, new in tuple(staying.items()):
        wanted = _wanted(before.cells[old], after[new])
        if before.cells[old] == wanted:
            continue
        shared = cells[before.places[old]]
        if isinstance(shared, Map):
            changing.append((shared, before.cells[old], wanted))
        else:  # a plain value, as no editor makes them: it can only be replaced
            del staying[old]
    unmatched = set(range(len(before.cells))).difference(counterparts)
    typed_in = since.changed - since.taken_out
    order = _take_out(cells, before, {*staying, *(old for old in unmatched if before.cells[old]["id"] in typed_in)})
    for shared, cell, wanted in changing:
        _change_cell(shared, cell, wanted)
    _put_in(cells, order, before.cells, after, counterparts, {old for old in staying if old in in_order})


def _take_out(cells: Array[Any], before: _Counting, staying: set[int]) -> list[int | None]:
    """Take the other cells out. Answers what is left, as indexes into *before*, None for cells that do not count."""
    order: list[int | None] = [None] * len(before.owners)
    for index, place in enumerate(before.places):
        order[place] = index
    end = len(order)
    while end > 0:
        start = end
        while start > 0 and before.owners[start - 1] not in staying:
            start -= 1
        if start < end:
            del cells[start:end]
            del order[start:end]
        end = start - 1
    return order


def _put_in(
    cells: Array[Any],
    order: list[int | None],
    before: list[Cell],
    after: list[Cell],
    counterparts: list[int | None],
    in_order: set[int],
) -> None:
    """Put in the cells that are not there, each behind the one that it follows in *after*."""
    there = {index for index in order if index is not None}
    taken = {before[index]["id"] for index in there}
    at = 0
    for cell, old in zip(after, counterparts, strict=True):
        if old in there:
            if old in in_order:
                at = order.index(old, at) + 1
            continue
        id_ = cell.get("id") or (before[old]["id"] if old is not None else None) or _free_id(cell, taken)
        taken.add(id_)
        _insert_cell(cells, at, cell | {"id": id_})
        order.insert(at, None)
        at += 1


def _free_id(cell: Cell, taken: set[str]) -> str:
    number = 0
    while (id_ := derived_id("new cell", str(cell.get("source")), number)) in taken:
        number += 1
    return id_


def _wanted(before: Cell, after: Cell) -> Cell:
    """What a cell that stays is to be: as trusted as it was where its outputs are the same, and of the same type."""
    if before.get("cell_type") != after.get("cell_type"):
        return before | {"source": after["source"]}
    if after.get("cell_type") != "code" or before.get("outputs") != after.get("outputs"):
        return after
    metadata = {key: value for key, value in after["metadata"].items() if key != "trusted"}
    if after["metadata"].get("trusted"):
        metadata["trusted"] = True
    elif "trusted" in before["metadata"]:
        metadata["trusted"] = before["metadata"]["trusted"]
    return after | {"metadata": metadata}


def _differ(before: Cell, after: Cell) -> bool:
    """Whether another program, in whose file a cell is *after*, has changed it.

    Another id is no change, nor is having none, as before nbformat 4.5; nor is trust, which no file holds: reformatting
    a file that was signed here brings it.
    """
    return _compared(before) != _compared(_wanted(before, after))


def _compared(cell: Cell) -> Cell:
    metadata = {key: value for key, value in cell["metadata"].items() if key != "trusted"}
    return {key: value for key, value in cell.items() if key != "id"} | {"metadata": metadata}


def _change_cell(shared: Map[Any], before: Cell, after: Cell) -> None:
    for key in before.keys() - after.keys() - {"id"}:
        del shared[key]
    for key, value in after.items():
        if key in before and before[key] == value:
            continue
        old = shared.get(key)
        if key == "source":
            _set_text(shared, key, value)
        elif key == "metadata" and isinstance(old, Map):
            _change_map(old, before[key], value)
        elif key == "metadata":
            shared[key] = Map(value)
        elif key == "outputs" and isinstance(old, Array):
            _change_outputs(old, before[key], value)
        elif key == "outputs":
            shared[key] = Array()
            _change_outputs(shared[key], [], value)
        else:
            shared[key] = value


def _set_text(shared: Map[Any], key: str, value: str) -> None:
    old = shared.get(key)
    if isinstance(old, Text):
        change_text(old, value)
    else:
        shared[key] = Text(value)


def _change_outputs(shared: Array[Any], before: list[Any], after: list[Any]) -> None:
    start = 0
    while start < min(len(before), len(after)):
        if before[start] != after[start]:
            if not _is_same_stream(before[start], after[start]):
                break
            _set_text(shared[start], "text", after[start]["text"])
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    if start < len(before) - end:
        del shared[start : len(before) - end]
    with shared.doc.transaction() as transaction:
        for index in range(start, len(after) - end):
            _insert_output(shared.integrated, transaction._txn, index, after[index])


def _is_same_stream(before: Any, after: Any) -> bool:
    return (
        isinstance(before, dict)
        and before.get("output_type") == after.get("output_type") == "stream"
        and isinstance(before.get("text"), str)
        and isinstance(after.get("text"), str)
        and before | {"text": ""} == after | {"text": ""}
    )


# --- Making them ----------------------------------------------------------------------------------------------------
#
# Through what pycrdt's own classes call, in a third of their time: a notebook has ten shared types for every cell.


def _insert_cell(cells: Array[Any], place: int, cell: Cell) -> None:
    with cells.doc.transaction() as transaction:
        core = transaction._txn
        shared = cells.integrated.insert_map_prelim(core, place)
        for key, value in cell.items():
            if key == "source":
                shared.insert_text_prelim(core, key).insert(core, 0, value)
            elif key == "metadata":
                metadata = shared.insert_map_prelim(core, key)
                for name, member in value.items():
                    metadata.insert(core, name, member)
            elif key == "outputs":
                outputs = shared.insert_array_prelim(core, key)
                for index, output in enumerate(value):
                    _insert_output(outputs, core, index, output)
            else:
                shared.insert(core, key, value)
        if cell["cell_type"] == "code":
            shared.insert(core, _EXECUTION_STATE, "idle")


def _insert_output(outputs: Any, core: Any, index: int, output: dict[str, Any]) -> None:
    shared = outputs.insert_map_prelim(core, index)
    is_stream = output.get("output_type") == "stream"
    for key, value in output.items():
        if is_stream and key == "text":
            shared.insert_text_prelim(core, key).insert(core, 0, value)
        else:
            shared.insert(core, key, value)
