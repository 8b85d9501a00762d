"""Links that lead out of a workspace, made by an Editor's code and asked for by every route that opens files: as Editor
and as Viewer, whole folders too, into the server's own process, and swapped while they are read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any
from uuid import uuid4

import pytest
from pycrdt import Doc, create_sync_message
from websockets.exceptions import ConnectionClosed

from attacks.inside import in_kernel, in_terminal
from coterie.cli.demo.hub import why_unconfined
from revocation.holding import Place, editing, furnished, room_address
from revocation.inviting import at_home
from support.demo import Demo

pytestmark = pytest.mark.hub

CANARY = "canary-behind-a-link"
OWN = "canary-of-the-workspace"

READING = [
    "api/contents/{}?content=1",
    "api/contents/{}?content=1&type=file&format=base64",
    "api/contents/{}?content=1&type=directory&hash=1",
    "api/contents/{}/checkpoints",
    "api/contents/{}/secret.txt",
    "files/{}",
    "files/{}/secret.txt",
    "view/{}",
    "lab/tree/{}",
    "notebooks/{}",
    "nbconvert/html/{}",
    "nbconvert/script/{}?download=true",
    "files/{}?download=1",
    "coterie/versions/{}?type=file",
    "static/{}",
]


@pytest.fixture(scope="module", autouse=True)
def confined(demo: Demo) -> None:
    why = why_unconfined(demo.state)
    if why is not None:
        pytest.skip(why)


@pytest.fixture(scope="module")
async def linked(demo: Demo) -> Place:
    """Carol's code made links out of alice's workspace, each to a place where CANARY is, and one that stays inside."""
    place = await furnished(demo, "alice", "With links", {"carol": "editor", "bob": "viewer"})
    neighbour = await furnished(demo, "alice", "Linked to", {})
    secret = demo.put(neighbour.url, "secret.txt", CANARY)
    (demo.state / "secret.txt").write_text(CANARY)
    demo.put(place.url, "own.txt", OWN)
    links = {
        "to-a-file.txt": str(secret),
        "to-a-folder": str(demo.work(neighbour.url)),
        "to-the-state": str(demo.state),
        "to-a-notebook.ipynb": str(secret),
        "relative.txt": "../../../secret.txt",
        "own-process.txt": "/proc/self/environ",
        "own-memory.txt": "/proc/self/mem",
        "own-root": f"/proc/self/root{demo.state}",
        "first-process.txt": "/proc/1/environ",
        "shadow.txt": "/etc/shadow",
        **{f"descriptor-{number}.txt": f"/proc/self/fd/{number}" for number in range(12)},
        "inside.txt": "own.txt",
    }
    await in_kernel(
        demo,
        place,
        f"import os; os.chdir({str(demo.work(place.url))!r}); "
        f"found = [os.symlink(to, name) for name, to in {links!r}.items()]",
    )
    return place


def _names(demo: Demo, place: Place) -> list[str]:
    links = (path.name for path in demo.work(place.url).iterdir() if path.is_symlink())
    return sorted(name for name in links if name != "inside.txt")


@pytest.mark.parametrize("who", ["carol", "bob"], ids=["an Editor", "a Viewer"])
async def test_no_route_that_reads_leads_out(demo: Demo, linked: Place, who: str) -> None:
    wrong = []
    for name in _names(demo, linked):
        for route in READING:
            answer = await demo.server(who, "GET", linked.url + route.format(name))
            told = [
                CANARY,
                "JUPYTERHUB_API_TOKEN",
                "root:",
                *(token for name, token in demo.tokens.items() if name != who),
            ]
            if any(each in answer.text for each in told):
                wrong.append((route.format(name), answer.status_code, answer.text[:100]))
    inside = await demo.server(who, "GET", f"{linked.url}api/contents/inside.txt")

    assert [] == wrong
    assert OWN == inside.json()["content"]


@pytest.mark.parametrize("who", ["carol", "bob"], ids=["an Editor", "a Viewer"])
async def test_no_room_of_a_linked_path_shows_what_is_outside(demo: Demo, linked: Place, who: str) -> None:
    asked, received = {}, list[Any]()
    async with AsyncExitStack() as held:
        for name in (*_names(demo, linked), "to-a-folder/secret.txt"):
            for shape in ({"format": "json", "type": "notebook"}, {"format": "text", "type": "file"}):
                address = f"{linked.url}api/collaboration/session/{name}"
                answer = await demo.server(who, "PUT", address, json=shape)
                asked[name] = answer.status_code
            if answer.is_success:
                # A link that leads nowhere has a room all the same, which closes when it is asked for the document.
                room = await held.enter_async_context(demo.socket(who, await room_address(demo, who, linked, name)))
                with suppress(ConnectionClosed):
                    await room.send(create_sync_message(Doc()))
                received.append(room)
        async with editing(demo, who, linked, "inside.txt") as client:
            assert OWN == str(client.text)
        for room in received:
            with suppress(TimeoutError, ConnectionClosed):
                async with asyncio.timeout(0.1):
                    while True:
                        assert CANARY.encode() not in await room.recv(decode=False)

    assert not any(status >= 500 for status in asked.values())


async def test_nothing_is_written_through_a_link(demo: Demo, linked: Place) -> None:
    evil: dict[str, Any] = {"type": "file", "format": "text", "content": "EVIL"}
    for name in ("to-a-file.txt", "to-a-folder/new.txt", "to-the-state/new.txt", "relative.txt"):
        await demo.server("carol", "PUT", f"{linked.url}api/contents/{name}", json=evil)
        await demo.server("carol", "POST", f"{linked.url}api/contents", json={"copy_from": name})
        await in_terminal(demo, linked, f"cd {demo.work(linked.url)}; echo EVIL > {name}")
    neighbours = [path for path in demo.state.glob("servers/*/work/*.txt") if path.parent != demo.work(linked.url)]

    assert CANARY == (demo.state / "secret.txt").read_text()
    assert CANARY in [path.read_text() for path in neighbours if path.name == "secret.txt"]
    assert [] == [path for path in (*neighbours, demo.state / "new.txt") if path.name == "new.txt" and path.exists()]
    assert [] == [path for path in neighbours if "EVIL" in path.read_text()]


async def test_a_link_that_is_swapped_while_it_is_read_leads_nowhere(demo: Demo, linked: Place) -> None:
    name, folder = f"swapped-{uuid4().hex[:6]}.txt", demo.work(linked.url)
    await in_kernel(
        demo,
        linked,
        f"""
import os, threading
os.chdir({str(folder)!r})
def swap():
    while not os.path.exists("enough"):
        for target in ("own.txt", {str(demo.state / "secret.txt")!r}):
            os.symlink(target, "next")
            os.replace("next", {name!r})
threading.Thread(target=swap, daemon=True).start()
while not os.path.islink({name!r}): pass
found = None
""",
    )
    seen = set()
    for route in ("api/contents/{}?content=1", "files/{}", "files/{}?download=1") * 40:
        answer = await demo.server("carol", "GET", linked.url + route.format(name))
        seen.add(OWN in answer.text)
        assert CANARY not in answer.text
    demo.put(linked.url, "enough", "")

    assert {True, False} == seen


@pytest.fixture
async def home(demo: Demo) -> AsyncIterator[Place]:
    async with at_home(demo, "erin") as place:
        yield place


async def test_what_a_homes_owner_is_told_of_follows_no_link(demo: Demo, home: Place) -> None:
    demo.put(home.url, "own.env", "PASSWORD=of-a-test")
    (demo.work(home.url) / "outside").symlink_to("/etc")
    (demo.work(home.url) / "id_rsa").symlink_to("own.env")
    (demo.work(home.url) / "up").symlink_to("..")
    answer = await demo.server("erin", "GET", f"{home.url}coterie/reach")
    found = [each["path"] for line in answer.text.splitlines() for each in json.loads(line)["found"]]

    assert "work/own.env" in found
    assert [] == [path for path in found if path.startswith(("work/outside/", "work/up/"))]
