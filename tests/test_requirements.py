"""The page that says which test stands for which sentence of the requirements stays true."""

from __future__ import annotations

import ast
import hashlib
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "requirements.md"

#: SHA-256 of the sentences of each text, one a line. It changes only where the text does that they were taken from.
WORDS = {
    "Share Workspaces": "9492595a6bd3e1b1ad76632fad56bbf03792d051edade7c49c995c85adfcb3fa",
    "Sharing and Real Time Collaboration": "6bc3e7ba233a5a5577ec886215a525098b1506bb8bad9032e7a5539ff2f56386",
}
#: The one sentence of which a part is for later.
ENVIRONMENT = "You can share your workspaces with other users, allowing them to access a pre-configured environment"

_SKIPPING = {"skip", "skipif", "xfail", "soak"}


@cache
def _texts() -> dict[str, list[tuple[str, list[str]]]]:
    """Of each text, by its title, each sentence with what stands for it."""
    _, *parts = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    rows = {}
    for part in parts:
        lines = re.findall(r"^\| (.+) \| (.+) \|$", part, re.MULTILINE)
        found = [(sentence, cell.split("<br>")) for sentence, cell in lines if sentence != "the text"]
        rows[part.partition("\n")[0]] = found
    return rows


def _rows() -> list[tuple[str, list[str]]]:
    """Those of all texts."""
    return [row for rows in _texts().values() for row in rows]


NAMED = sorted({name.strip("`") for _, named in _rows() for name in named if not name.startswith("later: ")})


@cache
def _tests(file: str) -> dict[str, bool]:
    """The tests in a file, and whether each may be skipped in some run of all tests."""
    module = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    marked = [
        node for node in module.body if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node.targets)
    ]
    whole = any(_skips(node.value) for node in marked)
    return {
        node.name: whole or any(map(_skips, node.decorator_list))
        for node in module.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def _skips(mark: ast.expr) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr in _SKIPPING for node in ast.walk(mark))


@cache
def _cases(file: str) -> set[str]:
    """The cases of a matrix that the API is tried on as well."""
    cases = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["cases"]
    return {case["name"] for case in cases if case.get("api", True)}


def test_every_sentence_is_there_word_by_word() -> None:
    digests = {
        title: hashlib.sha256("\n".join(sentence for sentence, _ in rows).encode()).hexdigest()
        for title, rows in _texts().items()
    }

    assert WORDS == digests


def test_every_sentence_has_a_test_and_only_the_environment_waits_for_a_part() -> None:
    later = {sentence for sentence, named in _rows() for name in named if name.startswith("later: ")}

    assert [] == [sentence for sentence, named in _rows() if all(name.startswith("later: ") for name in named)]
    assert all(sentence.startswith(ENVIRONMENT) for sentence in later)


@pytest.mark.parametrize("named", NAMED)
def test_what_stands_for_a_sentence_exists_and_is_run(named: str) -> None:
    file, _, name = named.partition("::")

    if file.endswith(".yaml"):
        assert name in _cases(file)
    else:
        assert {name: False}.items() <= _tests(file).items()
