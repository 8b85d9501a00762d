"""What is measured: who plays which part against which servers, and how often."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.rooms.contenders import Contender, Running, running
from benchmarks.rooms.installing import BUILT, PYTHON, ROOT
from benchmarks.rooms.notebooks import write_large_outputs, write_many_cells

Sample = dict[str, Any]

EVERYBODY = tuple(Contender)
JUPYTER = tuple(contender for contender in Contender if contender.is_jupyter)

#: How many people read along, from one to a lecture.
CROWDS = (1, 10, 50, 100)

#: Seconds that one play may take.
_WITHIN = 300


class PlayFailed(Exception):
    """The load ended with an error; what it and the server had written is in the message."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    repeats: int = 3
    edits: int = 300
    flood: int = 2000
    seconds_of_presence: float = 10.0
    cells: int = 5000
    outputs: int = 50
    keystrokes: int = 10
    documents: int = 200


#: To see that all works; the figures say little.
QUICK = Scale(repeats=1, edits=60, flood=300, seconds_of_presence=2.0, cells=500, outputs=5, keystrokes=3, documents=20)


@dataclass(frozen=True, slots=True)
class Measure:
    """*prepare* makes the files and answers the part to play."""

    name: str
    contenders: tuple[Contender, ...]
    prepare: Callable[[Path, Scale], dict[str, Any]]


def measures() -> Iterator[Measure]:
    """In the order in which they are taken."""
    for readers in CROWDS:
        yield Measure(f"typing-{readers}", EVERYBODY, _typing(readers))
    yield Measure("flood", EVERYBODY, _flood)
    yield Measure("presence", EVERYBODY, _presence(echoes=False))
    yield Measure("presence-echo", EVERYBODY, _presence(echoes=True))
    yield Measure("opening", JUPYTER, _opening)
    yield Measure("keystrokes", JUPYTER, _keystrokes)
    yield Measure("documents", JUPYTER, _documents)


def take(measure: Measure, contender: Contender, scale: Scale) -> Sample:
    """Measure once, on a server that is started for it. Raises DidNotStart and PlayFailed."""
    with (
        tempfile.TemporaryDirectory(prefix="state-", dir=BUILT, ignore_cleanup_errors=True) as folder,
        running(contender, Path(folder)) as server,
    ):
        return _play(server, measure.prepare(server.folder, scale))


def _play(server: Running, part: dict[str, Any]) -> Sample:
    words = [server.contender, server.address, str(server.pid), json.dumps(part)]
    try:
        played = subprocess.run(
            [PYTHON, "-m", "benchmarks.rooms.load", *words],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            timeout=_WITHIN,
            capture_output=True,
            text=True,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise PlayFailed(f"{error.stderr[-2000:]}\nThe server had written:\n{server.last_words()}") from error
    except subprocess.TimeoutExpired as error:
        raise PlayFailed(f"It took more than {_WITHIN} seconds.") from error
    sample: Sample = json.loads(played.stdout)
    return sample


def _typing(readers: int) -> Callable[[Path, Scale], dict[str, Any]]:
    def prepare(folder: Path, scale: Scale) -> dict[str, Any]:
        document = _empty_text(folder)
        return {"play": "typing", "document": document, "readers": readers, "edits": scale.edits, "rate": 30.0}

    return prepare


def _flood(folder: Path, scale: Scale) -> dict[str, Any]:
    return {"play": "flood", "document": _empty_text(folder), "readers": 100, "edits": scale.flood}


def _presence(*, echoes: bool) -> Callable[[Path, Scale], dict[str, Any]]:
    def prepare(folder: Path, scale: Scale) -> dict[str, Any]:
        part = {"play": "presence", "document": _empty_text(folder), "echoes": echoes}
        return part | {"people": 100, "rate": 5.0, "seconds": scale.seconds_of_presence}

    return prepare


def _opening(folder: Path, scale: Scale) -> dict[str, Any]:
    write_many_cells(folder / "small.ipynb", 10)
    write_many_cells(folder / "large.ipynb", scale.cells)
    return {"play": "opening", "notebook": "large.ipynb", "small": "small.ipynb", "cells": scale.cells}


def _keystrokes(folder: Path, scale: Scale) -> dict[str, Any]:
    write_large_outputs(folder / "outputs.ipynb", scale.outputs, 1_000_000)
    return {"play": "keystrokes", "notebook": "outputs.ipynb", "keystrokes": scale.keystrokes}


def _documents(folder: Path, scale: Scale) -> dict[str, Any]:
    first = [f"first-{number}.txt" for number in range(5)]
    documents = [f"document-{number}.txt" for number in range(scale.documents)]
    for name in (*first, *documents):
        (folder / name).write_text(f"This is {name}.\n" * 20, encoding="utf-8")
    return {"play": "documents", "first": first, "documents": documents}


def _empty_text(folder: Path) -> str:
    (folder / "text.txt").write_text("", encoding="utf-8")
    return "text.txt"
