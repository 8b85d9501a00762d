from __future__ import annotations

import pytest

from rooms.serving import Server


async def put(
    server: Server, path: str, person: str = "alice", role: str = "viewer", **body: object
) -> tuple[int, dict]:
    body = body or {"format": "text", "type": "file"}
    answer = await server.request("PUT", f"/api/collaboration/session/{path}", person, role, json=body)
    return answer.status_code, answer.json()


async def test_a_viewer_gets_the_room_of_a_file_that_nobody_has_opened_yet(server: Server) -> None:
    (server.root / "a.txt").write_text("x")

    first, second = await put(server, "a.txt"), await put(server, "a.txt", "bob", "editor")

    assert (first[0], second[0]) == (201, 200)
    assert first[1] == second[1]
    assert {"format", "type", "fileId", "sessionId"} == set(first[1])


async def test_a_path_with_folders_and_strange_letters_is_one_file(server: Server) -> None:
    (server.root / "d é").mkdir()
    (server.root / "d é" / "f:100%.txt").write_text("x")

    assert (await put(server, "d%20%C3%A9%2Ff%3A100%25.txt"))[0] == 201


@pytest.mark.parametrize(
    "path",
    [
        "none.txt",
        "none/none.txt",
        ".hidden.txt",
        "..%2Foutside.txt",
        "sub%2F..%2F..%2Foutside.txt",
        "sub%2F..%2Fa.txt",
        ".%2Fa.txt",
        "sub//a.txt",
        "sub%5Ca.txt",
        "a.txt%00",
        "",
        "x" * 5000,
    ],
)
async def test_what_is_no_file_that_one_may_read_is_not_found_and_not_made(server: Server, path: str) -> None:
    for name in ("a.txt", ".hidden.txt", "../outside.txt"):
        (server.root / name).write_text("x")
    (server.root / "sub").mkdir()
    (server.root / "sub" / "a.txt").write_text("x")
    before = sorted(server.root.rglob("*"))

    assert (await put(server, path))[0] == 404
    assert before == sorted(server.root.rglob("*"))


async def test_a_folder_is_not_a_document(server: Server) -> None:
    (server.root / "sub").mkdir()

    assert (await put(server, "sub"))[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        {"format": "text"},
        {"type": "file"},
        {"format": "text", "type": "nonsense"},
        {"format": "json", "type": "file"},
        {"format": "text", "type": "notebook"},
        {"format": ["text"], "type": ["file"]},
        {"format": None, "type": None},
    ],
)
async def test_a_kind_of_document_that_does_not_exist_is_refused(server: Server, body: dict[str, object]) -> None:
    (server.root / "a.txt").write_text("x")

    assert (await put(server, "a.txt", **body))[0] == 400


@pytest.mark.parametrize("content", [b"", b"[]", b"1", b"{", b"\xff"])
async def test_a_body_that_is_no_object_is_refused(server: Server, content: bytes) -> None:
    (server.root / "a.txt").write_text("x")
    answer = await server.request("PUT", "/api/collaboration/session/a.txt", content=content)

    assert answer.status_code == 400


@pytest.mark.parametrize("person", ["alice", ""])
async def test_whom_the_gate_has_not_let_in_gets_the_same_answer_for_every_file(server: Server, person: str) -> None:
    (server.root / "a.txt").write_text("x")

    assert [(await put(server, path, person, role=""))[0] for path in ("a.txt", "none.txt")] == [403, 403]
    assert server.rooms.file_ids.get_id("a.txt") is None
