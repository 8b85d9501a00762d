"""What the live channel says of documents and of people, on a real server behind the stand-in for the gate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from coterie.policy.roles import Role
from coterie.server.live import CHANNELS_SETTING, LiveChannels, LiveHandler
from coterie.server.rooms.people import PEOPLE_SETTING
from coterie.server.rooms.problems import PROBLEMS_SETTING, Problems
from coterie.wire.close_codes import ACCESS_ENDED
from rooms.serving import WITHIN, Server, access, eventually, headers

PATH = "birds/notes.md"
STANDING = {"problems": [{"path": PATH, "word": "not-saved", "sentence": "The disk is full."}]}


@pytest.fixture
def problems(server: Server) -> Problems:
    application = server._app.web_app
    application.add_handlers(".*$", [("/coterie/live", LiveHandler)])
    problems = application.settings[PROBLEMS_SETTING] = Problems()
    return problems


@pytest.fixture
def channels(server: Server, problems: Problems) -> LiveChannels:
    channels = server._app.web_app.settings[CHANNELS_SETTING] = LiveChannels(is_home=False)
    return channels


@asynccontextmanager
async def listening(server: Server, role: str = "viewer", person: str = "bob") -> AsyncIterator[ClientConnection]:
    url = f"ws://{server.address}/coterie/live"
    async with connect(url, additional_headers=headers(person, role), max_size=None) as socket:
        yield socket


async def said(socket: ClientConnection, *, people: bool = False) -> dict[str, Any]:
    """The next message; with *people* the next about them, without the next about anything else."""
    async with asyncio.timeout(WITHIN):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if ("people" in message) is people:
                return message


async def here(socket: ClientConnection, *expected: str) -> list[dict[str, Any]]:
    """Wait until exactly these are here, by their shown names in any order, and answer the entries."""
    while True:
        entries: list[dict[str, Any]] = (await said(socket, people=True))["people"]
        if sorted(expected) == sorted(entry["name"] for entry in entries):
            return entries


async def in_documents(socket: ClientConnection, name: str, *paths: str) -> None:
    """Wait until *name* is told to be in these documents, in this order."""
    while True:
        entries = (await said(socket, people=True))["people"]
        if [list(paths)] == [entry["documents"] for entry in entries if entry["name"] == name]:
            return


async def test_a_viewer_hears_what_stands_before_the_role(server: Server, problems: Problems) -> None:
    problems.set(PATH, "not-saved", "The disk is full.")

    async with listening(server) as socket:
        assert STANDING == await said(socket)
        assert "viewer" == (await said(socket))["role"]


async def test_problems_come_and_go_and_notices_are_passed_on(server: Server, problems: Problems) -> None:
    async with listening(server) as socket:
        assert "viewer" == (await said(socket))["role"]

        problems.set(PATH, "not-saved", "The disk is full.")
        problems.tell(PATH, "A version was kept.")
        problems.clear(PATH, "not-saved")

        assert STANDING == await said(socket)
        assert {"notice": {"path": PATH, "sentence": "A version was kept."}} == await said(socket)
        assert {"problems": []} == await said(socket)


async def test_a_page_that_is_gone_is_told_nothing(server: Server, problems: Problems) -> None:
    async with listening(server) as socket:
        await said(socket)
    await eventually(lambda: server.handlers[-1].close_code is not None)

    problems.tell(PATH, "Nobody is there.")
    server.handlers[-1].access_changed(access("bob", Role.EDITOR))


async def test_without_problems_there_is_only_the_role(server: Server, problems: Problems) -> None:
    for setting in (PROBLEMS_SETTING, PEOPLE_SETTING):
        del server._app.web_app.settings[setting]

    async with listening(server, "editor") as socket:
        assert "editor" == json.loads(await socket.recv())["role"]


async def test_people_come_after_the_role_and_everybody_sees_themselves(server: Server, problems: Problems) -> None:
    async with listening(server) as socket:
        first, second = [json.loads(await socket.recv()) for _ in range(2)]

        assert ("viewer", ["Bob"]) == (first["role"], [entry["name"] for entry in second["people"]])
        (bob,) = second["people"]
        assert {"name", "username", "initials", "color", "role", "is_you", "documents"} == set(bob)
        assert ("bob", "B", "#123456", "viewer", True, []) == tuple(list(bob.values())[1:])


async def test_a_second_tab_is_told_who_is_here_and_is_nobody_new(server: Server, problems: Problems) -> None:
    async with listening(server) as first, listening(server) as second, listening(server, "editor", "carol") as third:
        for socket in (first, second, third):
            entries = await here(socket, "Bob", "Carol")
            assert [("Bob", socket is not third), ("Carol", socket is third)] == sorted(
                (entry["name"], entry["is_you"]) for entry in entries
            )


async def test_people_are_seen_in_the_documents_whose_rooms_they_are_in(server: Server, problems: Problems) -> None:
    for name in ("a.md", "b.md"):
        (server.root / name).write_text("text")
    async with listening(server) as socket:
        first = await server.open("a.md", "alice")
        await in_documents(socket, "Alice", "a.md")
        second = await server.open("b.md", "alice")
        await in_documents(socket, "Alice", "b.md", "a.md")

        first.type("x")
        await in_documents(socket, "Alice", "a.md", "b.md")

        await first.close()
        await in_documents(socket, "Alice", "b.md")
        await second.close()
        await here(socket, "Bob")


async def test_a_document_that_is_renamed_is_followed(server: Server, problems: Problems) -> None:
    (server.root / "a.md").write_text("text")
    client = await server.open("a.md", "alice")
    async with listening(server) as socket:
        await in_documents(socket, "Alice", "a.md")
        answer = await server.request("PATCH", "/api/contents/a.md", json={"path": "z.md"})
        assert answer.is_success
        await in_documents(socket, "Alice", "z.md")
    await client.close()


async def test_nobody_is_seen_as_what_they_claim_or_where_they_claim_to_be(server: Server, problems: Problems) -> None:
    for name in ("a.md", "b.md"):
        (server.root / name).write_text("text")
    async with listening(server) as socket:
        mallory = await server.open("a.md", "mallory", "viewer")
        claimed = {"username": "alice", "name": "Alice", "display_name": "Alice", "initials": "A", "color": "#000000"}
        mallory.announce({"user": claimed, "current": "b.md", "path": "b.md", "documents": ["b.md"]})
        await mallory.synchronise()
        everywhere = await server.connect("JupyterLab:globalAwareness", "mallory", "viewer")
        everywhere.announce({"user": claimed, "current": "editor:b.md"})
        await socket.send(json.dumps({"people": [{"name": "Alice", "documents": ["b.md"]}]}))
        carol = await server.open("a.md", "carol")

        entries = await here(socket, "Bob", "Carol", "Mallory")

        (entry,) = [entry for entry in entries if entry["name"] == "Mallory"]
        assert (["a.md"], "viewer", "M", "#123456") == (
            entry["documents"],
            entry["role"],
            entry["initials"],
            entry["color"],
        )
    for client in (mallory, everywhere, carol):
        await client.close()


async def test_a_room_that_lets_nobody_in_shows_nobody(server: Server, problems: Problems) -> None:
    (server.root / "a.md").write_text("text")
    session = await server.session("a.md", "mallory", "viewer")
    async with listening(server) as socket:
        room = f"ws://{server.address}/api/collaboration/room/text:file:{session['fileId']}?sessionId=wrong"
        async with connect(room, additional_headers=headers("mallory", "viewer")) as refused:
            await refused.wait_closed()
        carol = await server.open("a.md", "carol")

        await here(socket, "Bob", "Carol")
    await carol.close()
    assert [] == [visitor for visitor in server.rooms.people._visits if visitor.access.name == "mallory"]


async def test_who_loses_access_is_gone_although_the_client_does_not_close(server: Server, problems: Problems) -> None:
    async with listening(server) as socket, listening(server, person="dave") as daves:
        await here(socket, "Bob", "Dave")
        handler = server.handlers[-1]
        handler.end(ACCESS_ENDED)

        await here(socket, "Bob")
        assert daves.state.name != "CLOSED" or daves.close_code == ACCESS_ENDED.status


async def test_another_role_is_seen_by_everybody(server: Server, problems: Problems) -> None:
    async with listening(server) as socket, listening(server, person="dave") as daves:
        await here(daves, "Bob", "Dave")
        server.handlers[-1].access_changed(access("dave", Role.EDITOR))

        while True:
            entries = await here(socket, "Bob", "Dave")
            if "editor" in [entry["role"] for entry in entries if entry["name"] == "Dave"]:
                break


async def test_who_accepted_is_told_to_those_who_manage_access(server: Server, channels: LiveChannels) -> None:
    async with (
        listening(server, "creator", "alice") as alice,
        listening(server, "co-owner", "bob") as bob,
        listening(server, "editor", "carol") as carol,
        listening(server, "viewer", "dave") as dave,
    ):
        for socket in (alice, bob, carol, dave):
            assert "role" in await said(socket)
        channels.tell_accepted(access("erin", Role.EDITOR))
        problems: Problems = server._app.web_app.settings[PROBLEMS_SETTING]
        problems.tell(PATH, "Something else.")

        expected = {"accepted": {"name": "erin", "role": "editor"}}
        assert [expected, expected] == [await said(socket) for socket in (alice, bob)]
        assert ["notice", "notice"] == [next(iter(await said(socket))) for socket in (carol, dave)]


async def test_in_a_home_only_the_owner_is_told_who_accepted(server: Server, channels: LiveChannels) -> None:
    in_home = server._app.web_app.settings[CHANNELS_SETTING] = LiveChannels(is_home=True)
    async with listening(server, "creator", "alice") as alice, listening(server, "editor", "bob") as bob:
        for socket in (alice, bob):
            assert "role" in await said(socket)
        in_home.tell_accepted(access("erin", Role.VIEWER))
        problems: Problems = server._app.web_app.settings[PROBLEMS_SETTING]
        problems.tell(PATH, "Something else.")

        assert {"accepted": {"name": "erin", "role": "viewer"}} == await said(alice)
        assert "notice" in await said(bob)


async def test_two_hundred_people_who_come_at_once_cost_no_more_than_a_few_lists(
    server: Server, problems: Problems
) -> None:
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(listening(server, person=f"person{number}")) for number in range(200)
        ]
        everybody = [f"Person{number}" for number in range(200)]
        for socket in sockets:
            await here(socket, *everybody)


async def test_no_list_waits_behind_another_for_who_does_not_read(server: Server, problems: Problems) -> None:
    async with listening(server) as socket:
        await here(socket, "Bob")
        handler = server.handlers[-1]
        written: list[asyncio.Future[None]] = []

        def write_message(message: str) -> asyncio.Future[None]:
            written.append(asyncio.get_running_loop().create_future())
            return written[-1]

        handler.write_message = write_message
        for name in ("carol", "dave", "erin"):
            async with listening(server, person=name):
                await eventually(lambda name=name: name in [person.hub_name for person in handler._roll.people])
        await eventually(lambda: ["bob"] == [person.hub_name for person in handler._roll.people])
        assert 1 == len(written)
        written[0].set_result(None)
        await eventually(lambda: len(written) == 2)
        assert handler._told is handler._roll
