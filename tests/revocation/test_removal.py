"""Access is taken away: everything that the person holds open is closed, and nobody else notices."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from pycrdt import Doc, Text
from websockets.exceptions import InvalidStatus

from attacks.raw import BINARY, CLOSE, TEXT, raw_socket
from coterie.server.rooms.frames import SyncUpdate, encode
from revocation.holding import (
    Place,
    admitted,
    editing,
    ended,
    execute_request,
    furnished,
    holding,
    hub,
    room_address,
    run,
    shared_addresses,
    typed,
)
from support.demo import Demo, until

pytestmark = pytest.mark.hub

ENDED = {
    "room": (1003, "access-ended"),
    "presence": (1003, "access-ended"),
    "kernel": (4403, "access-ended"),
    "events": (4403, "access-ended"),
    "terminal": (4403, "access-ended"),
    "live": (4403, "access-ended"),
}


async def remove(demo: Demo, place: Place, name: str, kind: str = "user") -> None:
    path = f"workspaces/{place.id}/grants/{kind}/{quote(name, safe='')}"
    assert (await demo.api("alice", "DELETE", path)).is_success


async def let_in(demo: Demo, place: Place, name: str, role: str) -> None:
    await demo.grant("admin", place.id, name, role)
    await demo.open(name, place.id)


async def works(demo: Demo, place: Place, who: str) -> None:
    """Everything that an Editor does in a workspace still does what it should."""
    async with holding(demo, who, place, without=("room",)) as held, editing(demo, who, place) as copy:
        assert "42" in await run(held["kernel"], "print(6 * 7)")
        await typed(held["terminal"], "echo $((6 * 7))", "42")
        assert json.loads(await held["live"].recv())["role"] in ("editor", "creator")
        copy.type("x")
        await copy.synchronise()


async def test_everything_that_is_open_is_closed_and_nothing_opens_again(demo: Demo, shared: Place) -> None:
    await let_in(demo, shared, "bob", "editor")
    async with holding(demo, "bob", shared) as bobs, holding(demo, "carol", shared) as carols:
        await remove(demo, shared, "bob")
        closed = {kind: await ended(socket) for kind, socket in bobs.items()}
        # Carol's are the very connections that she had.
        assert "42" in await run(carols["kernel"], "print(6 * 7)")
        await typed(carols["terminal"], "echo $((6 * 7))", "42")
        for socket in carols.values():
            await (await socket.ping())

    assert ENDED == closed
    for path in ("api/contents", "api/kernels", "api/me", "files/notes.txt", "lab"):
        assert 403 == (await demo.server("bob", "GET", shared.url + path)).status_code
    for address in shared_addresses(shared).values():
        with pytest.raises(InvalidStatus) as refused:
            async with demo.socket("bob", address):
                pass
        assert 403 == refused.value.response.status_code
    assert 404 == (await demo.api("bob", "GET", f"workspaces/{shared.id}")).status_code

    async def is_withdrawn() -> bool:
        return "bob" not in await admitted(demo, shared.url)

    await until(is_withdrawn)
    assert {"carol"} <= await admitted(demo, shared.url)


async def test_whoever_ignores_the_close_is_heard_no_more_and_cut_off(demo: Demo, shared: Place) -> None:
    await let_in(demo, shared, "bob", "editor")
    doc: Doc[Text] = Doc()
    doc["source"] = text = Text()
    text += "EVIL"
    marker = demo.work(shared.url) / "evil.txt"
    # A kernel keeps one connection per session, so that each of the two needs addresses of their own.
    addresses, carols = shared_addresses(shared), shared_addresses(shared)
    async with (
        editing(demo, "carol", shared) as carol,
        demo.socket("carol", carols["kernel"], max_queue=None) as kernel,
        raw_socket(demo, "bob", await room_address(demo, "bob", shared)) as room,
        raw_socket(demo, "bob", addresses["kernel"]) as bobs_kernel,
        raw_socket(demo, "bob", addresses["terminal"]) as terminal,
        demo.socket("carol", carols["terminal"], max_queue=None) as carols_terminal,
    ):
        before = carol.text
        await remove(demo, shared, "bob")
        async with asyncio.timeout(15):
            for socket in (room, bobs_kernel, terminal):
                await socket.closed.wait()
        for _ in range(20):
            await room.send(encode(SyncUpdate(doc.get_update())), BINARY)
            await bobs_kernel.send(json.dumps(execute_request(f"open({str(marker)!r}, 'w')")).encode(), TEXT)
            await terminal.send(json.dumps(["stdin", f"touch {marker}\r"]).encode(), TEXT)
        # What others do reaches them, and only them, while Bob's side of the connection is still there.
        for number in range(5):
            await typed(carols_terminal, f"echo $(({number} + 1000))", str(number + 1000))
        assert "42" in await run(kernel, "print(6 * 7)")
        carol.type("carol ")
        await carol.synchronise()
        heard = [len(socket.received) for socket in (room, bobs_kernel, terminal)]
        async with asyncio.timeout(15):
            for socket in (room, bobs_kernel, terminal):
                await socket.gone.wait()
        last = [socket.received[-1][0] for socket in (room, bobs_kernel, terminal)]

        assert ("carol " + before, False) == (carol.text, marker.exists())
        assert [CLOSE] * 3 == last
        assert heard == [len(socket.received) for socket in (room, bobs_kernel, terminal)]


async def test_who_is_removed_from_a_group_is_out_without_an_event(demo: Demo, shared: Place) -> None:
    await demo.grant("admin", shared.id, "bio", "editor", kind="group")
    await demo.open("dave", shared.id)
    try:
        async with holding(demo, "dave", shared) as held:
            await hub(demo, "admin", "DELETE", "groups/bio/users", json={"users": ["dave"]})
            closed = {kind: await ended(socket, within=25) for kind, socket in held.items()}
        assert ENDED == closed
        assert 403 == (await demo.server("dave", "GET", f"{shared.url}api/contents")).status_code

        async def is_withdrawn() -> bool:
            return "dave" not in await admitted(demo, shared.url)

        await until(is_withdrawn, within=20)
    finally:
        await hub(demo, "admin", "POST", "groups/bio/users", json={"users": ["dave"]})

    async def is_back() -> bool:
        opened = await demo.api("dave", "POST", f"workspaces/{shared.id}/open")
        return opened.is_success and opened.json()["url"] is not None

    # Back in the group he is back in the workspace, and no earlier refusal is held against him.
    await until(is_back, within=20)
    async with holding(demo, "dave", shared):
        pass
    await remove(demo, shared, "bio", kind="group")


async def test_access_that_ends_at_a_date_ends_by_itself(demo: Demo, shared: Place) -> None:
    await let_in(demo, shared, "bob", "editor")
    async with holding(demo, "bob", shared) as held:
        until_ = datetime.now(UTC) + timedelta(seconds=4)
        body = {"role": "editor", "expires_at": until_.isoformat()}
        path = f"workspaces/{shared.id}/grants/user/bob"
        assert (await demo.api("alice", "PUT", path, json=body)).is_success
        closed = {kind: await ended(socket) for kind, socket in held.items()}
        after = (datetime.now(UTC) - until_).total_seconds()

    assert ENDED == closed
    # Nothing of it is a look after ten seconds, at which groups and rights that changed silently are noticed.
    assert 0 <= after < 5
    assert 403 == (await demo.server("bob", "GET", f"{shared.url}api/contents")).status_code
    await remove(demo, shared, "bob")


async def test_deleting_a_workspace_ends_everything_in_it(demo: Demo) -> None:
    place = await furnished(demo, "alice", "To be deleted", {"bob": "editor"})
    async with holding(demo, "bob", place) as held:
        assert 204 == (await demo.api("alice", "DELETE", f"workspaces/{place.id}", timeout=60)).status_code
        for socket in held.values():
            await ended(socket)

    assert 404 == (await demo.api("bob", "GET", f"workspaces/{place.id}")).status_code
    assert 200 != (await demo.server("bob", "GET", f"{place.url}api/contents")).status_code
    assert place.id not in [item["id"] for item in (await demo.api("alice", "GET", "workspaces")).json()["items"]]


async def test_a_refusal_is_not_held_against_who_is_let_in_again(demo: Demo, shared: Place) -> None:
    async def read() -> int:
        return (await demo.server("bob", "GET", f"{shared.url}api/contents")).status_code

    async def is_refused() -> bool:
        return await read() == 403

    async def is_withdrawn() -> bool:
        return "bob" not in await admitted(demo, shared.url)

    for _ in range(3):
        await let_in(demo, shared, "bob", "editor")
        assert 200 == await read()
        await remove(demo, shared, "bob")
        await until(is_refused)
        await until(is_withdrawn)
        assert 403 == await read()
        # A page that was left open goes on asking, also after the grant and before the share is made. What it is told
        # then depends on whether the server has heard of the grant; it must not stay so.
        await demo.grant("alice", shared.id, "bob", "viewer")
        await read()
    await demo.open("bob", shared.id)

    assert 200 == await read()
    await remove(demo, shared, "bob")


async def test_whatever_opens_while_access_ends_does_not_stay_open(demo: Demo, shared: Place) -> None:
    stayed = []
    for _ in range(5):
        await let_in(demo, shared, "bob", "editor")
        room = await room_address(demo, "bob", shared)
        addresses = [*shared_addresses(shared).values(), room] * 3

        async def open_and_wait(address: str) -> None:
            try:
                async with demo.socket("bob", address, max_queue=None) as socket, asyncio.timeout(10):
                    await socket.wait_closed()
            except (InvalidStatus, ConnectionError):
                return
            except TimeoutError:
                stayed.append(address)

        async with asyncio.TaskGroup() as tasks:
            for address in addresses:
                tasks.create_task(open_and_wait(address))
            await asyncio.sleep(0.02)
            tasks.create_task(remove(demo, shared, "bob"))

    assert [] == stayed


async def test_two_removals_and_a_grant_at_once_end_as_the_last_one_says(demo: Demo, shared: Place) -> None:
    await let_in(demo, shared, "bob", "editor")
    path = f"workspaces/{shared.id}/grants/user/bob"
    for _ in range(5):
        async with holding(demo, "bob", shared, without=("terminal",)) as held:
            await asyncio.gather(
                demo.api("alice", "DELETE", path),
                demo.api("admin", "PUT", path, json={"role": "editor"}),
                demo.api("alice", "DELETE", path),
            )
            await demo.grant("alice", shared.id, "bob", "editor")
            await demo.open("bob", shared.id)
            assert 200 == (await demo.server("bob", "GET", f"{shared.url}api/contents")).status_code
            held.clear()
    async with holding(demo, "bob", shared) as held:
        await remove(demo, shared, "bob")
        assert ENDED == {kind: await ended(socket) for kind, socket in held.items()}
    await works(demo, shared, "carol")
