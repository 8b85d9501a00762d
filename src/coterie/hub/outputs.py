"""Notebooks without what running them left behind."""

from __future__ import annotations

import json
from typing import Any


def without_outputs(content: bytes) -> bytes:
    """The notebook *content* without outputs, execution counts, times of execution and the state of widgets. Whatever
    cannot be read as a notebook is answered as it is."""
    try:
        notebook = json.loads(content)
        cells = _cells(notebook)
    except (ValueError, RecursionError):
        return content
    if cells is None:
        return content
    for cell in cells:
        _strip(cell)
    if isinstance(notebook.get("metadata"), dict):
        notebook["metadata"].pop("widgets", None)
    return _written(notebook)


def _cells(notebook: Any) -> list[dict[str, Any]] | None:
    """Every cell that runs, None for what is no notebook. Until format 3 cells lay in worksheets."""
    if not isinstance(notebook, dict):
        return None
    if isinstance(notebook.get("cells"), list):
        found = notebook["cells"]
    elif isinstance(notebook.get("worksheets"), list):
        sheets = [sheet for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        found = [cell for sheet in sheets if isinstance(sheet.get("cells"), list) for cell in sheet["cells"]]
    else:
        return None
    return [cell for cell in found if isinstance(cell, dict) and cell.get("cell_type") == "code"]


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
