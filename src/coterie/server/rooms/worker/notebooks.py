"""Notebooks as bytes and as plain values, read and written just as Jupyter's file contents manager does."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final
from uuid import UUID, uuid5

from coterie.server.rooms.worker import trust
from coterie.server.rooms.worker.results import Unreadable

#: The only format that documents have.
FORMAT: Final = 4

#: From this minor version on, cells have ids in the file.
FIRST_MINOR_WITH_IDS: Final = 5

#: Types of cells to which pictures can be attached.
PROSE: Final = ("markdown", "raw")

#: What stands in a file in several lines, beside text/*.
_TYPES_IN_LINES: Final = ("application/javascript", "image/svg+xml")

#: A whole number beyond this is not the same number for a browser, and beyond 64 bits pycrdt takes none.
_LARGEST: Final = 2**53

#: How JSON writes halves of characters that are only one in UTF-16.
_SURROGATES: Final = (b"\\ud", b"\\uD")

#: Ids made here are the same for the same cell each time, so that reading twice gives the same document.
_IDS: Final = UUID("4f0c1a3e-7b1d-4b0e-9a57-3d5a2f6c8e91")

_NOT_A_NOTEBOOK: Final = "The file is not a notebook."
_TOO_DEEP: Final = "The notebook is nested too deeply."


def parse(data: bytes) -> dict[str, Any]:
    """The notebook that a file holds: of format 4, lines joined, every code cell marked as trusted or not.

    It is completed as the front end needs it: a kernelspec, a language_info, and at least one cell. Where the format
    gives cells ids, all have one, and no two the same. Raises Unreadable.
    """
    try:
        notebook = json.loads(data, parse_int=_whole_number)
        if notebook.get("nbformat", 1) != FORMAT:
            notebook = _upgraded(data)
        if any(start in data for start in _SURROGATES):
            notebook = _with_whole_characters(notebook)
        _join_lines(notebook)
        _strip(notebook)
        notebook["nbformat_minor"] = int(notebook.get("nbformat_minor", 0))
    except RecursionError as error:
        raise Unreadable(_TOO_DEEP) from error
    # Whatever else goes wrong: something is not there, or is not what it has to be in a notebook.
    except Exception as error:
        raise Unreadable(_NOT_A_NOTEBOOK) from error
    _mark_trust(notebook)
    return _completed(notebook)


def write(notebook: dict[str, Any]) -> bytes:
    """The file's bytes. *notebook* is changed on the way, and signed if all in it is trusted. Raises Unreadable."""
    is_trusted = all(trust.is_cell_trusted(cell) for cell in notebook["cells"] if cell.get("cell_type") == "code")
    try:
        _strip(notebook)
        if is_trusted:
            trust.sign(notebook)
        _split_lines(notebook)
        text = json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True, separators=(",", ": "))
    except RecursionError as error:
        raise Unreadable(_TOO_DEEP) from error
    return f"{text}\n".encode()


def derived_id(*parts: str | int) -> str:
    """An id for a cell, the same for the same *parts*."""
    return str(uuid5(_IDS, json.dumps(parts)))


def _upgraded(data: bytes) -> Any:
    import nbformat  # takes its time to load, and notebooks of older formats are rare

    # Through JSON, so that what is left are plain values.
    upgraded = nbformat.reads(data.decode(), as_version=FORMAT)  # type: ignore[no-untyped-call]
    notebook = json.loads(json.dumps(upgraded), parse_int=_whole_number)
    for cell in notebook["cells"]:
        cell.pop("id", None)  # nbformat's are others each time
    return notebook


def _whole_number(digits: str) -> int | float:
    number = int(digits)
    return number if abs(number) <= _LARGEST else float(number)


def _with_whole_characters(value: Any) -> Any:
    """Without the halves of characters that JSON can hold and texts cannot."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {_with_whole_characters(key): _with_whole_characters(member) for key, member in value.items()}
        case list():
            return [_with_whole_characters(element) for element in value]
        case _:
            return value


def _join_lines(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        cell["source"] = _joined(cell["source"])
        for bundle in cell.get("attachments", {}).values():
            _join_bundle(bundle)
        if cell["cell_type"] != "code":
            continue
        for output in cell.setdefault("outputs", []):
            if output.get("output_type") in trust.RICH_TYPES:
                _join_bundle(output.get("data", {}))
            elif "text" in output:
                output["text"] = _joined(output["text"])


def _joined(lines: Any) -> str:
    text = "".join(lines) if isinstance(lines, list) else lines
    if not isinstance(text, str):
        raise TypeError("neither a text nor lines of one")
    return text


def _join_bundle(bundle: dict[str, Any]) -> None:
    for mime, value in bundle.items():
        is_json = mime.startswith("application/") and mime.endswith(("/json", "+json"))
        if not is_json and isinstance(value, list) and all(isinstance(line, str) for line in value):
            bundle[mime] = "".join(value)


def _split_lines(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        if isinstance(cell.get("source"), str):
            cell["source"] = cell["source"].splitlines(keepends=True)
        for bundle in _members(cell.get("attachments")):
            _split_bundle(bundle)
        if cell.get("cell_type") != "code":
            continue
        for output in _elements(cell.get("outputs")):
            if output.get("output_type") in trust.RICH_TYPES:
                _split_bundle(output.get("data"))
            elif output.get("output_type") == "stream" and isinstance(output.get("text"), str):
                output["text"] = output["text"].splitlines(keepends=True)


def _split_bundle(bundle: Any) -> None:
    if not isinstance(bundle, dict):
        return
    for mime, value in bundle.items():
        if isinstance(value, str) and (mime.startswith("text/") or mime in _TYPES_IN_LINES):
            bundle[mime] = value.splitlines(keepends=True)


def _members(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []


def _elements(value: Any) -> list[dict[str, Any]]:
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def _strip(notebook: dict[str, Any]) -> None:
    """Take out what does not belong into a file."""
    for key in ("orig_nbformat", "orig_nbformat_minor", "signature"):
        notebook["metadata"].pop(key, None)
    for cell in notebook["cells"]:
        cell["metadata"].pop("trusted", None)


def _mark_trust(notebook: dict[str, Any]) -> None:
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    is_trusted = trust.is_signed(notebook)
    for cell in code:
        cell["metadata"]["trusted"] = is_trusted


def _completed(notebook: dict[str, Any]) -> dict[str, Any]:
    metadata = notebook["metadata"]
    metadata.setdefault("language_info", {"name": ""})
    metadata.setdefault("kernelspec", {"name": "", "display_name": ""})
    cells = notebook["cells"]
    if not cells:
        cells.append(_empty_cell())
    if notebook["nbformat_minor"] >= FIRST_MINOR_WITH_IDS:
        _give_ids(cells)
    else:
        for cell in cells:
            cell.pop("id", None)
    for cell in cells:
        if cell["cell_type"] in PROSE and not cell.get("attachments", True):
            del cell["attachments"]
    return notebook


def _empty_cell() -> dict[str, Any]:
    # Nothing came out of it, so there is nothing to distrust.
    trusted: dict[str, Any] = {"metadata": {"trusted": True}, "outputs": []}
    return {"cell_type": "code", "execution_count": None, "id": derived_id("the only cell"), "source": "", **trusted}


def _give_ids(cells: list[dict[str, Any]]) -> None:
    ids = distinct_ids([cell.get("id") for cell in cells])
    for cell, id_ in zip(cells, ids, strict=True):
        cell["id"] = id_


def distinct_ids(ids: list[Any]) -> list[str]:
    """*ids* with another one, the same each time, for what is no id and for every id that an earlier cell has."""
    taken = {id_ for id_ in ids if isinstance(id_, str) and id_}
    seen: set[str] = set()
    numbers: Counter[str] = Counter()
    distinct = []
    for id_ in ids:
        wanted = new = id_ if isinstance(id_, str) else ""
        if not wanted or wanted in seen:
            while new == wanted or new in taken:
                numbers[wanted] += 1
                new = derived_id(wanted, numbers[wanted])
        seen.add(new)
        distinct.append(new)
    return distinct
