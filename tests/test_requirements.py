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

#: SHA-256 of the sentences, one a line. It changes only where the text does that they were taken from.
WORDS = "9492595a6bd3e1b1ad76632fad56bbf03792d051edade7c49c995c85adfcb3fa"
#: The one sentence of which a part is for later.
ENVIRONMENT = "You can share your workspaces with other users, allowing them to access a pre-configured environment"

_SKIPPING = {"skip", "skipif", "xfail", "soak"}


def _rows() -> list[tuple[str, list[str]]]:
    """Each sentence with what stands for it."""
    lines = re.findall(r"^\| (.+) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [(sentence, cell.split("<br>")) for sentence, cell in lines if sentence != "the text"]


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
    sentences = "\n".join(sentence for sentence, _ in _rows())

    assert WORDS == hashlib.sha256(sentences.encode()).hexdigest()


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
