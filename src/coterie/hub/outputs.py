"""Notebooks without what running them left behind."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

_NOTEBOOKS = (
    "*.ipynb",
    "*.ipynb~",
    "*.ipynb.~*~",
    "#*.ipynb#",
    "*.ipynb.sw[a-p]",
    "*.ipynb.autosave",
    "*.ipynb.backup",
    "*.ipynb.bak",
    "*.ipynb.orig",
    "*.ipynb.tmp",
)


def may_hold_outputs(name: str) -> bool:
    """Whether a file called *name* is a notebook, or a copy of one that an editor or Jupyter made beside it."""
    return any(fnmatchcase(name.casefold(), pattern) for pattern in _NOTEBOOKS)


def without_outputs(content: bytes) -> bytes | None:
    """The notebook *content* without outputs, execution counts, times of execution and the state of widgets; None for
    what cannot be read as a notebook. An empty file stays one."""
    if not content.strip():
        return content
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        return None
    cells = _cells(notebook)
    if cells is None:
        return None
    for cell in cells:
        _strip(cell)
    if isinstance(notebook.get("metadata"), dict):
        notebook["metadata"].pop("widgets", None)
    return _written(notebook)


def _cells(notebook: Any) -> list[dict[str, Any]] | None:
    """Every cell that runs or has outputs, None for what is no notebook. Until format 3 cells lay in worksheets."""
    if not isinstance(notebook, dict):
        return None
    sheets = notebook.get("worksheets", [])
    if not isinstance(sheets, list) or not {"cells", "worksheets"} & notebook.keys():
        return None
    lists: list[Any] = [part.get("cells", []) if isinstance(part, dict) else None for part in (notebook, *sheets)]
    if not all(isinstance(cells, list) for cells in lists):
        return None
    cells = [cell for cells in lists for cell in cells]
    if not all(isinstance(cell, dict) for cell in cells):
        return None
    return [cell for cell in cells if cell.get("cell_type") == "code" or "outputs" in cell]


def _strip(cell: dict[str, Any]) -> None:
    cell["outputs"] = []
    if "prompt_number" in cell:
        del cell["prompt_number"]
    else:
        cell["execution_count"] = None
    if isinstance(cell.get("metadata"), dict):
        cell["metadata"].pop("execution", None)


def _written(notebook: dict[str, Any]) -> bytes:
    try:
        return f"{json.dumps(notebook, indent=1, ensure_ascii=False)}\n".encode()
    except UnicodeEncodeError:  # half a character, which JSON can only write as an escape
        return f"{json.dumps(notebook, indent=1)}\n".encode()
