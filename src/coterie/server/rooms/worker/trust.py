"""Whether a notebook's outputs came about here: the signatures that Jupyter keeps of what it has written.

They are nbformat's own, in its own store; only the walk over the content is another, because it is done on every save.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cache
from hmac import HMAC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jupyter_core.paths import jupyter_data_dir

if TYPE_CHECKING:
    from nbformat.sign import NotebookNotary

_log = logging.getLogger(__name__)

#: An output of these types that has anything but these keys can do something in a browser.
RICH_TYPES: Final = ("execute_result", "display_data")
_PLAIN_KEYS: Final = frozenset({"output_type", "execution_count", "metadata"})


def is_signed(notebook: dict[str, Any]) -> bool:
    """Whether this content was signed here. *notebook* is of format 4 and has no marks of trust in it."""
    try:
        notary = _notary()
        return bool(notary.store.check_signature(_signature(notary, notebook), notary.algorithm))
    # The store is a file that anybody with a terminal can damage. A notebook is then what it is without: not trusted.
    except Exception:  # noqa: BLE001
        _log.warning("the store of notebooks' signatures cannot be read", exc_info=True)
        close()
        return False


def sign(notebook: dict[str, Any]) -> None:
    """Remember this content as trusted. *notebook* is of format 4 and has no marks of trust in it."""
    try:
        notary = _notary()
        notary.store.store_signature(_signature(notary, notebook), notary.algorithm)
    # As above. That a notebook has to be trusted anew is no reason not to save it.
    except Exception:  # noqa: BLE001
        _log.warning("the store of notebooks' signatures cannot be written", exc_info=True)
        close()


def is_cell_trusted(cell: dict[str, Any]) -> bool:
    """Whether a code cell is marked as trusted, or has nothing in its outputs to distrust."""
    metadata = cell.get("metadata")
    if isinstance(metadata, dict) and metadata.get("trusted"):
        return True
    outputs = cell.get("outputs")
    return not isinstance(outputs, list) or not any(
        isinstance(output, dict) and output.get("output_type") in RICH_TYPES and not _PLAIN_KEYS.issuperset(output)
        for output in outputs
    )


def load() -> None:
    """Load now what would otherwise be loaded when the first notebook is waited for."""
    _notary_class()


def close() -> None:
    """Let go of the store. It is opened again when it is needed."""
    if _notary.cache_info().currsize:
        _notary().close()  # type: ignore[no-untyped-call]
        _notary.cache_clear()


def _notary_class() -> type[NotebookNotary]:
    from nbformat.sign import NotebookNotary  # takes its time, and only notebooks need it

    return NotebookNotary


@cache
def _notary() -> NotebookNotary:
    folder = Path(jupyter_data_dir())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _notary_class()(data_dir=str(folder))


def _signature(notary: NotebookNotary, notebook: dict[str, Any]) -> str:
    """As NotebookNotary.compute_signature."""
    unsigned = notebook | {
        "metadata": {key: value for key, value in notebook["metadata"].items() if key != "signature"}
    }
    return HMAC(notary.secret, b"".join(_everything(unsigned)), digestmod=notary.digestmod).hexdigest()


def _everything(value: Any) -> Iterator[bytes]:
    """As nbformat.sign.yield_everything, without a generator for every value."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text.encode()
            case dict() as members:
                for key in sorted(members, reverse=True):
                    waiting += (members[key], key)
            case list() as elements:
                waiting.extend(reversed(elements))
            case other:
                yield str(other).encode()
