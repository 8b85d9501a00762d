from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_ydoc import YNotebook
from pycrdt import Array, Doc, Map, Text

from coterie.server.rooms.worker import cells, notebooks
from coterie.server.rooms.worker.cells import ChangedParts
from coterie.server.rooms.worker.results import Unreadable
from rooms.worker.desk import as_bytes, code, notebook
from rooms.worker.test_notebooks import contents

OUT = {"output_type": "stream", "name": "stdout", "text": "one\n"}
PNG = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "aaaa"}}


def document(content: dict[str, Any]) -> Doc[Any]:
    doc: Doc[Any] = Doc()
    cells.build(doc, notebooks.parse(as_bytes(content)))
    return doc


def copied(doc: Doc[Any]) -> Doc[Any]:
    other: Doc[Any] = Doc()
    other.apply_update(doc.get_update())
    return other


def change(doc: Doc[Any], content: dict[str, Any], *kept: str) -> bytes:
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    cells.change(doc, notebooks.parse(as_bytes(content)), ChangedParts(frozenset(kept), frozenset(), frozenset()))
    doc.unobserve(subscription)
    return b"".join(updates)


def merged(doc: Doc[Any], theirs: Doc[Any], content: dict[str, Any]) -> bytes:
    """The update from *doc* to *content*, for *theirs*, which has come from *doc*."""
    wanted = notebooks.parse(as_bytes(content))
    since = cells.changed_cells(doc, theirs, wanted)
    before = doc.get_state()
    cells.change(doc, wanted, since)
    return doc.get_update(before)


def sources(doc: Doc[Any]) -> list[str]:
    return [cell["source"] for cell in cells.read(doc)[0]["cells"]]


def shared_cells(doc: Doc[Any]) -> Array[Any]:
    return doc.get("cells", type=Array)


def without_trust(content: dict[str, Any]) -> dict[str, Any]:
    content = copy.deepcopy(content)
    for cell in content["cells"]:
        cell["metadata"].pop("trusted", None)
    return content


def test_a_document_has_the_shape_that_the_front_end_knows() -> None:
    content = notebook("x") | {"cells": [code("a", "x", OUT, PNG), code("b", "")]}
    ours, theirs = document(content), YNotebook()
    theirs.set(notebooks.parse(as_bytes(content)))

    assert theirs.ycells.to_py() == shared_cells(ours).to_py()
    assert theirs.ydoc.get("meta", type=Map).to_py() == ours.get("meta", type=Map).to_py()
    cell = shared_cells(ours)[0]
    assert [Text, Map, Array, Text] == [
        type(shared) for shared in (cell["source"], cell["metadata"], cell["outputs"], cell["outputs"][0]["text"])
    ]


@given(contents)
def test_jupyters_own_reader_finds_the_same_in_a_document(content: dict[str, Any]) -> None:
    doc = document(content)

    assert YNotebook(copied(doc)).get() == cells.read(doc)[0]


@given(contents, contents)
def test_a_changed_document_is_the_other_one(before: dict[str, Any], after: dict[str, Any]) -> None:
    doc = document(before)
    change(doc, after)

    assert without_trust(notebooks.parse(as_bytes(after))) == without_trust(cells.read(doc)[0])


@given(st.permutations(range(7)), st.sets(st.integers(0, 6)), st.sets(st.integers(0, 6)), st.booleans())
def test_cells_are_moved_taken_out_and_put_in(
    order: list[int], taken_out: set[int], new: set[int], have_ids: bool
) -> None:
    everything = [code(f"cell-{number}", f"source of cell {number}") for number in range(7)]
    before = notebook() | {"cells": [cell for number, cell in enumerate(everything) if number not in new]}
    after = notebook() | {"cells": [everything[number] for number in order if number not in taken_out]}
    if not have_ids:
        for content in (before, after):
            content["nbformat_minor"] = 4
    doc = document(before)
    change(doc, after)

    assert notebooks.parse(as_bytes(after))["cells"] == cells.read(doc)[0]["cells"]


def test_a_document_that_holds_it_already_is_not_touched() -> None:
    content = notebook() | {"cells": [code("a", "x", OUT, PNG), code("b", "y")]}

    assert change(document(content), content) in (b"", b"\x00\x00")


def test_one_letter_in_a_large_notebook_is_a_small_update() -> None:
    content = notebook(*(f"x = {number}" for number in range(500)))
    doc = document(content)
    content["cells"][250]["source"] += "0"

    assert 60 > len(change(doc, content))


@pytest.mark.parametrize("have_ids", [True, False])
def test_what_people_type_in_a_cell_that_another_program_changes_is_kept(have_ids: bool) -> None:
    content = notebook("alpha = 1\nbeta = 2\n", "second", nbformat_minor=5 if have_ids else 4)
    doc = document(content)
    theirs = copied(doc)
    shared_cells(theirs)[0]["source"].insert(0, "# mine\n")
    content["cells"][0]["source"] = "alpha = 1\nbeta = 3\n"
    theirs.apply_update(change(doc, content))

    assert ["# mine\nalpha = 1\nbeta = 3\n", "second"] == sources(theirs)


def test_a_cell_that_somebody_has_typed_in_is_neither_taken_out_nor_moved() -> None:
    content = notebook("a", "b", "c", "d")
    doc = document(content)
    content["cells"] = [content["cells"][3], content["cells"][0], content["cells"][2]]
    change(doc, content, "cell-1", "cell-3")

    assert ["a", "b", "c", "d"] == sources(doc)


def test_a_cell_that_somebody_has_typed_in_keeps_its_type() -> None:
    content = notebook("a")
    doc = document(content)
    content["cells"] = [{"id": "cell-0", "cell_type": "markdown", "metadata": {}, "source": "a b"}]
    change(doc, content, "cell-0")

    assert [("code", "a b")] == [(cell["cell_type"], cell["source"]) for cell in cells.read(doc)[0]["cells"]]


def test_a_cell_that_people_took_out_comes_back_if_another_program_has_changed_it() -> None:
    content = notebook("a", "b", "c")
    doc = document(content)
    theirs = copied(doc)
    del shared_cells(theirs)[0:2]
    content["cells"][1]["source"] = "b from outside"
    theirs.apply_update(merged(doc, theirs, content))

    assert ["b from outside", "c"] == sources(theirs)


@pytest.mark.parametrize("have_ids", [True, False])
def test_a_cell_that_people_took_out_stays_out_if_another_program_has_changed_only_others(have_ids: bool) -> None:
    content = notebook("a", "b", nbformat_minor=5 if have_ids else 4)
    doc = document(content)
    theirs = copied(doc)
    del shared_cells(theirs)[0]
    content["cells"][1]["source"] = "b from outside"
    theirs.apply_update(merged(doc, theirs, content))

    assert ["b from outside"] == sources(theirs)


def test_a_cell_that_people_took_out_stays_out_if_another_program_has_only_given_it_another_id() -> None:
    content = notebook("a", "b")
    doc = document(content)
    theirs = copied(doc)
    del shared_cells(theirs)[0]
    content["cells"] = [cell | {"id": f"new-{cell['id']}"} for cell in content["cells"]]
    theirs.apply_update(merged(doc, theirs, content))

    assert [("new-cell-1", "b")] == [(cell["id"], cell["source"]) for cell in cells.read(theirs)[0]["cells"]]


def test_what_another_program_changes_in_a_cell_that_people_moved_is_not_lost() -> None:
    content = notebook("a", "b")
    doc = document(content)
    theirs = copied(doc)
    del shared_cells(theirs)[0]
    cell = code("cell-0", "a")
    shared_cells(theirs).append(Map(cell | {"source": Text("a"), "metadata": Map(), "outputs": Array()}))
    content["cells"][0]["source"] = "a from outside"
    theirs.apply_update(merged(doc, theirs, content))

    assert ["a from outside", "b", "a"] == sources(theirs)


def test_a_cell_of_another_type_is_another_cell() -> None:
    content = notebook("a", "b")
    doc = document(content)
    content["cells"][0] = {"id": "cell-0", "cell_type": "markdown", "metadata": {}, "source": "a"}
    change(doc, content)

    assert {"id", "cell_type", "metadata", "source"} == set(shared_cells(doc)[0].keys())


def test_cells_that_a_program_gave_new_ids_stay_the_same_cells() -> None:
    content = notebook("a", "b", "c")
    doc = document(content)
    theirs = copied(doc)
    shared_cells(theirs)[1]["source"].insert(1, " typed")
    content["cells"] = [cell | {"id": f"new-{cell['id']}"} for cell in content["cells"]]
    theirs.apply_update(change(doc, content))

    assert ["a", "b typed", "c"] == sources(theirs)
    assert ["new-cell-0", "new-cell-1", "new-cell-2"] == [cell["id"] for cell in cells.read(theirs)[0]["cells"]]


def test_lines_added_to_a_stream_leave_the_outputs_before_it_alone() -> None:
    content = notebook() | {"cells": [code("a", "x", PNG, OUT)]}
    doc = document(content)
    content["cells"][0]["outputs"] = [PNG, OUT | {"text": "one\ntwo\n"}]

    assert 40 > len(change(doc, content))
    assert content["cells"][0]["outputs"] == cells.read(doc)[0]["cells"][0]["outputs"]


def test_trust_goes_with_outputs_and_comes_with_none_from_outside() -> None:
    content = notebook() | {"cells": [code("a", "x", PNG), code("b", "y", PNG)]}
    doc = document(content)
    for cell in shared_cells(doc):
        cell["metadata"]["trusted"] = True
    content["cells"][0]["source"] = "changed"
    content["cells"][1]["outputs"] = [PNG | {"data": {"text/html": "<script>"}}]
    change(doc, content)

    assert [True, False] == [cell["metadata"]["trusted"] for cell in cells.read(doc)[0]["cells"]]


# --- Cells that share an id ------------------------------------------------------------------------------------------


def with_copies(*more: dict[str, Any]) -> Doc[Any]:
    """A notebook of one cell, and copies of it as two people bring them about who move it at the same time."""
    doc = document(notebook("first"))
    for content in more:
        other = document(notebook() | {"cells": [code("cell-0", "first") | content]})
        cell = shared_cells(other)[0].to_py()
        cell |= {"source": Text(cell["source"]), "metadata": Map(cell["metadata"]), "outputs": Array()}
        shared_cells(doc).append(Map(cell))
    return doc


def test_an_exact_copy_of_a_cell_does_not_go_to_the_file() -> None:
    doc = with_copies({})

    assert (["first"], {}) == (sources(doc), cells.read(doc)[1])


def test_a_cell_with_the_id_of_another_gets_one_of_its_own_and_the_same_each_time() -> None:
    doc = with_copies({"source": "second"}, {"source": "third"})
    content, renamed = cells.read(doc)
    again, _ = cells.read(copied(doc))
    cells.rename(doc, renamed)

    assert ["first", "second", "third"] == [cell["source"] for cell in content["cells"]]
    assert 3 == len({cell["id"] for cell in content["cells"]})
    assert content == again == cells.read(doc)[0]
    assert {} == cells.read(doc)[1]


def test_a_copy_goes_with_its_cell() -> None:
    doc = with_copies({}, {"source": "second"})
    change(doc, notebook() | {"cells": [code("other", "new")]})

    assert ["new"] == sources(doc)
    assert 1 == len(shared_cells(doc))


# --- Documents that somebody has put something else into ---------------------------------------------------------


def test_a_document_whose_cells_are_no_cells_is_refused() -> None:
    doc = document(notebook("a"))
    shared_cells(doc).append("text")

    with pytest.raises(Unreadable):
        cells.read(doc)


def test_a_cell_that_is_a_plain_value_is_replaced_by_one_that_can_be_edited() -> None:
    doc = document(notebook("a"))
    shared_cells(doc).append(code("cell-1", "plain"))
    change(doc, notebook("a", "changed"))

    assert ["a", "changed"] == sources(doc)
    assert isinstance(shared_cells(doc)[1]["source"], Text)


def test_a_document_that_is_nested_too_deeply_is_refused() -> None:
    doc = document(notebook("a"))
    nested: list[Any] = []
    for _ in range(5_000):
        nested = [nested]
    shared_cells(doc)[0]["metadata"]["deep"] = nested

    with pytest.raises(Unreadable):
        cells.read(doc)


@pytest.mark.parametrize("key", ["metadata", "source", "outputs", "cell_type", "id", "attachments"])
@pytest.mark.parametrize("value", [None, 3, "text", [1], {"a": [None]}])
def test_a_cell_with_anything_in_it_can_be_written_read_and_changed_back(key: str, value: Any) -> None:
    doc = document(notebook("a", "b"))
    shared_cells(doc)[0][key] = value
    content, _ = cells.read(doc)
    notebooks.write(content)
    change(doc, notebook("a", "b"))

    assert notebook("a", "b")["cells"] == without_trust(cells.read(doc)[0])["cells"]


def test_an_emptied_document_is_still_a_notebook_when_it_is_written() -> None:
    doc: Doc[Any] = Doc()
    doc.get("cells", type=Array)
    content, _ = cells.read(doc)

    assert (4, 5, []) == (content["nbformat"], content["nbformat_minor"], content["cells"])
    notebooks.write(content)


@pytest.mark.parametrize("seed", range(20))
def test_concurrent_changes_from_outside_and_by_people_lose_nothing_that_was_typed(seed: int) -> None:
    chance = random.Random(seed)
    content = notebook(*(f"cell {number}\n" for number in range(6)))
    doc = document(content)
    theirs = copied(doc)
    typed = []
    for number in chance.sample(range(6), 3):
        text = f"typed in {number}\n"
        shared_cells(theirs)[number]["source"].insert(0, text)
        typed.append(text)
    chance.shuffle(content["cells"])
    del content["cells"][: chance.randrange(4)]
    content["cells"].insert(0, code("new", "from outside"))
    theirs.apply_update(merged(doc, theirs, content))
    everything = "".join(sources(theirs))

    assert [1] * 4 == [everything.count(text) for text in (*typed, "from outside")]
