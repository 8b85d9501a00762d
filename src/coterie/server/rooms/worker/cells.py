"""Notebooks as shared documents, in the shape that jupyter-ydoc and the front end know.

Roots: ``meta`` (nbformat, nbformat_minor, metadata) and ``cells``, an array of maps. Of a cell the source, the metadata
and the outputs are shared types, and in an output that is a stream the text; all else are plain values.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from diff_match_patch import diff_match_patch  # type: ignore[import-untyped]
from pycrdt import Array, Doc, Map, Text

from coterie.server.rooms.worker.notebooks import FIRST_MINOR_WITH_IDS, FORMAT, PROSE, derived_id, distinct_ids
from coterie.server.rooms.worker.results import Unreadable
from coterie.server.rooms.worker.texts import change_text
from coterie.server.rooms.worker.watching import watch_roots

Notebook = dict[str, Any]
Cell = dict[str, Any]

#: What a cell has in a document and not in a file.
_EXECUTION_STATE: Final = "execution_state"

#: Cells without ids are compared with each other only where at most so many stand between two that stayed.
_COMPARED: Final = 40

#: From this share of common text on, two cells without ids count as one that was changed.
_ALIKE: Final = 0.6

_NOT_A_NOTEBOOK: Final = "The document is not a notebook any more."


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


def change(doc: Doc[Any], notebook: Notebook, kept: frozenset[str]) -> None:
    """Make the document hold *notebook*, by as small steps as can be.

    The cells with the ids *kept* are neither taken out nor moved: somebody has typed in them. Raises Unreadable.
    """
    before = _counting(doc)
    with doc.transaction():
        _change_meta(doc, notebook)
        _change_cells(doc, before, notebook["cells"], kept)


def watch(doc: Doc[Any], changed: Callable[[], None]) -> Callable[[], None]:
    """Call *changed* whenever something that goes to the file may have changed, until what this answers is called."""
    return watch_roots(_roots(doc), changed)


def _roots(doc: Doc[Any]) -> tuple[Map[Any], Array[Any]]:
    return doc.get("meta", type=Map), doc.get("cells", type=Array)


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


# --- Which cells are which ------------------------------------------------------------------------------------------


def _counterparts(before: list[Cell], after: list[Cell]) -> list[int | None]:
    """For each cell of *after* the index of the one in *before* that it has come from. None: it is new."""
    by_id = {cell["id"]: index for index, cell in enumerate(before)}
    found = [by_id.get(cell["id"]) if "id" in cell else None for cell in after]
    matched = {index for index in found if index is not None}
    olds = [index for index in range(len(before)) if index not in matched]
    news = [index for index, counterpart in enumerate(found) if counterpart is None]
    for old, new in _equal_or_alike(before, olds, after, news):
        found[new] = old
    return found


def _equal_or_alike(
    before: list[Cell], olds: list[int], after: list[Cell], news: list[int]
) -> Iterable[tuple[int, int]]:
    """Pairs of cells that no id connects: equal ones, and in between those that look like the same cell changed."""
    letters: dict[tuple[Any, Any], str] = {}
    old_letters, new_letters = (
        "".join(_letter(letters, cells[index]) for index in indexes)
        for cells, indexes in ((before, olds), (after, news))
    )
    old_at = new_at = old_from = new_from = 0
    for operation, part in diff_match_patch().diff_main(old_letters, new_letters, False):
        if operation != 0:
            old_at += len(part) if operation < 0 else 0
            new_at += len(part) if operation > 0 else 0
            continue
        yield from _alike(before, olds[old_from:old_at], after, news[new_from:new_at])
        yield from zip(olds[old_at : old_at + len(part)], news[new_at : new_at + len(part)], strict=True)
        old_from = old_at = old_at + len(part)
        new_from = new_at = new_at + len(part)
    yield from _alike(before, olds[old_from:], after, news[new_from:])


def _letter(letters: dict[tuple[Any, Any], str], cell: Cell) -> str:
    """A character for each cell that is different from others, so that lists of cells can be compared as texts."""
    number = len(letters)
    return letters.setdefault(_key(cell), chr(number if number < 0xD800 else number + 0x800))


def _key(cell: Cell) -> tuple[Any, Any]:
    return cell.get("cell_type"), json.dumps(cell.get("source"))


def _alike(before: list[Cell], olds: list[int], after: list[Cell], news: list[int]) -> Iterable[tuple[int, int]]:
    if not olds or not news or len(olds) > _COMPARED or len(news) > _COMPARED:
        return
    start = 0
    for new in news:
        if "id" in after[new]:  # then it would have been found by it
            continue
        for index in range(start, len(olds)):
            if _are_alike(before[olds[index]], after[new]):
                yield olds[index], new
                start = index + 1
                break


def _are_alike(one: Cell, other: Cell) -> bool:
    if one.get("cell_type") != other.get("cell_type"):
        return False
    matcher = SequenceMatcher(None, str(one.get("source")), str(other.get("source")), autojunk=False)
    return matcher.real_quick_ratio() >= _ALIKE and matcher.quick_ratio() >= _ALIKE


def _rising(numbers: list[int]) -> set[int]:
    """The longest rising row among different *numbers*: cells that need not move."""
    ends: list[int] = []  # by length of a row: the smallest number that one can end with
    ends_at: list[int] = []  # and its position
    previous: list[int | None] = []
    for position, number in enumerate(numbers):
        length = bisect_left(ends, number)
        previous.append(ends_at[length - 1] if length else None)
        ends[length : length + 1] = [number]
        ends_at[length : length + 1] = [position]
    row = set()
    at = ends_at[-1] if ends_at else None
    while at is not None:
        row.add(numbers[at])
        at = previous[at]
    return row


# --- Changing them --------------------------------------------------------------------------------------------------


def _change_cells(doc: Doc[Any], before: _Counting, after: list[Cell], kept: frozenset[str]) -> None:
    _, cells = _roots(doc)
    counterparts = _counterparts(before.cells, after)
    in_order = _rising([index for index in counterparts if index is not None])
    staying: dict[int, int] = {}  # old index: new index
    for new, old in enumerate(counterparts):
        if old is None:
            continue
        is_kept = before.cells[old]["id"] in kept
        if is_kept or (old in in_order and before.cells[old].get("cell_type") == after[new].get("cell_type")):
            staying[old] = new
    # Taken hold of before anything moves.
    changing = []
    for old, new in staying.items():
        wanted = _wanted(before.cells[old], after[new])
        if before.cells[old] != wanted:
            changing.append((cells[before.places[old]], before.cells[old], wanted))
    order = _take_out(cells, before, {*staying, *(i for i, cell in enumerate(before.cells) if cell["id"] in kept)})
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
