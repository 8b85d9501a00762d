"""Files and updates that nobody can do anything with, and disks that are full. What people typed survives all of it."""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pycrdt import Array, Doc, Text, create_update_message, write_var_uint

from coterie.server.rooms.journal.reading import records
from coterie.server.rooms.journal.records import RecordKind
from rooms.endurance.page import Page
from rooms.endurance.process import ServerProcess
from rooms.serving import eventually

OpenPage = Callable[..., Awaitable[Page]]
StartServer = Callable[..., ServerProcess]

NOTEBOOK = json.dumps(
    {
        "cells": [{"id": "first", "cell_type": "markdown", "metadata": {}, "source": "# Penguins"}],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
)


async def _refused(server: ServerProcess, open_page: OpenPage, path: str, kind: str = "text:file") -> int | None:
    """The close code with which the server refuses a document."""
    page = Page(server, path, kind)
    try:
        with pytest.raises(ConnectionError):
            await page.connect()
        return page.ending[0]
    finally:
        await page.close()


# --- Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not JSON",
        b"[]",
        b"null",
        b'"text"',
        b'{"cells": 1}',
        b'{"cells": [{}], "nbformat": 4}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_what_is_no_notebook_is_refused_and_left_as_it_is(
    common_server: ServerProcess, open_page: OpenPage, content: bytes
) -> None:
    path = common_server.root / f"{abs(hash(content)):x}.ipynb"
    path.write_bytes(content)

    assert await _refused(common_server, open_page, path.name, "json:notebook") == 4400
    assert path.read_bytes() == content

    path.write_text(NOTEBOOK)
    page = await open_page(common_server, path.name, "json:notebook")

    assert page.document.get()["cells"][0]["source"] == "# Penguins"


async def test_a_notebook_that_is_ruined_from_outside_is_kept_and_the_document_goes_on(
    start_server: StartServer, open_page: OpenPage
) -> None:
    server = start_server()
    path = server.root / "a.ipynb"
    path.write_text(NOTEBOOK)
    alice = await open_page(server, "a.ipynb", "json:notebook")
    ruined = b'<<<<<<< HEAD\n{"cells": ['
    path.write_bytes(ruined)
    journal = server.journals / f"{alice.file_id}.notebook.journal"
    await eventually(
        lambda: ruined in [record.payload for record in records(journal) if record.kind is RecordKind.KEPT]
    )
    alice.document.ycells[0]["source"].insert(0, "Adélie: ")

    assert await alice.save() == "success"
    assert alice.document.get()["cells"][0]["source"] == "Adélie: # Penguins"
    assert "".join(json.loads(path.read_text())["cells"][0]["source"]) == "Adélie: # Penguins"


async def test_a_file_that_may_not_be_read_is_refused_until_it_may(
    start_server: StartServer, open_page: OpenPage
) -> None:
    server = start_server(is_bound_by_modes=True)
    path = server.root / "a.txt"
    path.write_text("start\n")
    await server.session("a.txt")
    path.chmod(0)

    assert await _refused_or_not_even_given_a_session(server, open_page, "a.txt")

    path.chmod(0o600)
    page = await open_page(server, "a.txt")

    assert page.document.get() == "start\n"


async def _refused_or_not_even_given_a_session(server: ServerProcess, open_page: OpenPage, path: str) -> bool:
    answer = await server.request("PUT", f"/api/collaboration/session/{path}", json={"format": "text", "type": "file"})
    return answer.status_code in (403, 404) or await _refused(server, open_page, path) in (4400, 4404, 4500)


async def test_what_cannot_be_written_is_said_to_have_failed_and_is_written_once_it_can_be(
    start_server: StartServer, open_page: OpenPage
) -> None:
    server = start_server(is_bound_by_modes=True)
    folder = server.root / "folder"
    folder.mkdir()
    path = folder / "a.txt"
    path.write_text("start\n")
    alice, bob = await open_page(server, "folder/a.txt"), await open_page(server, "folder/a.txt", person="bob")
    path.chmod(0o400)
    folder.chmod(0o500)
    alice.document._ysource.insert(0, "typed ")

    assert await alice.save() == "failed"

    await eventually(lambda: bob.document.get() == "typed start\n")
    server.kill()
    server.start()
    fresh = await open_page(server, "folder/a.txt", person="fresh")

    assert fresh.document.get() == "typed start\n"
    assert (path.read_text(), await fresh.save()) == ("start\n", "failed")

    folder.chmod(0o700)
    path.chmod(0o600)
    await _on_disk(path, "typed start\n")


async def test_a_folder_in_a_files_place_loses_nothing(start_server: StartServer, open_page: OpenPage) -> None:
    server = start_server()
    path = server.root / "a.txt"
    path.write_text("start\n")
    alice = await open_page(server, "a.txt")
    path.rename(path.with_name("aside"))
    path.mkdir()
    alice.document._ysource.insert(0, "typed ")

    assert await alice.save() == "failed"

    path.rmdir()
    path.with_name("aside").rename(path)
    await _on_disk(path, "typed start\n")


async def _on_disk(path: Path, text: str) -> None:
    """Without anybody asking for it: within the longest wait before a failed save is tried again."""
    async with asyncio.timeout(60):
        while path.read_text() != text:  # noqa: ASYNC110, ASYNC240  a file
            await asyncio.sleep(0.1)


# --- Disks -----------------------------------------------------------------------------------------------------------


class FullDisk:
    """A file system of its own, mounted at *folder*, that can be filled up and emptied."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self, server: ServerProcess) -> None:
        with self._filler.open("ab", buffering=0) as file:
            for size in (1024 * 1024, 4096, 1):
                try:
                    while file.write(b"x" * size) == size:
                        pass
                except OSError:
                    continue

    def free(self, server: ServerProcess) -> None:
        self._filler.unlink()


class NarrowFiles:
    """Where nothing can be mounted: no file of the server's may become larger than it is."""

    def __init__(self, folder: Path) -> None:
        pass

    def fill(self, server: ServerProcess) -> None:
        self._limit(server, 0)

    def free(self, server: ServerProcess) -> None:
        self._limit(server, resource.RLIM_INFINITY)

    def _limit(self, server: ServerProcess, size: int) -> None:
        for pid in server.pids():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextmanager
def _mounted(folder: Path) -> Iterator[bool]:
    """A small file system at *folder*; False where that is not allowed."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True, check=False)
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("disk_type", [FullDisk, NarrowFiles])
async def test_on_a_full_disk_nothing_is_lost_that_another_has_seen_and_all_is_written_once_there_is_room(
    tmp_path: Path, open_page: OpenPage, disk_type: Any
) -> None:
    folder = tmp_path / "small"
    with _mounted(folder) as is_mounted:
        if disk_type is FullDisk and not is_mounted:
            pytest.skip("needs to mount a file system")
        server = ServerProcess(folder)
        disk = disk_type(folder)
        server.start()
        try:
            await _fill_up_while_people_type(server, open_page, disk)
        finally:
            server.clear()


async def _fill_up_while_people_type(server: ServerProcess, open_page: OpenPage, disk: Any) -> None:
    path = server.root / "a.txt"
    path.write_text("start\n")
    alice, bob = await open_page(server, "a.txt"), await open_page(server, "a.txt", person="bob")
    alice.document._ysource.insert(0, "before ")

    assert await alice.save() == "success"

    disk.fill(server)
    for number in range(500):
        alice.document._ysource.insert(0, f"{number} ")

    assert await alice.save() == "failed"
    assert path.read_text() == "before start\n"

    typed = alice.document.get()
    disk.free(server)
    await eventually(lambda: bob.document.get() == typed)
    await _on_disk(path, typed)

    disk.fill(server)
    for number in range(500):
        alice.document._ysource.insert(0, f"{number} more ")
    await alice.save()
    server.kill()
    await bob.heard_out()
    disk.free(server) if isinstance(disk, FullDisk) else None  # limits end with the process
    server.start()
    fresh = await open_page(server, "a.txt", person="fresh")

    assert fresh.document.get().endswith(bob.document.get())
    assert fresh.document.get().endswith(typed)

    # Alice's page has been open all the time.
    await alice.connect()
    await alice.synchronise()
    await eventually(lambda: fresh.document.get() == alice.document.get())

    assert await fresh.save() == "success"
    assert path.read_text() == alice.document.get()


# --- Updates ---------------------------------------------------------------------------------------------------------


async def test_an_update_that_came_before_its_predecessor_takes_its_place_once_that_is_there(
    common_server: ServerProcess, open_page: OpenPage
) -> None:
    path = common_server.root / "unknown.txt"
    path.write_text("start\n")
    alice, bob = await open_page(common_server, path.name), await open_page(common_server, path.name, person="bob")
    doc: Doc[Any] = Doc()
    text = doc.get("source", type=Text)
    doc.apply_update(alice.doc.get_update())
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    text.insert(0, "first ")
    text.insert(6, "second ")
    doc.unobserve(subscription)
    alice.send(create_update_message(updates[1]))
    await alice.synchronise()

    assert bob.document.get() == "start\n"

    alice.send(create_update_message(updates[0]))
    await eventually(lambda: bob.document.get() == "first second start\n")

    assert await bob.save() == "success"
    assert path.read_text() == "first second start\n"


def _nested_types(depth: int) -> bytes:
    """An array in an array, and so on."""
    doc: Doc[Any] = Doc()
    array = doc.get("cells", type=Array)
    with doc.transaction():
        for _ in range(depth):
            array.append(Array())
            array = array[0]
    return doc.get_update()


def _nested_value(depth: int) -> bytes:
    """One value in a map that is an array in an array, and so on: ``[[[...]]]`` in two bytes a level."""
    value = b"\x75\x01" * depth + b"\x7e"
    parent = b"\x01" + write_var_uint(4) + b"meta" + write_var_uint(4) + b"deep"
    struct = bytes([0x20 | 8]) + parent + write_var_uint(1) + value
    return write_var_uint(1) + write_var_uint(1) + write_var_uint(77) + write_var_uint(0) + struct + write_var_uint(0)


async def test_no_depth_of_nesting_harms_another_document(start_server: StartServer, open_page: OpenPage) -> None:
    server = start_server()
    (server.root / "a.txt").write_text("start\n")
    alice = await open_page(server, "a.txt")
    updates = [_nested_types(100_000), *map(_nested_value, (1_000, 15_000, 100_000))]
    mallories = []
    for number, update in enumerate(updates):
        path = server.root / f"deep-{number}.ipynb"
        path.write_text(NOTEBOOK)
        mallories.append(await open_page(server, path.name, "json:notebook", "mallory"))
        mallories[-1].send(create_update_message(update))
        await _try(mallories[-1].synchronise)
        await _try(mallories[-1].save)
        alice.document._ysource.insert(0, f"{number} ")

        assert await alice.save() == "success"
        assert (server.root / "a.txt").read_text().startswith(f"{number} ")

    # Nor does opening the document again, now or after a restart.
    for mallory in mallories:
        await _try(mallory.connect)
    server.stop()
    server.start()
    for mallory in mallories:
        await _try(mallory.connect)
    fresh = await open_page(server, "a.txt", person="fresh")

    assert fresh.document.get() == "3 2 1 0 start\n"
    assert await fresh.save() == "success"


async def _try(what: Callable[[], Awaitable[Any]]) -> None:
    """The connection may well be ended for it."""
    with suppress(ConnectionError):
        await what()
