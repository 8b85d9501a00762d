from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from pycrdt import Doc, Text

from coterie.server.rooms.worker.texts import TextEdit, change_text, edits

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


def document(text: str) -> tuple[Doc[Text], Text]:
    doc: Doc[Text] = Doc()
    shared = doc.get("source", type=Text)
    shared.insert(0, text)
    return doc, shared


@given(texts, texts)
@example("é", "è")
@example("👩‍🚀 one", "👩‍🚒 two")
def test_a_changed_text_is_the_other_one(before: str, after: str) -> None:
    _, shared = document(before)
    change_text(shared, after)

    assert after == str(shared)


@given(texts, texts, texts)
def test_edits_lie_between_characters(before: str, middle: str, after: str) -> None:
    data = bytearray((before + after).encode())
    for edit in edits(before + after, before + middle + after):
        data[edit.at : edit.at + edit.deleted] = edit.inserted.encode()

    assert (before + middle + after).encode() == bytes(data)


def test_equal_texts_need_no_edit() -> None:
    assert [] == list(edits("same", "same"))


def test_only_what_differs_is_touched() -> None:
    assert [TextEdit(2, 0, "x")] == list(edits("é is here", "éx is here"))
    assert [TextEdit(6, 1, "3")] == list(edits("beta = 2\n"[1:], "beta = 3\n"[1:]))


def test_what_others_type_meanwhile_stays_where_they_typed_it() -> None:
    doc, _ = document("alpha = 1\nbeta = 2\n")
    theirs: Doc[Text] = Doc()
    typed = theirs.get("source", type=Text)
    theirs.apply_update(doc.get_update())
    typed.insert(0, "# mine\n")
    change_text(doc.get("source", type=Text), "alpha = 1\nbeta = 3\n")
    theirs.apply_update(doc.get_update())

    assert "# mine\nalpha = 1\nbeta = 3\n" == str(typed)


def test_a_line_in_a_large_text_is_found() -> None:
    lines = [f"line {number} of a long file\n" for number in range(20_000)]
    changed = [*lines[:7_000], "a new line\n", *lines[7_000:15_000], *lines[15_001:]]
    found = list(edits("".join(lines), "".join(changed)))

    assert 100 > sum(edit.deleted + len(edit.inserted) for edit in found)
