"""Which cell of a notebook has become which: by id, and where there is none, by what stands in it. No documents."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any, Final

from diff_match_patch import diff_match_patch  # type: ignore[import-untyped]

Cell = dict[str, Any]

#: Cells without ids are compared with each other only where at most so many stand between two that stayed.
_COMPARED: Final = 40

#: From this share of common text on, two cells without ids count as one that was changed.
_ALIKE: Final = 0.6


def counterparts(before: list[Cell], after: list[Cell]) -> list[int | None]:
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


def rising(numbers: list[int]) -> set[int]:
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
