"""Links that lead out of a workspace, made by an Editor's code and asked for by every route that opens files: as Editor
and as Viewer, whole folders too, into the server's own process, and swapped while they are read."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pycrdt import Doc, YMessageType, YSyncMessageType, create_sync_message
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from attacks.as_a_server import Server
from attacks.inside import in_kernel, in_terminal
from revocation.holding import Place
from revocation.inviting import at_home
from support.demo import Demo

pytestmark = [pytest.mark.hub, pytest.mark.usefixtures("confined")]

CANARY = "canary-behind-a-link"
OWN = "canary-of-the-workspace"
FOLDER = "links"

_SHAPES = ({"format": "json", "type": "notebook"}, {"format": "text", "type": "file"})

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


@pytest.fixture(scope="module")
async def linked(demo: Demo, place: Place, other: Server) -> AsyncIterator[Place]:
    """Carol's code made links out of alice's workspace, each to a place where CANARY is, and some that stay inside."""
    secret = demo.put(other.place.url, "secret.txt", CANARY)
    notebook = demo.put(other.place.url, "secret.ipynb", _notebook(CANARY))
    (demo.state / "secret.txt").write_text(CANARY)
    demo.put(place.url, f"{FOLDER}/own.txt", OWN)
    demo.put(place.url, f"{FOLDER}/own.ipynb", _notebook(OWN))
    links = {
        "to-a-file.txt": str(secret),
        "to-a-folder": str(demo.work(other.place.url)),
        "to-the-state": str(demo.state),
        "to-a-notebook.ipynb": str(notebook),
        "to-tokens.ipynb": str(demo.state / "tokens.json"),
        "relative.txt": "../../../../secret.txt",
        "own-process.txt": "/proc/self/environ",
        "own-memory.txt": "/proc/self/mem",
        "own-root": f"/proc/self/root{demo.state}",
        "first-process.txt": "/proc/1/environ",
        "shadow.txt": "/etc/shadow",
        **{f"descriptor-{number}.txt": f"/proc/self/fd/{number}" for number in range(12)},
        "inside.txt": "own.txt",
        "inside.ipynb": "own.ipynb",
    }
    await in_kernel(
        demo,
        place,
        f"import os; found = [os.symlink(to, os.path.join({str(_folder(demo, place))!r}, name)) "
        f"for name, to in {links!r}.items()]",
    )
    yield place
    shutil.rmtree(_folder(demo, place))
    secret.unlink()
    notebook.unlink()


def _folder(demo: Demo, place: Place) -> Path:
    return demo.work(place.url) / FOLDER


def _notebook(text: str) -> str:
    cell = {"id": "one", "cell_type": "raw", "metadata": {}, "source": text}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def _names(demo: Demo, place: Place) -> list[str]:
    links = (path.name for path in _folder(demo, place).iterdir() if path.is_symlink())
    return sorted(f"{FOLDER}/{name}" for name in links if not name.startswith("inside."))


def _shown(answer: httpx.Response) -> str:
    """What *answer* shows of a file, in clear or in base64."""
    with suppress(ValueError, KeyError, TypeError):
        if answer.json()["format"] == "base64":
            return base64.b64decode(answer.json()["content"]).decode("latin-1")
    return answer.text


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
            if any(each in _shown(answer) for each in told):
                wrong.append((route.format(name), answer.status_code, answer.text[:100]))
    inside = {
        route: OWN in _shown(await demo.server(who, "GET", linked.url + route))
        for route in (
            f"api/contents/{FOLDER}/inside.txt?content=1",
            f"api/contents/{FOLDER}/inside.txt?content=1&type=file&format=base64",
            f"files/{FOLDER}/inside.txt",
            f"nbconvert/html/{FOLDER}/inside.ipynb",
        )
    }

    assert [] == wrong
    # A link that stays inside is followed by the same routes; nbconvert is for Editors.
    assert {route: who == "carol" or "nbconvert" not in route for route in inside} == inside


@pytest.mark.parametrize("who", ["carol", "bob"], ids=["an Editor", "a Viewer"])
async def test_no_room_of_a_linked_path_shows_what_is_outside(demo: Demo, linked: Place, who: str) -> None:
    asked, wrong = {}, []
    within = (f"{FOLDER}/to-a-folder/secret.txt", f"{FOLDER}/to-a-folder/secret.ipynb")
    for name in (*_names(demo, linked), *within):
        for shape in _SHAPES:
            status, received = await _room_of(demo, linked, who, name, shape)
            asked[name, shape["type"]] = status
            if CANARY.encode() in received:
                wrong.append((name, shape["type"]))
    inside = [
        OWN.encode() in (await _room_of(demo, linked, who, f"{FOLDER}/{name}", shape))[1]
        for name, shape in zip(("inside.ipynb", "inside.txt"), _SHAPES, strict=True)
    ]

    assert [] == wrong
    assert {} == {what: status for what, status in asked.items() if status >= 500}
    assert [True, True] == inside


async def _room_of(demo: Demo, place: Place, who: str, name: str, shape: dict[str, str]) -> tuple[int, bytes]:
    """How *who* was answered who asks for the session of a document, and where they got one, all that its room said
    until the document was there or the room had closed."""
    answer = await demo.server(who, "PUT", f"{place.url}api/collaboration/session/{name}", json=shape)
    if not answer.is_success:
        return answer.status_code, b""
    session = answer.json()
    room = f"{session['format']}:{session['type']}:{session['fileId']}?sessionId={session['sessionId']}"
    async with demo.socket(who, f"{place.url}api/collaboration/room/{room}") as socket:
        return answer.status_code, await _document(socket)


async def _document(socket: ClientConnection) -> bytes:
    """All that comes up to the second step of the synchronisation (y-protocols), or to the close: a link that leads
    nowhere has a room all the same, which closes when it is asked for the document."""
    received = b""
    with suppress(ConnectionClosed):
        await socket.send(create_sync_message(Doc()))
        async with asyncio.timeout(60):
            while True:
                frame = await socket.recv(decode=False)
                received += frame
                if frame[:2] == bytes([YMessageType.SYNC, YSyncMessageType.SYNC_STEP2]):
                    break
    return received


async def test_nothing_is_written_through_a_link(demo: Demo, linked: Place) -> None:
    evil: dict[str, Any] = {"type": "file", "format": "text", "content": "EVIL"}
    for name in ("to-a-file.txt", "to-a-folder/new.txt", "to-the-state/new.txt", "relative.txt"):
        await demo.server("carol", "PUT", f"{linked.url}api/contents/{FOLDER}/{name}", json=evil)
        copied = {"copy_from": f"{FOLDER}/{name}"}
        await demo.server("carol", "POST", f"{linked.url}api/contents/{FOLDER}", json=copied)
        await in_terminal(demo, linked, f"cd {_folder(demo, linked)}; echo EVIL > {name}")
    neighbours = [path for path in demo.state.glob("servers/*/work/*.txt") if path.parent != demo.work(linked.url)]

    assert CANARY == (demo.state / "secret.txt").read_text()
    assert CANARY in [path.read_text() for path in neighbours if path.name == "secret.txt"]
    assert [] == [path for path in (*neighbours, demo.state / "new.txt") if path.name == "new.txt" and path.exists()]
    assert [] == [path for path in neighbours if "EVIL" in path.read_text()]


async def test_a_link_that_is_swapped_while_it_is_read_leads_nowhere(demo: Demo, linked: Place) -> None:
    name, folder = f"swapped-{uuid4().hex[:6]}.txt", _folder(demo, linked)
    await in_kernel(
        demo,
        linked,
        f"""
import os, threading
name, following, enough = (os.path.join({str(folder)!r}, each) for each in ({name!r}, "next", "enough"))
def swap():
    while not os.path.exists(enough):
        for target in ("own.txt", {str(demo.state / "secret.txt")!r}):
            os.symlink(target, following)
            os.replace(following, name)
swapping = threading.Thread(target=swap, daemon=True)
swapping.start()
while not os.path.islink(name): pass
found = None
""",
    )
    seen = set()
    for route in ("api/contents/{}?content=1", "files/{}", "files/{}?download=1") * 40:
        answer = await demo.server("carol", "GET", linked.url + route.format(f"{FOLDER}/{name}"))
        seen.add(OWN in answer.text)
        assert CANARY not in answer.text
    demo.put(linked.url, f"{FOLDER}/enough", "")
    await in_kernel(demo, linked, "swapping.join(); found = None")

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
