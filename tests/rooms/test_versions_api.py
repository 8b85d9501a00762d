"""What a caller of the versions API sees, whatever stands behind it: the rooms are stand-ins here."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coterie.client import ServiceUnreachable
from coterie.server.rooms.endings import LOAD_FAILED, NOT_FOUND, OPEN_OTHERWISE, UNREADABLE
from coterie.server.rooms.names import DocumentName
from coterie.server.rooms.registry import CannotJoin
from coterie.server.rooms.version_handlers import NAMES_SETTING
from coterie.wire.close_codes import CloseCode
from rooms.serving import Server

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Names = Callable[[Collection[str]], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True)
class FakeVersion:
    """What the handler looks at of a version."""

    sequence: int
    people: tuple[str, ...] = ()
    origin: str = "edit"
    since: datetime = NOON
    until: datetime = NOON + timedelta(minutes=5)


@dataclass
class History:
    """Stands in for a document's journal: its versions, what they hold, and what was restored by whom."""

    versions: tuple[FakeVersion, ...] = ()
    contents: dict[int, bytes] = field(default_factory=dict)
    refusal: CloseCode | None = None
    asked: list[DocumentName] = field(default_factory=list)
    restored: list[tuple[int, str]] = field(default_factory=list)

    async def list(self, name: DocumentName) -> tuple[FakeVersion, ...]:
        self._ask(name)
        return self.versions

    async def read(self, name: DocumentName, sequence: int) -> bytes:
        self._ask(name)
        return self.contents[sequence]

    async def restore(self, name: DocumentName, sequence: int, person: str) -> None:
        self._ask(name)
        assert self.contents[sequence] is not None
        self.restored.append((sequence, person))

    def _ask(self, name: DocumentName) -> None:
        self.asked.append(name)
        if self.refusal is not None:
            raise CannotJoin(self.refusal)


@pytest.fixture
def history(server: Server, monkeypatch: pytest.MonkeyPatch) -> History:
    (server.root / "a.txt").write_text("x")
    server.rooms.file_ids.index("a.txt")
    history = History()
    monkeypatch.setattr(server.rooms, "versions", history.list, raising=False)
    monkeypatch.setattr(server.rooms, "version", history.read, raising=False)
    monkeypatch.setattr(server.rooms, "restore", history.restore, raising=False)
    return history


def settings(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server._app.web_app.settings
    return found


def knows(server: Server, names: Names) -> None:
    settings(server)[NAMES_SETTING] = names


async def ask(server: Server, path: str = "a.txt?type=file", method: str = "GET", **more: str) -> tuple[int, Any]:
    answer = await server.request(method, f"/coterie/versions/{path}", **more)
    return answer.status_code, answer.json() if answer.content else None


async def test_the_newest_version_comes_first_with_names_in_place_of_ids(server: Server, history: History) -> None:
    later = NOON + timedelta(hours=1)
    history.versions = (
        FakeVersion(3, origin="outside"),
        FakeVersion(12, ("id-of-bob", "id-of-alice"), since=later, until=later + timedelta(seconds=1.5)),
    )

    async def names(people: Collection[str]) -> Mapping[str, str]:
        return {"id-of-bob": "bob"} if set(people) == {"id-of-bob"} else {}

    knows(server, names)

    assert await ask(server) == (
        200,
        {
            "items": [
                {
                    "id": "12",
                    "since": "2026-03-01T13:00:00Z",
                    "until": "2026-03-01T13:00:01.500000Z",
                    "people": [{"name": "bob"}, {"name": "alice"}],
                    "origin": "edit",
                },
                {
                    "id": "3",
                    "since": "2026-03-01T12:00:00Z",
                    "until": "2026-03-01T12:05:00Z",
                    "people": [],
                    "origin": "outside",
                },
            ],
            "next": None,
        },
    )


async def test_a_person_whom_nobody_knows_has_no_name(server: Server, history: History) -> None:
    history.versions = (FakeVersion(3, ("id-of-somebody-who-left",)),)

    async def names(people: Collection[str]) -> Mapping[str, str]:
        return {}

    knows(server, names)

    assert [{"name": None}] == (await ask(server))[1]["items"][0]["people"]


async def test_a_service_that_is_away_costs_the_names_and_not_the_list(server: Server, history: History) -> None:
    history.versions = (FakeVersion(3, ("id-of-bob", "id-of-alice")),)

    async def names(people: Collection[str]) -> Mapping[str, str]:
        raise ServiceUnreachable("The Coterie service cannot be reached.")

    knows(server, names)

    assert [{"name": None}, {"name": "alice"}] == (await ask(server))[1]["items"][0]["people"]


async def test_no_names_are_asked_for_where_nobody_else_is_in_the_list(server: Server, history: History) -> None:
    history.versions = (FakeVersion(3, ("id-of-alice",)),)

    async def names(people: Collection[str]) -> Mapping[str, str]:
        raise AssertionError("asked")

    knows(server, names)

    assert [{"name": "alice"}] == (await ask(server))[1]["items"][0]["people"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"one line\r\n",
        'quotes " and \\ and </script> and \u2028'.encode(),
        ("ü企🐧\x00\x1f" * 60_000).encode(),
        b"x" * (3 * 64 * 1024),
        json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode(),
    ],
    ids=["empty", "lines", "quotes", "many pieces", "one whole piece", "a notebook"],
)
async def test_a_version_is_answered_as_the_file_was(server: Server, history: History, content: bytes) -> None:
    history.contents = {7: content}

    status, body = await ask(server, "a.txt?type=file&version=7")

    assert (200, {"id": "7", "format": "text", "content": content.decode()}) == (status, body)


@pytest.mark.parametrize("content", [b"\xff", bytes(range(256)) * 2_000, "ü".encode() * 100_000 + b"\xc3"])
async def test_a_version_that_is_no_text_is_answered_in_base64(
    server: Server, history: History, content: bytes
) -> None:
    history.contents = {7: content}

    status, body = await ask(server, "a.txt?type=file&version=7")

    assert (200, {"id", "format", "content"}, "base64") == (status, set(body), body["format"])
    assert content == base64.b64decode(body["content"], validate=True)


async def test_a_version_is_not_kept_by_the_browser(server: Server, history: History) -> None:
    history.contents = {7: b"x"}

    headers = (await server.request("GET", "/coterie/versions/a.txt?type=file&version=7")).headers

    assert ("application/json", "no-store") == (headers["content-type"], headers["cache-control"])


async def test_restoring_is_an_edit_of_the_callers(server: Server, history: History) -> None:
    history.contents = {7: b"x"}

    assert (204, None) == await ask(server, "a.txt?type=file&version=7", "POST", person="carol")

    assert [(7, "id-of-carol")] == history.restored


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("version", ["8", "-7", "7.0", "x", "", "٧", "7 OR 1=1", "9" * 30])
async def test_a_version_that_does_not_exist_is_not_found(
    server: Server, history: History, method: str, version: str
) -> None:
    history.contents = {7: b"x"}

    assert 404 == (await ask(server, f"a.txt?type=file&version={version}", method))[0]
    assert [] == history.restored


async def test_restoring_needs_a_version(server: Server, history: History) -> None:
    assert 400 == (await ask(server, method="POST"))[0]


@pytest.mark.parametrize(
    ("refusal", "status"), [(NOT_FOUND, 404), (OPEN_OTHERWISE, 409), (UNREADABLE, 409), (LOAD_FAILED, 503)]
)
async def test_a_document_that_cannot_be_had_says_why(
    server: Server, history: History, refusal: CloseCode, status: int
) -> None:
    history.refusal = refusal

    answers = [
        await ask(server),
        await ask(server, "a.txt?type=file&version=7"),
        await ask(server, "a.txt?type=file&version=7", "POST"),
    ]

    assert [(status, refusal.message)] * 3 == [(got, body["message"]) for got, body in answers]


@pytest.mark.parametrize("query", ["", "?type=", "?type=nonsense", "?type=file:x", "?type=%FF", "?format=text"])
async def test_a_kind_of_document_that_does_not_exist_is_refused(server: Server, history: History, query: str) -> None:
    assert 400 == (await ask(server, f"a.txt{query}"))[0]
    assert [] == history.asked


async def test_the_kind_of_document_says_the_format(server: Server, history: History) -> None:
    for kind in ("file", "notebook", "blob", "unicode"):
        await ask(server, f"a.txt?type={kind}")

    assert ["text:file", "json:notebook", "base64:blob", "text:unicode"] == [
        f"{name.format}:{name.type}" for name in history.asked
    ]


async def test_a_file_that_was_never_opened_has_no_versions_and_gets_no_id(server: Server, history: History) -> None:
    (server.root / "b.txt").write_text("x")

    assert (200, {"items": [], "next": None}) == await ask(server, "b.txt?type=file")
    assert 404 == (await ask(server, "b.txt?type=file&version=7"))[0]
    assert 404 == (await ask(server, "b.txt?type=file&version=7", "POST"))[0]
    assert server.rooms.file_ids.get_id("b.txt") is None
    assert [] == history.asked


@pytest.mark.parametrize(
    "path",
    [
        "none.txt",
        ".hidden.txt",
        "..%2Foutside.txt",
        "sub%2F..%2Fa.txt",
        ".%2Fa.txt",
        "sub//a.txt",
        "%2Fa.txt",
        "sub%5Ca.txt",
        "a.txt%00",
        "",
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_no_file_that_one_may_read_is_not_found(
    server: Server, history: History, method: str, path: str
) -> None:
    for name in (".hidden.txt", "../outside.txt"):
        (server.root / name).write_text("x")
    (server.root / "sub").mkdir()
    (server.root / "sub" / "a.txt").write_text("x")
    server.rooms.file_ids.index(".hidden.txt")

    assert 404 == (await ask(server, f"{path}?type=file&version=7", method))[0]
    assert [] == history.asked


async def test_a_folder_has_no_versions(server: Server, history: History) -> None:
    (server.root / "sub").mkdir()

    assert 400 == (await ask(server, "sub?type=file"))[0]


@pytest.mark.parametrize("person", ["alice", ""])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_whom_the_gate_has_not_let_in_gets_the_same_answer_for_every_file(
    server: Server, history: History, method: str, person: str
) -> None:
    for path in ("a.txt", "none.txt"):
        assert 403 == (await ask(server, f"{path}?type=file&version=7", method, person=person, role=""))[0]
    assert [] == history.asked


async def test_a_page_restores_only_with_the_token_that_its_own_origin_can_read(
    server: Server, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.contents = {7: b"x"}
    monkeypatch.setitem(settings(server), "disable_check_xsrf", False)

    assert 403 == (await ask(server, "a.txt?type=file&version=7", "POST"))[0]
    assert [] == history.restored
