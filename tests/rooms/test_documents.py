from __future__ import annotations

from typing import Any

import nbformat
from hypothesis import given
from hypothesis import strategies as st
from pycrdt import merge_updates

from coterie.server.rooms import documents


def notebook(*sources: str) -> dict[str, Any]:
    cells = [
        {
            "id": f"cell-{number}",
            "cell_type": "code",
            "metadata": {},
            "execution_count": None,
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "out\n"}],
            "source": source,
        }
        for number, source in enumerate(sources)
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@given(texts)
def test_a_text_is_read_as_it_was_built(text: str) -> None:
    assert text == documents.read("file", documents.build("file", text)).content


def test_a_notebook_is_read_as_it_was_built_and_stays_valid() -> None:
    content = documents.read("notebook", documents.build("notebook", notebook("1 + 1", ""))).content
    nbformat.validate(content)

    assert notebook("1 + 1", "") == content


def test_equal_content_built_twice_has_one_history_and_does_not_double() -> None:
    twice = merge_updates(documents.build("file", "once"), documents.build("file", "once"))

    assert documents.read("file", twice).content == "once"


@given(texts, texts)
def test_a_difference_leads_from_one_content_to_the_other(before: str, after: str) -> None:
    base = documents.build("file", before)
    difference = documents.difference("file", base, after)

    assert after == documents.read("file", difference.state).content
    assert after == documents.read("file", merge_updates(base, difference.update)).content


def test_a_change_from_outside_keeps_what_is_typed_in_the_same_cell_meanwhile() -> None:
    base = documents.build("notebook", notebook("alpha = 1\nbeta = 2\n"))
    outside = documents.difference("notebook", base, notebook("alpha = 1\nbeta = 3\n"))
    typed = documents.difference("notebook", base, notebook("# mine\nalpha = 1\nbeta = 2\n"))

    merged = documents.read("notebook", merge_updates(base, outside.update, typed.update)).content

    assert [cell["source"] for cell in merged["cells"]] == ["# mine\nalpha = 1\nbeta = 3\n"]
