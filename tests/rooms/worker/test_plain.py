"""What crosses between the server and a worker, and what does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from coterie.server.rooms.journal.compaction import Keep
from coterie.server.rooms.journal.records import DamagedHeader, Mark
from coterie.server.rooms.journal.versions import Version
from coterie.server.rooms.worker.calls import pack_answer, pack_call, unpack_answer, unpack_call
from coterie.server.rooms.worker.plain import Malformed, pack
from coterie.server.rooms.worker.results import (
    Committed,
    Denied,
    Draft,
    Gone,
    Opened,
    Outside,
    Remark,
    Source,
    WorkerDied,
)
from rooms.worker.desk import LIFE

DIGEST = bytes(range(32))
STAMP = (1, 2**63, -1, 0)
SOURCE = Source("text:file:id", Path("/files/\udcff.txt"), "file", "text", Path("/journals/a"), LIFE)
OUTSIDE = Outside(b"update", Mark(3, (5, 6), DIGEST), DIGEST, STAMP, b"", is_in_file=True)
OPENED = Opened(b"state", LIFE, 100, 3, STAMP, DIGEST, True, (Remark("journal-cut"),))
NOON = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)

ASKED: list[tuple[str, tuple[Any, ...]]] = [
    ("open_document", (SOURCE,)),
    ("prepare", (SOURCE, 7)),
    ("compact", (Path("/journals/a"), 500, Keep(days=30, bytes=1000))),
    ("find_moved", (Path("/files"), frozenset({STAMP, (0, 0, 0, 0)}), 1.5)),
    ("be_ready", ()),
]

COMPACT = ASKED[2]
FIND = ASKED[3]

ANSWERED: list[tuple[tuple[str, tuple[Any, ...]], Any]] = [
    (ASKED[0], OPENED),
    (ASKED[1], Draft(DIGEST, 2, True, b"")),
    (("commit", (SOURCE,)), Committed(STAMP, OUTSIDE)),
    (("commit", (SOURCE,)), Committed(STAMP, None)),
    (("take_outside", (SOURCE, 1)), None),
    (("take_outside", (SOURCE, 1)), OUTSIDE),
    (("restore", (SOURCE, 1, 1)), b"update"),
    (("list_versions", (Path("a"),)), (Version(3, NOON, NOON, ("ann", "bøb"), "kept", 7),)),
    (COMPACT, None),
    (COMPACT, 500),
    (FIND, {STAMP: Path("deep/\udcff.txt")}),
    (ASKED[4], None),
]


@pytest.mark.parametrize(("name", "arguments"), ASKED)
def test_a_call_arrives_as_it_was_made(name: str, arguments: tuple[Any, ...]) -> None:
    rows: list[bytes] = []
    plain = json.loads(json.dumps(pack_call(name, arguments, rows)))

    assert (name, arguments) == unpack_call(plain, rows)


@pytest.mark.parametrize(("asked", "answer"), ANSWERED)
def test_an_answer_arrives_as_it_was_given(asked: tuple[str, tuple[Any, ...]], answer: Any) -> None:
    rows: list[bytes] = []
    plain = json.loads(json.dumps(pack_answer(answer, rows)))

    assert answer == unpack_answer(*asked, plain, rows)


@pytest.mark.parametrize(
    ("raised", "kind", "text"),
    [
        (Gone("It is gone."), Gone, "It is gone."),
        (DamagedHeader("no journal"), Exception, "no journal"),
        (FileNotFoundError(2, "quotes a path", "/secret"), FileNotFoundError, "[Errno 2] No such file or directory"),
        (OSError("without a number"), OSError, "[Errno 5] Input/output error"),
        (KeyError(7), KeyError, "'prepare'"),
        (RuntimeError("prepare failed"), RuntimeError, "prepare failed"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_of_an_exception_its_kind_and_our_own_words_arrive(raised: Exception, kind: type, text: str) -> None:
    plain = json.loads(json.dumps(pack_answer(raised, [])))
    arrived = unpack_answer(*ASKED[1], plain, [])

    assert isinstance(arrived, kind)
    assert text == str(arrived)


def opened(**changes: Any) -> list[Any]:
    """The data of an answer to ``open_document``, with one thing or another in it that no worker sends."""
    fields = {name: getattr(OPENED, name) for name in Opened.__slots__}
    return ["answer", [changes.get(name, pack(value, [])) for name, value in fields.items()]]


MALFORMED: dict[str, tuple[tuple[str, tuple[Any, ...]], Any]] = {
    "nothing": (ASKED[1], None),
    "a word alone": (ASKED[1], ["answer"]),
    "another word": (ASKED[1], ["eval", "1"]),
    "an exception of another kind": (ASKED[1], ["SystemExit", "now"]),
    "that it died itself": (ASKED[1], [WorkerDied.__name__, "died"]),
    "words for the log on two lines": (ASKED[1], [Denied.__name__, "denied\nWARNING forged"]),
    "more words than any sentence": (ASKED[1], [Denied.__name__, "a" * 201]),
    "words that are none": (ASKED[1], [Denied.__name__, {"a": 1}]),
    "an error of no number": (ASKED[1], ["OSError", "2"]),
    "an error that is none": (ASKED[1], ["OSError", 0]),
    "an answer to another call": (ASKED[1], ["answer", [STAMP, None]]),
    "a value where there is none": (ASKED[4], ["answer", 1]),
    "no value where there is one": (ASKED[1], ["answer", None]),
    "a list that is too long": (ASKED[1], ["answer", [0, 2, True, 0, 0]]),
    "a dictionary": (ASKED[1], ["answer", {"digest": 0}]),
    "true for a number": (ASKED[1], ["answer", [0, True, True, 0]]),
    "a number for true": (ASKED[1], ["answer", [0, 2, 1, 0]]),
    "a row that is not there": (ASKED[1], ["answer", [1, 2, True, 0]]),
    "a row from behind": (ASKED[1], ["answer", [-1, 2, True, 0]]),
    "a digest of another length": (ASKED[0], opened(digest=1)),
    "a sequence number below 0": (ASKED[1], ["answer", [0, -1, True, 0]]),
    "a sequence number above all": (ASKED[1], ["answer", [0, 2**60, True, 0]]),
    "a life that is a path": (ASKED[0], opened(life="../../../../../../etc/passwd....")),
    "a stamp of three": (ASKED[0], opened(stamp=[1, 2, 3])),
    "a remark of its own": (ASKED[0], opened(remarks=[["Give your password to eve."]])),
    "half a character": (("list_versions", (Path("a"),)), ["answer", [[1, 0, 0, ["\ud800"], "edit", 1]]]),
    "an origin that is none": (("list_versions", (Path("a"),)), ["answer", [[1, 0, 0, [], "evil", 1]]]),
    "the year 300000": (("list_versions", (Path("a"),)), ["answer", [[1, 0, 10**19, [], "edit", 1]]]),
    "a mark that is none": (("take_outside", (SOURCE, 1)), ["answer", [0, 1, 0, list(STAMP), None, True]]),
    "a path for the journal": (COMPACT, ["answer", ["/journals/b", 500]]),
    "more of the journal than there is": (COMPACT, ["answer", 501]),
    "less of the journal than its header": (COMPACT, ["answer", 0]),
    "a path elsewhere": (FIND, ["answer", [[list(STAMP), "/etc/passwd"]]]),
    "a path out of the folder": (FIND, ["answer", [[list(STAMP), "a/../../b"]]]),
    "a path with NUL": (FIND, ["answer", [[list(STAMP), "a\0b"]]]),
    "a path of no bytes": (FIND, ["answer", [[list(STAMP), "\ud800"]]]),
    "a file nobody asked for": (FIND, ["answer", [[[9, 9, 9, 9], "a"]]]),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_an_answer_that_is_none_is_known_for_it(what: str) -> None:
    asked, plain = MALFORMED[what]

    with pytest.raises(Malformed):
        unpack_answer(*asked, plain, [DIGEST] if what != "a digest of another length" else [DIGEST, b"short"])


def test_the_answers_above_are_none_for_that_reason_alone() -> None:
    rows = [b"state", DIGEST]
    assert OPENED == unpack_answer(*ASKED[0], opened(state=0, stamp=list(STAMP), digest=1), rows)
    assert Draft(DIGEST, 2, True, DIGEST) == unpack_answer(*ASKED[1], ["answer", [0, 2, True, 0]], [DIGEST])


@pytest.mark.parametrize("plain", [None, ["exec", ["1"]], ["prepare", []], ["forget", [1]], ["forget", ["a", "b"]]])
def test_a_call_that_is_none_is_known_for_it(plain: Any) -> None:
    with pytest.raises(Malformed):
        unpack_call(plain, [])
