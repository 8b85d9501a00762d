"""Hundreds of people open, edit and leave a few documents. Afterwards the server holds what it held at noon."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from random import Random
from statistics import median

import pytest

from rooms.endurance.lengths import length
from rooms.endurance.page import Page
from rooms.endurance.papers import PAPERS, Paper
from rooms.endurance.process import ServerProcess, Usage
from rooms.endurance.tokens import Ledger
from rooms.serving import eventually

#: The day's length, in visits to one document by a few people.
VISITS = length(32, soak=640)

#: Few documents, so that each one's journal fills up several times over.
DOCUMENTS = length(2, soak=6)

#: Letters that one visit leaves in a journal.
LETTERS = 150_000

#: How often the server is looked at, always with nobody in any document.
LOOKS = 16

#: Python looks for rings of objects that nobody holds any more only when a quarter of all has been added, which takes
#: some two thousand connections of 5 KB each; pages of the allocators that are only partly free come on top. A room
#: that is not let go of would cost more within ten visits: its document alone holds LETTERS in several copies.
MEMORY = 12 * 1024 * 1024

#: asyncio's pool starts its threads when there is work for one more, and never ends any.
THREADS = min(32, (os.cpu_count() or 1) + 4)

#: Journals fill up and are made shorter, each in its own time, so that a look may find them full or empty. If nothing
#: went, the afternoon would find all that was written from one look at noon to the other: three times as much.
DISK = VISITS // 2 * LETTERS // 3


@pytest.mark.timeout(7200)
async def test_after_a_long_day_the_server_holds_no_more_than_at_noon(
    start_server: Callable[..., ServerProcess],
) -> None:
    # A journal keeps nothing that is older than now, but is not looked at before it has a megabyte.
    server = start_server(forget_after_seconds=0.2, journal_keep_days=0, journal_keep_megabytes=1)
    random = Random(1)
    names = []
    for number in range(DOCUMENTS):
        paper = PAPERS[number % len(PAPERS)]
        names.append((f"{number}{paper.suffix}", paper))
        (server.root / names[-1][0]).write_text(paper.blank(Ledger(), ["a", "b"]))
    looks: list[tuple[Usage, int]] = []
    for number in range(VISITS):
        await _visit(server, *names[number % DOCUMENTS], random)
        if number % (VISITS // LOOKS) == VISITS // LOOKS - 1:
            await eventually(lambda: not server.open_journals())
            looks.append((server.usage(), server.disk()))
    morning, afternoon = looks[: LOOKS // 2], looks[LOOKS // 2 :]

    def grown(quantity: Callable[[Usage, int], int]) -> float:
        return median(quantity(*look) for look in afternoon) - median(quantity(*look) for look in morning)

    assert grown(lambda usage, _: usage.memory) <= MEMORY
    assert grown(lambda usage, _: usage.handles) <= 0
    assert grown(lambda usage, _: usage.threads) <= THREADS
    assert grown(lambda usage, _: usage.processes) <= 0
    assert grown(lambda _, disk: disk) <= DISK
    assert server.complaints() == []


async def _visit(server: ServerProcess, name: str, paper: Paper, random: Random) -> None:
    """Some people come, and leave a document of the same size as they found."""
    pages = [Page(server, name, paper.kind, f"person-{number}") for number in range(random.randint(2, 4))]
    await asyncio.gather(*(page.connect() for page in pages))
    for page in pages:
        _write(page, random, LETTERS // len(pages))
    await asyncio.gather(*(page.synchronise() for page in pages))
    assert await pages[0].save() == "success"
    for page in pages:
        await (page.close() if random.random() < 0.7 else page.break_off())


def _write(page: Page, random: Random, letters: int) -> None:
    """Replace what there is, by a few dozen edits."""
    text = "".join(random.choices("abcdefghijklmnopqrstuvwxyz \n", k=letters))
    if page.document.path is not None and page.document.path.endswith(".txt"):
        source = page.document._ysource
    else:
        cell = page.document.ycells[0]
        cell["outputs"].clear()
        source = cell["source"]
    del source[0 : len(str(source).encode())]
    for start in range(0, letters, 4096):
        source.insert(len(str(source).encode()), text[start : start + 4096])
