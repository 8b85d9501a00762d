from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_server.services.contents.filemanager import FileContentsManager
from nbformat.sign import NotebookNotary
from pycrdt import Doc

from coterie.server.rooms.worker import cells, notebooks
from coterie.server.rooms.worker.notebooks import distinct_ids
from coterie.server.rooms.worker.results import Unreadable
from rooms.worker.desk import as_bytes, code, notebook

RICH = {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<b>a</b>\n<i>b</i>"}}

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8).filter(str.isprintable)
names = st.text("abcdefgh/+", min_size=1, max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)
lines = st.lists(st.sampled_from(["a = 1", "", "é", "\u2028", "b\r", "\t'\"\\"]), max_size=4).map("\n".join)
bundles = st.dictionaries(st.sampled_from(["text/plain", "image/png", "image/svg+xml"]), lines, max_size=3)
outputs = st.one_of(
    st.builds(lambda text: {"output_type": "stream", "name": "stdout", "text": text}, lines),
    st.builds(lambda data: {"output_type": "display_data", "metadata": {}, "data": data}, bundles),
    st.builds(
        lambda data: {"output_type": "display_data", "metadata": {}, "data": {"application/x+json": data}}, values
    ),
    st.builds(lambda text: {"output_type": "error", "ename": "E", "evalue": text, "traceback": [text]}, lines),
)
metadata = st.dictionaries(names, values, max_size=3)
contents = st.lists(
    st.one_of(
        st.builds(
            lambda source, meta, outs: (
                {"cell_type": "code", "source": source, "metadata": meta, "outputs": outs} | {"execution_count": None}
            ),
            lines,
            metadata,
            st.lists(outputs, max_size=3),
        ),
        st.builds(lambda source, meta: {"cell_type": "markdown", "source": source, "metadata": meta}, lines, metadata),
    ),
    min_size=1,
    max_size=5,
).map(lambda found: notebook() | {"cells": [cell | {"id": f"cell-{n}"} for n, cell in enumerate(found)]})


def written(data: bytes) -> bytes:
    """The file that comes of opening and saving it."""
    doc: Doc[Any] = Doc()
    cells.build(doc, notebooks.parse(data))
    content, _ = cells.read(doc)
    return notebooks.write(content)


@given(contents)
def test_a_notebook_is_written_as_jupyter_would_have_written_it(content: dict[str, Any]) -> None:
    assert as_bytes(content) == written(as_bytes(content))


def test_the_contents_manager_reads_what_is_written_and_writes_the_same(tmp_path: Path) -> None:
    content = notebook("a = 1\nb = 2", "") | {
        "metadata": {"language_info": {"name": ""}, "kernelspec": {"z": 1, "a": 2}}
    }
    content["cells"][0]["outputs"] = [RICH, {"output_type": "stream", "name": "stdout", "text": "one\ntwo\n"}]
    ours = written(as_bytes(content))
    (tmp_path / "a.ipynb").write_bytes(ours)
    manager = FileContentsManager(root_dir=str(tmp_path))
    model = manager.get("a.ipynb")
    manager.save(model, "a.ipynb")

    assert ours == (tmp_path / "a.ipynb").read_bytes()


def test_a_notebook_of_an_older_format_is_brought_to_the_present_one() -> None:
    old = {"cell_type": "code", "input": ["x = 1\n", "x"], "language": "python", "outputs": [], "collapsed": False}
    heading = {"cell_type": "heading", "level": 2, "source": "Title", "metadata": {}}
    worksheets = [{"cells": [old | {"prompt_number": 1, "metadata": {}}, heading], "metadata": {}}]
    data = json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": worksheets}).encode()
    content = notebooks.parse(data)

    assert ["x = 1\nx", "## Title"] == [cell["source"] for cell in content["cells"]]
    assert 4 == content["nbformat"]
    assert notebooks.parse(data) == content


def test_cells_without_ids_keep_having_none_in_the_file() -> None:
    content = notebook("one", "two", nbformat_minor=4)
    for cell in content["cells"]:
        del cell["id"]

    assert as_bytes(content) == written(as_bytes(content))


def test_the_same_file_is_the_same_document_each_time() -> None:
    content = notebook("one", "one", "two", nbformat_minor=4)
    for cell in content["cells"]:
        del cell["id"]
    states = set()
    for _ in range(2):
        doc: Doc[Any] = Doc(client_id=0)
        cells.build(doc, notebooks.parse(as_bytes(content)))
        states.add(doc.get_update())

    assert 3 == len({cell["id"] for cell in cells.cells_by_id(doc).values()})
    assert 1 == len({len(state) for state in states})


def test_an_empty_notebook_gets_a_cell_to_type_in_and_what_the_front_end_needs() -> None:
    content = notebooks.parse(b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')

    assert [""] == [cell["source"] for cell in content["cells"]]
    assert {"language_info": {"name": ""}, "kernelspec": {"name": "", "display_name": ""}} == content["metadata"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<<<<<<< HEAD\n",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"3",
        b'{"nbformat": 4}',
        b'{"nbformat": 9, "cells": []}',
        b'{"cells": [{"cell_type": "code"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
        b'{"cells": ["text"], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
        b'{"cells": [{"cell_type": "raw", "source": 3, "metadata": {}}], "metadata": {}, "nbformat": 4}',
        b'{"cells": [{"cell_type": "raw", "source": "", "metadata": 3}], "metadata": {}, "nbformat": 4}',
        b'{"cells": [], "metadata": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b'}, "nbformat": 4}',
    ],
)
def test_what_is_no_notebook_is_refused_and_not_quoted(data: bytes) -> None:
    with pytest.raises(Unreadable) as refusal:
        notebooks.parse(data)

    assert str(refusal.value) in {"The file is not a notebook.", "The notebook is nested too deeply."}


def test_what_no_document_can_hold_is_made_so_that_it_can() -> None:
    content = notebook("x")
    content["cells"][0]["metadata"] = {"half": "@", "long": 1, "exact": 2**53, "nested": [{"@": 1}]}
    data = as_bytes(content).replace(b"@", rb"\ud83d").replace(b'"long": 1', b'"long": ' + b"9" * 40)
    (cell,) = json.loads(written(data))["cells"]

    assert {"half": "�", "long": 1e40, "exact": 2**53, "nested": [{"�": 1}]} == cell["metadata"]


def test_what_is_not_a_number_in_json_becomes_nothing() -> None:
    content = notebook("x")
    content["cells"][0]["metadata"] = {"a": float("nan"), "b": float("inf")}

    assert {"a": None, "b": None} == json.loads(written(as_bytes(content)))["cells"][0]["metadata"]


def test_ids_that_are_missing_or_given_twice_become_ids_of_their_own() -> None:
    ids = distinct_ids(["a", "a", None, "", 3, "b", "a"])

    assert ("a", "b") == (ids[0], ids[5])
    assert 7 == len(set(ids))
    assert ids == distinct_ids(["a", "a", None, "", 3, "b", "a"])
    assert ids == distinct_ids(ids)


# --- Trust -----------------------------------------------------------------------------------------------------------


def trust_marks(data: bytes) -> list[bool | None]:
    return [cell["metadata"].get("trusted") for cell in notebooks.parse(data)["cells"]]


def test_what_was_not_signed_here_is_not_trusted() -> None:
    assert [False] == trust_marks(as_bytes(notebook() | {"cells": [code("a", "x", RICH)]}))


def test_what_jupyter_signed_is_trusted(signatures: Path) -> None:
    content = nbformat.from_dict(notebook() | {"cells": [code("a", "é", RICH), code("b", "y")]})
    with NotebookNotary(data_dir=str(signatures)) as notary:
        notary.sign(content)

    assert [True, True] == trust_marks(as_bytes(content))


def test_what_is_trusted_here_is_signed_for_jupyter_and_written_without_the_mark(signatures: Path) -> None:
    content = notebook() | {"cells": [code("a", "x", RICH)]}
    content["cells"][0]["metadata"]["trusted"] = True
    data = notebooks.write(content)
    read = nbformat.reads(data.decode(), 4)

    assert b"trusted" not in data
    with NotebookNotary(data_dir=str(signatures)) as notary:
        assert notary.check_signature(read)


def test_a_notebook_with_one_rich_output_that_nobody_trusts_is_not_signed(signatures: Path) -> None:
    content = notebook() | {"cells": [code("a", "x", RICH), code("b", "y", RICH)]}
    content["cells"][0]["metadata"]["trusted"] = True
    read = nbformat.reads(notebooks.write(content).decode(), 4)

    with NotebookNotary(data_dir=str(signatures)) as notary:
        assert not notary.check_signature(read)


def test_a_store_of_signatures_that_cannot_be_used_costs_trust_and_nothing_else(signatures: Path) -> None:
    (signatures / "notebook_secret").mkdir()
    data = as_bytes(notebook("x"))

    assert [False] == trust_marks(data)
    assert data == written(data)
