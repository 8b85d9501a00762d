from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_ydoc import ydocs
from pycrdt import Array, Doc, Map, Text

from coterie.server.rooms import nesting
from coterie.server.rooms.endings import TOO_DEEP
from coterie.server.rooms.frames import SyncUpdate
from coterie.server.rooms.nesting import MAX_DEPTH, is_too_deep
from rooms.peers import Document, Peer

_SHALLOW = b"u\x01u\x01u\x00"

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False)
    | st.text("uvß", max_size=9),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text("uv", max_size=3), inner, max_size=4),
    max_leaves=60,
)


def nested(depth: int) -> bytes:
    """An update that appends a list in a list in a list."""
    doc: Doc[Any] = Doc()
    doc.get("cells", type=Array).append([[[]]])
    update = doc.get_update()
    assert _SHALLOW in update
    return update.replace(_SHALLOW, b"u\x01" * (depth - 1) + b"u\x00")


def depth_of(value: Any) -> int:
    match value:
        case list():
            return 1 + max(map(depth_of, value), default=0)
        case dict():
            return 1 + max(map(depth_of, value.values()), default=0)
        case _:
            return 0


@pytest.mark.parametrize(
    ("depth", "expected"), [(3, False), (MAX_DEPTH, False), (MAX_DEPTH + 1, True), (100_000, True)]
)
def test_only_what_is_nested_deeper_than_allowed_is_too_deep(depth: int, expected: bool) -> None:
    assert expected == is_too_deep(nested(depth))


@given(st.lists(json_values, min_size=1, max_size=4), st.integers(1, 6))
def test_depths_are_those_of_the_values(values: list[Any], allowed: int) -> None:
    doc: Doc[Any] = Doc()
    text = doc.get("text", type=Text)
    cells = doc.get("cells", type=Array)
    with doc.transaction():
        text += "u and v"
        for value in values:
            cells.append(value)
            cells.insert(0, Map({"source": Text("uv"), "value": value}))
    del text[0:3]
    depth = max(depth_of(value) for value in values)
    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(nesting, "MAX_DEPTH", allowed)
        seen = is_too_deep(doc.get_update())

    assert (depth > allowed) == seen or (not seen and _openings(doc.get_update()) <= allowed)


def _openings(update: bytes) -> int:
    return update.count(b"u") + update.count(b"v")


def test_a_notebook_with_everything_in_it_is_gone_through() -> None:
    doc: Doc[Any] = Doc()
    points = [{"x": [float(n) for n in range(500)], "y": list(range(500)), "z": [None, True, "uv"] * 30}]
    ydocs["notebook"](doc).set(
        {
            "cells": [
                {
                    "id": f"c{n}",
                    "cell_type": "code",
                    "source": "uv" * 300,
                    "metadata": {"u": {"v": [n]}},
                    "execution_count": n,
                    "outputs": [
                        {"output_type": "display_data", "metadata": {}, "data": {"application/json": points}},
                        {"output_type": "stream", "name": "stdout", "text": "u\n"},
                    ],
                }
                for n in range(20)
            ],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )

    assert not is_too_deep(doc.get_update())


@given(st.binary(max_size=60))
def test_what_is_no_update_is_refused_or_let_pass_and_ends(rest: bytes) -> None:
    with suppress(ValueError):
        assert is_too_deep(b"u" * (MAX_DEPTH + 1) + rest) in (True, False)


def test_a_number_without_end_is_no_update() -> None:
    with pytest.raises(ValueError, match="not an update"):
        is_too_deep(b"\xff" * 100_000 + b"u" * 1000)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1_000_000])
def test_who_sends_what_is_too_deep_is_out_and_nobody_hears_of_it(depth: int) -> None:
    document = Document("good")
    alice, bob = Peer(document.room), Peer(document.room, "bob")
    bob.take()
    alice.says(SyncUpdate(nested(depth)))

    assert [TOO_DEEP] == alice.ended
    assert ([], []) == (bob.take(), document.journal)
