"""Real Yjs clients: JupyterLab's shared models and y-websocket's provider in Node.js, in the rooms of a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest

from interop.conftest import Join
from interop.served import Served
from interop.yjs_client import YjsClient, agreed, comes_to

PENGUINS = "Adélie 🐧, Gentoo 🧊\n"


def cell(source: str, cell_type: str = "code") -> dict[str, Any]:
    return {"cell_type": cell_type, "source": source}


async def on_disk(notebook: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(notebook, as_version=4).cells]


async def in_file(file: Path) -> str:
    return await asyncio.to_thread(file.read_text)


@asynccontextmanager
async def apart(*clients: YjsClient) -> AsyncIterator[None]:
    """Nobody hears of what another does meanwhile."""
    for client in clients:
        await client.call("disconnect")
    yield
    for client in clients:
        await client.call("connect")


async def test_people_who_type_at_once_end_with_the_same_text_and_so_does_the_file(join: Join, file: Path) -> None:
    people = [await join(person, file) for person in ("alice", "bob", "carol")]

    async def type_words(client: YjsClient, word: str) -> None:
        for number in range(20):
            await client.call("type", 0, f"{word}{number} ")

    await asyncio.gather(*(type_words(client, word) for client, word in zip(people, ("é", "🐧", "x"), strict=True)))
    text = await agreed(*(client.text for client in people))

    assert sorted(f"{word}{number}" for word in ("é", "🐧", "x") for number in range(20)) == sorted(text.split())
    assert text == await comes_to(lambda: in_file(file), text)


async def test_people_who_work_on_a_notebook_at_once_end_with_the_same_cells_and_so_does_the_file(
    join: Join, notebook: Path
) -> None:
    alice, bob = await join("alice", notebook), await join("bob", notebook)
    await alice.call("addCell", 0, cell("import penguins"))
    await alice.call("addCell", 2, cell("count = 0"))
    await comes_to(bob.sources, ["import penguins", "# Penguins", "count = 0"])

    async def alices_part() -> None:
        await alice.call("typeInCell", 2, len("count = "), "34")
        await alice.call("deleteCell", 0)

    async def bobs_part() -> None:
        await bob.call("typeInCell", 1, len("# Penguins"), " 🐧")
        await bob.call("print", 2, "340\n")

    async with apart(alice, bob):  # or one's cells would have other numbers once the other's part has arrived
        await asyncio.gather(alices_part(), bobs_part())
    cells = await agreed(lambda: alice.call("cells"), lambda: bob.call("cells"))

    assert ["# Penguins 🐧", "count = 340"] == [each["source"] for each in cells]
    assert ["# Penguins 🐧", "count = 340"] == await comes_to(
        lambda: on_disk(notebook), ["# Penguins 🐧", "count = 340"]
    )
    assert "340\n" == nbformat.read(notebook, as_version=4).cells[1].outputs[0].text


async def test_a_cell_that_is_moved_while_somebody_types_beside_it_is_there_once(join: Join, notebook: Path) -> None:
    alice, bob = await join("alice", notebook), await join("bob", notebook)
    for index in range(1, 4):
        await alice.call("addCell", index, cell(f"cell {index}"))
    await comes_to(bob.sources, ["# Penguins", "cell 1", "cell 2", "cell 3"])
    async with apart(alice, bob):
        await asyncio.gather(alice.call("moveCell", 0, 3), bob.call("typeInCell", 1, 0, "bob's "))
    sources = await agreed(alice.sources, bob.sources)

    assert ["bob's cell 1", "cell 2", "cell 3", "# Penguins"] == sources
    assert sources == await comes_to(lambda: on_disk(notebook), sources)


async def test_what_was_typed_without_a_connection_arrives_with_the_next_one(join: Join, file: Path) -> None:
    alice, bob = await join("alice", file), await join("bob", file)
    await alice.call("disconnect")
    await alice.call("type", 0, "alice, away\n")
    await bob.call("type", 0, "bob, there\n")
    await alice.call("connect")
    text = await agreed(alice.text, bob.text)

    assert ["alice, away", "bob, there"] == sorted(text.splitlines())


async def test_who_comes_late_has_everything_and_sees_everybody_at_once(join: Join, file: Path) -> None:
    alice = await join("alice", file)
    await alice.call("type", 0, PENGUINS)
    await alice.call("announce", {"cursors": []})
    viewer = await join("bob", file, "viewer")

    assert PENGUINS == await viewer.text()
    assert [("Alice", "editor")] == await comes_to(viewer.people, [("Alice", "editor")])


async def test_presence_tells_who_somebody_really_is_and_goes_with_them(join: Join, file: Path) -> None:
    alice, bob, carol = [await join(person, file) for person in ("alice", "bob", "carol")]
    await bob.call("announce", {"user": {"name": "Alice", "role": "creator"}, "cursors": [{"at": 3}]})
    await carol.call("announce", {"user": {"name": "Carol"}})

    assert [("Bob", "editor"), ("Carol", "editor")] == await comes_to(
        alice.people, [("Bob", "editor"), ("Carol", "editor")]
    )
    assert [{"at": 3}] in [state.get("cursors") for state in await alice.call("presence")]

    await carol.kill()

    assert [("Bob", "editor")] == await comes_to(alice.people, [("Bob", "editor")])

    await bob.call("disconnect")

    assert [] == await comes_to(alice.people, [])


async def test_a_viewers_edits_stay_with_the_viewer(join: Join, file: Path) -> None:
    alice, bob = await join("alice", file), await join("bob", file, "viewer")
    await bob.call("type", 0, "not for you\n")
    await bob.call("announce", {})
    await comes_to(alice.people, [("Bob", "viewer")])  # so what bob sent before has been weighed
    await alice.call("type", 0, "for all\n")

    assert ["for all", "not for you"] == await comes_to(lambda: lines(bob), ["for all", "not for you"])
    assert "for all\n" == await alice.text()
    assert "for all\n" == await comes_to(lambda: in_file(file), "for all\n")

    await bob.call("disconnect")
    await bob.call("connect")
    await comes_to(lambda: bob.call("isSynced"), True)
    await bob.call("announce", {"again": True})

    async def is_back() -> bool:
        return any("again" in state for state in await alice.call("presence"))

    assert await comes_to(is_back, True)
    assert "for all\n" == await alice.text()


async def lines(client: YjsClient) -> list[str]:
    return sorted((await client.text()).splitlines())


async def test_undo_takes_back_ones_own_edit_only(join: Join, file: Path) -> None:
    alice, bob = await join("alice", file), await join("bob", file)
    await alice.call("type", 0, "alice ")
    await comes_to(bob.text, "alice ")
    await bob.call("type", len("alice "), "bob")
    await comes_to(alice.text, "alice bob")
    await alice.call("undo")

    assert ("bob", "bob") == (await alice.text(), await comes_to(bob.text, "bob"))

    await alice.call("redo")

    assert ("alice bob", "alice bob") == (await alice.text(), await comes_to(bob.text, "alice bob"))


async def test_a_change_of_the_file_by_somebody_else_joins_what_is_being_typed(join: Join, file: Path) -> None:
    await asyncio.to_thread(file.write_text, PENGUINS + "count: 1 🐧\nend\n")
    alice, bob = await join("alice", file), await join("bob", file, "viewer")
    await alice.call("type", 0, "🧊 typed\n")
    # What was typed may be in the file by now.
    await asyncio.to_thread(lambda: file.write_text(file.read_text().replace("count: 1 🐧", "count: 2 🐧🐧")))
    expected = "🧊 typed\n" + PENGUINS + "count: 2 🐧🐧\nend\n"

    assert expected == await comes_to(alice.text, expected)
    assert expected == await comes_to(bob.text, expected)
    assert expected == await comes_to(lambda: in_file(file), expected)


@pytest.mark.parametrize("end", [Served.stop, Served.kill], ids=["stopped", "killed"])
async def test_clients_come_back_by_themselves_to_a_server_that_starts_again(
    join: Join, served: Served, file: Path, notebook: Path, end: Any
) -> None:
    alice, bob = await join("alice", file), await join("bob", file)
    carol, dave = await join("carol", notebook), await join("dave", notebook, "viewer")
    await alice.call("type", 0, "before\n")
    await carol.call("addCell", 1, cell("before"))
    await comes_to(bob.text, "before\n")
    await comes_to(dave.sources, ["# Penguins", "before"])
    end(served)
    await alice.call("type", 0, "alice, meanwhile\n")
    await bob.call("type", 0, "bob, meanwhile\n")
    await carol.call("typeInCell", 1, 0, "meanwhile, and ")
    served.start()
    cells = ["# Penguins", "meanwhile, and before"]

    assert ["alice, meanwhile", "before", "bob, meanwhile"] == sorted((await agreed(alice.text, bob.text)).splitlines())
    assert cells == await comes_to(dave.sources, cells)

    await bob.call("type", 0, "after\n")
    text = await bob.text()

    assert text == await comes_to(alice.text, text)
    assert text == await comes_to(lambda: in_file(file), text)
    assert cells == await comes_to(lambda: on_disk(notebook), cells)
    assert {2} == {await client.call("connections") for client in (alice, bob, carol, dave)}


@pytest.mark.soak
async def test_a_connection_on_which_nobody_types_is_kept(join: Join, file: Path) -> None:
    alice, bob = await join("alice", file), await join("bob", file, "viewer")
    await alice.call("announce", {})
    await comes_to(bob.people, [("Alice", "editor")])

    # Presence is renewed every 15 seconds. The provider gives up a connection on which it has heard nothing for 30.
    assert 3 == await comes_to(lambda: bob.call("renewals"), 3, within=120)
    assert [1, 1] == [await client.call("connections") for client in (alice, bob)]
