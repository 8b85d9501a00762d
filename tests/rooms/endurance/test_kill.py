"""The server is gone from one moment to the next, while people type. Afterwards nobody brings anything along."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jupyter_ydoc import ydocs
from pycrdt import Doc

from coterie.server.rooms.journal.files import NEW
from coterie.server.rooms.journal.reading import read_header
from rooms.endurance import tokens
from rooms.endurance.lengths import length
from rooms.endurance.page import Page
from rooms.endurance.papers import PAPERS, Paper, plain
from rooms.endurance.process import ServerProcess
from rooms.endurance.tokens import Ledger
from rooms.serving import eventually

#: What a writer does, over and over.
_DEEDS = ("write", "print", "print", "write", "new cell", "erase", "show", "write")


@pytest.mark.timeout(7200)
async def test_what_another_person_has_seen_outlives_the_server(start_server: Callable[..., ServerProcess]) -> None:
    server = start_server()
    for number in range(length(4, soak=200)):
        pages: list[Page] = []
        try:
            await _kill_while_people_type(server, PAPERS[number % 2], Random(number), pages)
        finally:
            for page in pages:
                await page.close()


async def _kill_while_people_type(server: ServerProcess, paper: Paper, random: Random, pages: list[Page]) -> None:
    """One time. Every page that is opened is put into *pages*."""
    ledger, words = Ledger(), tokens.make()
    file = server.root / f"{random.getrandbits(32):x}{paper.suffix}"
    file.write_text(paper.blank(ledger, [next(words) for _ in range(3)]))
    writers = [Page(server, file.name, paper.kind, f"writer-{number}") for number in range(random.choice((1, 2)))]
    readers = [Page(server, file.name, paper.kind, "reader", role) for role in ("viewer", "editor")]
    pages += [*writers, *readers]
    for page in pages:
        await page.connect()

    async def write(page: Page) -> None:
        while page.is_connected:
            deed, at = random.choice(_DEEDS), random.randrange(1000)
            paper.edit(page.document, deed, at, next(words), ledger, page.person)
            await page.sent()
            await asyncio.sleep(0)

    writing = [asyncio.create_task(write(page)) for page in writers]
    began = len(ledger.put)
    await eventually(lambda: len(tokens.within(paper.text(readers[0].document.get()))) > 3 and len(ledger.put) > began)
    # Around the first save, or anywhere before it.
    await asyncio.sleep(random.choice((random.uniform(0, 0.5), random.uniform(0.8, 1.4))))
    server.kill()
    await asyncio.gather(*writing)
    for page in readers:
        await page.heard_out()
    server.start()
    fresh = Page(server, file.name, paper.kind, "fresh")
    pages.append(fresh)
    await fresh.connect()
    content = fresh.document.get()

    for page in readers:
        assert content == _together(paper, page, fresh)
    found = tokens.within(paper.text(content))
    assert len(set(found)) == len(found)
    assert await fresh.save() == "success"
    assert plain(content) == plain(paper.read(file.read_text()))


@pytest.mark.timeout(7200)
async def test_a_kill_while_the_journal_is_compacted_loses_nothing_either(
    start_server: Callable[..., ServerProcess], open_page: Callable[..., Awaitable[Page]]
) -> None:
    # From a megabyte on.
    server = start_server(compact_every=1.0, journal_keep_days=0, journal_keep_megabytes=1)
    for number in range(length(1, soak=12)):
        (server.root / f"{number}.txt").write_text("start\n")
        writer = await open_page(server, f"{number}.txt", person="writer")
        reader = await open_page(server, f"{number}.txt", person="reader")
        journal = server.journals / f"{writer.file_id}.file.journal"
        half_made = journal.with_name(f"{journal.name}{NEW}")
        writing = asyncio.create_task(_replace_over_and_over(writer))
        # In turn while the new journal is being made, and right after it has taken the old one's place.
        if number % 2:
            await _kill_once_there_is(half_made, server)
        else:
            await _another_first_record(journal)
            server.kill()
        await writing
        await reader.heard_out()
        server.start()
        fresh = await open_page(server, f"{number}.txt", person="fresh")

        assert fresh.document.get() == _together(PAPERS[0], reader, fresh)
        assert await fresh.save() == "success"
        assert fresh.document.get() == (server.root / f"{number}.txt").read_text()


async def _replace_over_and_over(page: Page) -> None:
    """Fills up the journal, and not the document."""
    words = cycle(tokens.make())
    while page.is_connected:
        del page.document._ysource[0 : len(page.document.get().encode())]
        page.document._ysource.insert(0, "".join(next(words) for _ in range(4)) * 1000)
        await page.sent()
        await asyncio.sleep(0.01)


async def _another_first_record(journal: Path) -> None:
    """Answers once the journal has been compacted."""
    first = read_header(journal).first
    async with asyncio.timeout(60):
        while read_header(journal).first == first:  # noqa: ASYNC110  a file
            await asyncio.sleep(0.005)


async def _kill_once_there_is(path: Path, server: ServerProcess) -> None:
    """From a process that does nothing else: the file is there for a few milliseconds."""
    code = "import os, sys\nwhile not os.path.exists(sys.argv[1]):\n    pass\nos.kill(int(sys.argv[2]), 9)"
    watching = await asyncio.create_subprocess_exec(sys.executable, "-c", code, path, str(server.pid))
    try:
        async with asyncio.timeout(60):
            await watching.wait()
    finally:
        if watching.returncode is None:
            watching.kill()
            await watching.wait()
        server.kill()


def _together(paper: Paper, *pages: Page) -> Any:
    """The content that holds what any of the pages has; and lacks what was deleted on any of them."""
    doc: Doc[Any] = Doc()
    document = ydocs[paper.kind.partition(":")[2]](doc)
    for page in pages:
        doc.apply_update(page.doc.get_update())
    return document.get()


async def test_typing_and_saving_go_on_when_the_process_beside_the_server_is_killed(
    start_server: Callable[..., ServerProcess], open_page: Callable[..., Awaitable[Page]]
) -> None:
    server = start_server()
    path = server.root / "a.txt"
    path.write_text("start\n")
    alice, bob = await open_page(server, "a.txt"), await open_page(server, "a.txt", person="bob")
    words = tokens.make()
    written = []
    for _ in range(length(2, soak=30)):
        server.kill_beside()
        for _ in range(10):
            written.append(next(words))
            alice.document._ysource.insert(0, written[-1])
        await eventually(lambda: bob.document.get().startswith(written[-1]))
    text = "".join(reversed(written)) + "start\n"
    await eventually(lambda: path.read_text() == text)
    path.write_text(text + "more\n")
    await eventually(lambda: bob.document.get() == text + "more\n")

    assert await alice.save() == "success"
    assert [text + "more\n"] * 2 == [alice.document.get(), path.read_text()]


async def test_what_the_server_started_ends_with_it(
    start_server: Callable[..., ServerProcess], open_page: Callable[..., Awaitable[Page]]
) -> None:
    server = start_server()
    (server.root / "a.txt").write_text("start\n")
    await open_page(server, "a.txt")
    pids = server.pids()
    server.kill()
    await eventually(lambda: not any((Path("/proc") / str(pid)).exists() for pid in pids))
