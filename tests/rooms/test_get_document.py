"""How other extensions of the server get at a live document."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jupyter_ydoc import YFile, YNotebook

from coterie.server.rooms.extension import STOCK_EXTENSION, RoomsExtension
from coterie.server.rooms.handlers import RoomHandler
from coterie.server.rooms.registry import CannotJoin
from rooms.serving import Server, eventually

FILE = {"content_type": "file", "file_format": "text"}


def extension(server: Server) -> RoomsExtension:
    """As others look for it."""
    (found,) = server._app.extension_manager.extension_apps[STOCK_EXTENSION]
    return found


@pytest.fixture(autouse=True)
def file(server: Server) -> None:
    (server.root / "a.txt").write_text("hello")


def test_it_is_found_under_the_stock_extensions_name_both_ways(server: Server) -> None:
    assert extension(server) is server._app.web_app.settings[STOCK_EXTENSION]
    assert extension(server).rooms is server.rooms


def test_it_is_loaded_once_for_its_two_names(server: Server) -> None:
    served = [handler for _, handler, *_ in extension(server).handlers]

    assert 1 == served.count(RoomHandler)


async def test_the_stock_extension_is_not_loaded_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    loaded: list[object] = []
    stock = ModuleType(STOCK_EXTENSION)
    monkeypatch.setattr(stock, "_jupyter_server_extension_points", lambda: [{"module": STOCK_EXTENSION}], raising=False)
    monkeypatch.setattr(stock, "_load_jupyter_server_extension", loaded.append, raising=False)
    monkeypatch.setitem(sys.modules, STOCK_EXTENSION, stock)
    server = Server(tmp_path, tmp_path)
    server._app.jpserver_extensions |= {STOCK_EXTENSION: True}
    await server.start()

    assert [] == loaded
    assert extension(server).rooms is server.rooms
    await server.stop()


async def test_a_document_that_nobody_has_open_is_none(server: Server) -> None:
    session = await server.session("a.txt", "alice", "editor")

    assert await extension(server).get_document(path="a.txt", **FILE) is None
    assert await extension(server).get_document(room_id=f"text:file:{session['fileId']}") is None


async def test_asking_gives_no_file_an_id(server: Server) -> None:
    assert await extension(server).get_document(path="a.txt", **FILE) is None
    assert server.rooms.file_ids.get_id("a.txt") is None


@pytest.mark.parametrize("path", ["a.txt", "/a.txt"])
async def test_a_document_is_named_by_its_path_or_its_room(server: Server, path: str) -> None:
    alice = await server.open("a.txt")
    room = f"text:file:{server.rooms.file_ids.get_id('a.txt')}"

    by_path = await extension(server).get_document(path=path, **FILE)
    by_room = await extension(server).get_document(room_id=room)

    assert isinstance(by_path, YFile)
    assert ("hello", "hello") == (by_path.get(), by_room.get())
    await alice.close()


async def test_a_copy_stays_with_the_caller(server: Server) -> None:
    alice = await server.open("a.txt")

    copy = await extension(server).get_document(path="a.txt", **FILE)
    copy.set("changed")
    await alice.synchronise()

    assert "hello" == alice.text
    await alice.close()


async def test_the_document_itself_is_the_one_that_people_are_in(server: Server) -> None:
    alice = await server.open("a.txt")

    shared = await extension(server).get_document(path="a.txt", copy=False, **FILE)
    alice.type("Oh, ")
    await alice.synchronise()
    heard = shared.get()
    shared.set("from the server")

    assert "Oh, hello" == heard
    await eventually(lambda: alice.text == "from the server")
    await eventually(lambda: (server.root / "a.txt").read_text() == "from the server")
    assert shared is await extension(server).get_document(path="a.txt", copy=False, **FILE)
    await alice.close()


async def test_what_people_do_can_be_observed_through_it(server: Server) -> None:
    alice = await server.open("a.txt")
    shared = await extension(server).get_document(path="a.txt", copy=False, **FILE)
    heard: list[str] = []
    shared.observe(lambda topic, event: heard.append(topic))

    alice.type("x")

    await eventually(lambda: "source" in heard)
    await alice.close()


async def test_a_document_is_opened_on_demand(server: Server) -> None:
    opened = await extension(server).get_document(path="a.txt", copy=False, create=True, **FILE)
    opened.set("from the server")

    alice = await server.open("a.txt")
    assert "from the server" == alice.text
    await alice.close()


async def test_a_notebook_is_a_notebook(server: Server) -> None:
    (server.root / "n.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')

    notebook = await extension(server).get_document(
        path="n.ipynb", content_type="notebook", file_format="json", create=True
    )

    assert isinstance(notebook, YNotebook)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"path": "a.txt"},
        {"path": "a.txt", "content_type": "file"},
        {"path": "a.txt", "file_format": "text"},
        FILE,
        {"room_id": "text:file:x", "path": "a.txt"},
        {"room_id": "text:file:x", "content_type": "file"},
        {"room_id": "text:file:x", "file_format": "text"},
    ],
    ids=str,
)
@pytest.mark.parametrize("create", [False, True])
async def test_a_document_that_is_named_by_halves_or_twice_is_an_error(
    server: Server, asked: dict[str, Any], create: bool
) -> None:
    with pytest.raises(ValueError, match="room_id"):
        await extension(server).get_document(**asked, create=create)


@pytest.mark.parametrize(
    "asked",
    [
        {"room_id": "JupyterLab:globalAwareness"},
        {"room_id": "nonsense"},
        {"room_id": "text:nonsense:x"},
        {"path": "a.txt", "content_type": "nonsense", "file_format": "text"},
        {"path": "a.txt", "content_type": "notebook", "file_format": "text"},
    ],
    ids=str,
)
async def test_a_kind_of_document_that_does_not_exist_is_none_and_never_opened(
    server: Server, asked: dict[str, Any]
) -> None:
    assert await extension(server).get_document(**asked) is None
    with pytest.raises(ValueError, match=r"not the name|no documents"):
        await extension(server).get_document(**asked, create=True)


@pytest.mark.parametrize("path", ["none.txt", "../outside.txt", "sub/../a.txt", "", "a.txt\0"])
async def test_a_file_that_does_not_exist_is_none_and_cannot_be_opened(server: Server, path: str) -> None:
    (server.root / "../outside.txt").write_text("x")

    assert await extension(server).get_document(path=path, **FILE) is None
    with pytest.raises(CannotJoin):
        await extension(server).get_document(path=path, create=True, **FILE)
