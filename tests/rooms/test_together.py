"""People in one document, on a real Jupyter server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import nbformat
import pytest
from websockets.asyncio.client import connect

from coterie.policy.roles import Role
from coterie.server.rooms.frames import QueryAwareness, Save, SyncStep2, SyncUpdate
from coterie.wire.close_codes import ACCESS_ENDED, ROLE_CHANGED, SERVICE_UNREACHABLE, TOO_SLOW
from rooms.serving import WITHIN, Server, access, eventually, headers


def notebook() -> dict[str, Any]:
    cells = [
        {
            "id": "first",
            "cell_type": "code",
            "execution_count": 3,
            "metadata": {"tags": ["x"]},
            "source": "print('a')\n'b'",
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": "a\n"},
                {
                    "output_type": "execute_result",
                    "execution_count": 3,
                    "metadata": {},
                    "data": {"text/plain": "'b'", "application/json": {"deep": [1, 2.5, None, True]}},
                },
            ],
        },
        {"id": "second", "cell_type": "markdown", "metadata": {}, "source": "# Penguins"},
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


async def test_two_editors_see_each_others_letters_and_end_up_with_one_text(server: Server) -> None:
    (server.root / "a.txt").write_text("start\n")
    alice, carol = await server.open("a.txt", "alice"), await server.open("a.txt", "carol")
    for number in range(20):
        alice.type(f"a{number} ")
        carol.type(f"c{number} ", at=len(carol.text.encode()))
    everything = len("start\n") + 2 * sum(len(f"a{number} ") for number in range(20))
    await eventually(lambda: len(alice.text) == len(carol.text) == everything)
    await alice.synchronise()
    await carol.synchronise()

    assert alice.text == carol.text
    assert all(f"{letter}{number} " in alice.text for letter in "ac" for number in range(20))

    await alice.close()
    await carol.close()


async def test_a_viewer_opens_what_nobody_else_has_opened_and_sees_letters_come(server: Server) -> None:
    (server.root / "a.txt").write_text("start\n")
    bob = await server.open("a.txt", "bob", "viewer")

    assert bob.text == "start\n"

    alice = await server.open("a.txt")
    alice.type("live ")
    await eventually(lambda: bob.text == "live start\n")
    await alice.close()
    await bob.close()


async def test_nothing_that_a_viewer_sends_changes_document_disk_or_screens(server: Server) -> None:
    path = server.root / "a.txt"
    path.write_text("start\n")
    alice, bob = await server.open("a.txt"), await server.open("a.txt", "bob", "viewer")
    alice.announce({"cursor": 1})
    await eventually(lambda: "alice" in bob.seen())
    await alice.synchronise()
    shown, written = list(alice.heard), path.stat().st_mtime_ns

    bob.type("EVIL")
    bob.send(SyncStep2(bob.doc.get_update()))
    bob.send(SyncUpdate(bob.doc.get_update()))
    bob.send(Save(1))
    bob.announce({"user": {"username": "alice"}}, client=alice.doc.client_id, clock=99)
    bob.announce(None, client=alice.doc.client_id, clock=100)
    await bob.synchronise()
    fresh = await server.open("a.txt", "carol")

    assert [alice.text, fresh.text] == ["start\n", "start\n"]
    assert shown == alice.heard
    assert ([], "start\n", written) == (bob.answers, path.read_text(), path.stat().st_mtime_ns)
    # What Bob typed, and three frames more.
    assert server.handler_of("bob")._connection.dropped == 4

    for client in (alice, bob, fresh):
        await client.close()


async def test_presence_carries_the_verified_person_whatever_the_client_says(server: Server) -> None:
    (server.root / "a.txt").write_text("")
    alice, bob = await server.open("a.txt"), await server.open("a.txt", "bob", "viewer")
    bob.announce({"user": {"username": "admin", "name": "Admin", "role": "creator"}, "cursor": 1})
    state = await eventually(lambda: alice.seen().get("bob"))

    assert (
        state["user"]["name"],
        state["user"]["role"],
        state["user"]["color"],
        state["cursor"],
    ) == ("Bob", "viewer", "#123456", 1)

    await alice.close()
    await bob.close()


@pytest.mark.parametrize("room", ["document", "everybody"])
async def test_who_joins_sees_everybody_at_once_and_who_leaves_is_gone_at_once(server: Server, room: str) -> None:
    (server.root / "a.txt").write_text("")

    async def join(person: str) -> Any:
        if room == "document":
            return await server.open("a.txt", person, "viewer")
        return await server.connect("JupyterLab:globalAwareness", person, "viewer")

    alice = await join("alice")
    alice.announce({})
    await eventually(lambda: "alice" in alice.seen())  # the echo
    bob = await join("bob")
    await eventually(lambda: "alice" in bob.seen())
    await alice.close()
    await eventually(lambda: not bob.seen())
    await bob.close()


async def test_presence_is_answered_when_asked(server: Server) -> None:
    alice = await server.connect("JupyterLab:globalAwareness")
    alice.announce({})
    await eventually(lambda: alice.seen())
    alice.presence.clear()
    alice.send(QueryAwareness())
    await eventually(lambda: "alice" in alice.seen())
    await alice.close()


@pytest.mark.parametrize("role", ["viewer", "editor"])
@pytest.mark.parametrize("message", [b"\x63", b"\x00\x07\x00", b"\x00\x02\x7f", b""])
async def test_what_is_no_frame_ends_the_connection(server: Server, message: bytes, role: str) -> None:
    (server.root / "a.txt").write_text("start\n")
    bob = await server.open("a.txt", "bob", role)
    bob.send(message)

    assert (await bob.closed())[0] == 1002
    assert [document.room.is_empty for document in server.rooms._open.values()] == [True]


async def test_a_save_is_answered_once_the_letters_are_on_disk(server: Server) -> None:
    path = server.root / "a.txt"
    path.write_text("start\n")
    alice = await server.open("a.txt")
    alice.type("saved ")

    assert await alice.save() == "success"
    assert path.read_text() == "saved start\n"

    await eventually(lambda: alice.document.hash)

    assert alice.document.dirty is False

    await alice.close()


async def test_a_save_that_fails_is_answered_as_failed(server: Server) -> None:
    (server.root / "a.txt").write_text("start\n")
    alice = await server.open("a.txt")
    (server.root / "a.txt").unlink()
    alice.type("x")

    assert await alice.save() == "failed"

    await alice.close()


async def test_somebody_who_never_stops_typing_is_saved_all_the_same(server: Server) -> None:
    path = server.root / "a.txt"
    path.write_text("start\n")
    alice = await server.open("a.txt")
    async with asyncio.timeout(WITHIN):  # whoever put the save off with every letter would never save
        while path.read_text() == "start\n":
            alice.type("x")
            await asyncio.sleep(0.1)

    await alice.close()


async def test_a_document_is_there_again_for_who_comes_back_and_is_not_doubled(server: Server) -> None:
    (server.root / "a.txt").write_text("start\n")
    alice = await server.open("a.txt")
    alice.type("more ")
    await alice.save()
    await alice.close()
    again = await server.open("a.txt")
    again.send(SyncStep2(alice.doc.get_update()))
    await again.synchronise()

    assert again.text == "more start\n"

    await again.close()


async def test_a_notebook_is_not_rewritten_by_being_opened(server: Server) -> None:
    path = server.root / "a.ipynb"
    path.write_text(json.dumps(notebook()))  # in one line, as Jupyter would not write it
    before = path.read_bytes()
    alice = await server.open("a.ipynb", kind="json:notebook")
    alice.doc.get("state", type=type(alice.document.ystate))["document_id"] = "as the stock front end does"

    assert [cell["source"] for cell in alice.document.get()["cells"]] == ["print('a')\n'b'", "# Penguins"]
    assert await alice.save() == "success"
    assert before == path.read_bytes()

    await alice.close()


async def test_a_notebook_that_was_edited_keeps_its_outputs(server: Server) -> None:
    path = server.root / "a.ipynb"
    path.write_text(json.dumps(notebook()))
    alice = await server.open("a.ipynb", kind="json:notebook")
    alice.document.ycells[1]["source"].insert(len("# Penguins"), " of Adélie")
    await alice.save()
    saved = nbformat.read(path, as_version=4)
    expected = notebook()
    expected["cells"][1]["source"] = "# Penguins of Adélie"

    assert expected == json.loads(json.dumps(saved))

    await alice.close()


async def test_a_change_from_outside_arrives_and_keeps_what_is_being_typed(server: Server) -> None:
    path = server.root / "a.txt"
    path.write_text("one\ntwo\n")
    alice, bob = await server.open("a.txt"), await server.open("a.txt", "bob", "viewer")
    alice.type("mine\n")
    path.write_text("one\ntwo\nthree\n")
    await eventually(lambda: bob.text == "mine\none\ntwo\nthree\n")
    await eventually(lambda: path.read_text() == "mine\none\ntwo\nthree\n")
    await alice.close()
    await bob.close()


async def test_an_open_document_follows_a_rename(server: Server) -> None:
    (server.root / "a.txt").write_text("one\n")
    alice = await server.open("a.txt")
    answer = await server.request("PATCH", "/api/contents/a.txt", json={"path": "b.txt"})
    await eventually(lambda: alice.document.path == "b.txt")
    alice.type("more ")

    assert (answer.status_code, await alice.save()) == (200, "success")
    assert (
        [p.name for p in server.root.glob("*.txt")],
        (server.root / "b.txt").read_text(),
    ) == (["b.txt"], "more one\n")

    await alice.close()


async def test_a_server_that_stops_saves_first(server: Server) -> None:
    (server.root / "a.txt").write_text("one\n")
    alice = await server.open("a.txt")
    alice.type("last words ")
    await alice.synchronise()
    await server.rooms.close()

    assert (server.root / "a.txt").read_text() == "last words one\n"

    await alice.close()


async def test_a_file_is_one_kind_of_document_at_a_time(server: Server) -> None:
    (server.root / "a.ipynb").write_text(json.dumps(notebook()))
    alice = await server.open("a.ipynb", kind="json:notebook")
    session = await server.session("a.ipynb", "carol", "editor", "text:file")
    room = f"text:file:{session['fileId']}?sessionId={session['sessionId']}"
    code, reason = await (await server.connect(room, "carol")).closed()

    assert (code, json.loads(reason)["code"]) == (1003, "open-otherwise")

    old = await server.session("a.ipynb", "alice", "editor", "json:notebook")
    await alice.close()
    await eventually(lambda: all(document.room.is_empty for document in server.rooms._open.values()))
    carol = await server.open("a.ipynb", "carol")

    assert notebook() == json.loads(carol.text)

    carol.type("\n")
    await carol.close()
    await eventually(lambda: all(document.room.is_empty for document in server.rooms._open.values()))
    await eventually(lambda: all(document.saver.is_clean for document in server.rooms._open.values()))
    late = await server.connect(
        f"json:notebook:{old['fileId']}?sessionId={old['sessionId']}", kind="notebook"
    )  # what it was before, it goes on with
    await late.synchronise()

    assert [cell["id"] for cell in notebook()["cells"]] == [cell["id"] for cell in late.document.get()["cells"]]


async def test_a_viewer_who_reads_a_file_as_another_kind_of_document_gives_way_to_an_editor(server: Server) -> None:
    (server.root / "a.ipynb").write_text(json.dumps(notebook()))
    bob = await server.open("a.ipynb", "bob", "viewer")
    alice = await server.open("a.ipynb", kind="json:notebook")

    assert ((await bob.closed())[0], json.loads((await bob.closed())[1])["code"]) == (1003, "open-otherwise")

    await alice.close()
    await eventually(lambda: all(document.room.is_empty for document in server.rooms._open.values()))
    session = await server.session("a.ipynb", "bob", "viewer")
    again = await server.connect(f"text:file:{session['fileId']}?sessionId={session['sessionId']}", "bob", "viewer")

    assert (await again.closed())[0] == 1003


@pytest.mark.parametrize("query", ["", "?sessionId=", "?sessionId=00000000-0000-0000-0000-000000000000"])
async def test_a_missing_or_wrong_session_is_told_to_reload_and_gets_nothing(server: Server, query: str) -> None:
    (server.root / "a.txt").write_text("start\n")
    session = await server.session("a.txt", "alice", "editor")
    alice = await server.connect(f"text:file:{session['fileId']}{query}")
    alice.type("x")
    code, reason = await alice.closed()

    assert (code, json.loads(reason)["reason"], json.loads(reason)["reloadable"]) == (1003, "unknown_session", True)
    assert (alice.heard, server.rooms._open) == ([], {})


@pytest.mark.parametrize(
    ("room", "person", "role", "status"),
    [
        ("text:file:nobody-has-this-id", "alice", "editor", 404),
        ("json:file:{id}", "alice", "editor", 404),
        ("text:nonsense:{id}", "alice", "editor", 404),
        ("text:file:{id}:more", "alice", "editor", 404),
        ("JupyterLab:other", "alice", "editor", 404),
        ("fork", "alice", "editor", 404),
        ("text:file:{id}", "alice", "", 403),
        ("text:file:nobody-has-this-id", "alice", "", 403),
        ("text:file:{id}", "", "", 403),
        ("JupyterLab:globalAwareness", "", "", 403),
    ],
)
async def test_what_is_no_room_for_somebody_is_refused_before_anything_is_made(
    server: Server, room: str, person: str, role: str, status: int
) -> None:
    (server.root / "a.txt").write_text("start\n")
    session = await server.session("a.txt", "alice", "editor")
    answer = await server.request(
        "GET",
        f"/api/collaboration/room/{room.format(id=session['fileId'])}?sessionId={session['sessionId']}",
        person,
        role,
    )

    assert (status, {}) == (answer.status_code, server.rooms._open)


async def test_a_file_that_is_no_notebook_is_said_to_be_unreadable(server: Server) -> None:
    (server.root / "a.ipynb").write_text("not JSON")
    session = await server.session("a.ipynb", "alice", "editor", "json:notebook")
    alice = await server.connect(f"json:notebook:{session['fileId']}?sessionId={session['sessionId']}")

    assert ((await alice.closed())[0], server.rooms._open) == (4400, {})


async def test_a_file_that_has_gone_since_is_not_found(server: Server) -> None:
    (server.root / "a.txt").write_text("")
    session = await server.session("a.txt", "alice", "editor")
    (server.root / "a.txt").unlink()
    alice = await server.connect(f"text:file:{session['fileId']}?sessionId={session['sessionId']}")

    assert (await alice.closed())[0] == 4404


@pytest.mark.parametrize(
    ("code", "status"), [(ACCESS_ENDED, 1003), (ROLE_CHANGED, 4409), (SERVICE_UNREACHABLE, 4503)], ids=str
)
async def test_after_the_end_nothing_is_taken_or_sent(server: Server, code: Any, status: int) -> None:
    (server.root / "a.txt").write_text("start\n")
    alice, bob = await server.open("a.txt"), await server.open("a.txt", "bob")
    handler = server.handler_of("bob")
    connection = handler.ws_connection
    handler.end(code)
    heard = list(bob.heard)
    # A client that ignores the close frame: tornado would still hand its messages on.
    handler.on_message(b"\x00\x02" + bytes([len(bob.doc.get_update())]) + bob.doc.get_update())
    connection.handler.on_message(b"\x03")
    alice.type("on ")
    closed = await bob.closed()

    assert (status, heard) == (closed[0], bob.heard)
    assert code.word == json.loads(closed[1])["code"]

    await alice.synchronise()

    assert alice.text == "on start\n"

    await alice.close()


async def test_who_is_ended_while_the_document_loads_never_gets_in(server: Server, monkeypatch: Any) -> None:
    (server.root / "a.txt").write_text("start\n")
    session = await server.session("a.txt", "bob", "viewer")
    contents, loading, go_on = server.rooms.contents, asyncio.Event(), asyncio.Event()
    original = contents.get

    async def slow(*arguments: Any, **named: Any) -> Any:
        loading.set()
        await go_on.wait()
        return await original(*arguments, **named)

    monkeypatch.setattr(contents, "get", slow)
    bob = await server.connect(f"text:file:{session['fileId']}?sessionId={session['sessionId']}", "bob", "viewer")
    await loading.wait()
    server.handler_of("bob").end(ACCESS_ENDED)
    go_on.set()
    await bob.closed()
    await eventually(lambda: server.rooms._open)

    assert bob.heard == []
    assert all(document.room.is_empty for document in server.rooms._open.values())


async def test_a_client_that_never_reads_is_ended_and_the_others_go_on(server: Server, monkeypatch: Any) -> None:
    monkeypatch.setattr("coterie.server.rooms.stream.PATIENCE", 5.0)  # also with alice, who does read
    (server.root / "a.txt").write_text("start\n")
    alice = await server.open("a.txt")
    session = await server.session("a.txt", "bob", "viewer")
    address = f"ws://{server.address}/api/collaboration/room/text:file:{session['fileId']}"
    bob = await connect(
        f"{address}?sessionId={session['sessionId']}",
        additional_headers=headers("bob", "viewer"),
        max_queue=1,
        ping_interval=None,
    )
    await eventually(lambda: server.handler_of("bob")._room)
    while not server.handler_of("bob")._is_over:
        alice.type("x" * 500_000)
        await alice.synchronise()
        alice.document._ysource.clear()
        await asyncio.sleep(0.1)

    assert server.handler_of("bob")._ended_with == TOO_SLOW

    await alice.close()
    bob.transport.abort()


async def test_a_role_changes_without_a_new_connection(server: Server) -> None:
    (server.root / "a.txt").write_text("start\n")
    alice, bob = await server.open("a.txt"), await server.open("a.txt", "bob", "viewer")
    bob.type("early ")
    await bob.synchronise()

    assert alice.text == "start\n"

    server.handler_of("bob").access_changed(access("bob", Role.EDITOR))
    bob.type("late ")
    await eventually(lambda: "late" in alice.text)
    server.handler_of("bob").access_changed(access("bob", Role.VIEWER))
    bob.type("too late ")
    await bob.synchronise()
    await alice.synchronise()

    assert "too" not in alice.text

    await alice.close()
    await bob.close()
