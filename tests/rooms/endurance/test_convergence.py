"""Whatever happens to a document and to the server, in the end everybody has one and the same, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from jupyter_ydoc import ydocs
from pycrdt import Doc

from coterie.server.rooms.journal.reading import records
from coterie.server.rooms.journal.records import RecordKind
from rooms.endurance.lengths import length
from rooms.endurance.papers import plain
from rooms.endurance.process import ServerProcess
from rooms.endurance.programs import Program, Run, programs

WITHIN = 30


class Servers:
    """One server for many programs: each has a file of its own. After a fault the next begins with a fresh one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._server: ServerProcess | None = None

    def get(self) -> ServerProcess:
        if self._server is None:
            self._count += 1
            # Rooms are closed whenever nobody is in them for a moment.
            self._server = ServerProcess(self._folder / str(self._count), forget_after_seconds=0.2)
            self._server.start()
        return self._server

    def drop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.clear()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    servers = Servers(tmp_path_factory.mktemp("servers"))
    yield servers
    servers.drop()


_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
_CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large)


@pytest.mark.timeout(7200)
@given(program=programs(with_ends=True))
@settings(max_examples=length(3, soak=250), phases=_PHASES, suppress_health_check=_CHECKS)
def test_everybody_agrees_after_disconnects_changes_from_outside_and_ends_of_the_server(
    servers: Servers, program: Program
) -> None:
    _check(servers, program)


@pytest.mark.timeout(7200)
@given(program=programs(with_ends=False))
@settings(max_examples=length(5, soak=250), phases=_PHASES, suppress_health_check=_CHECKS)
def test_everybody_agrees_after_disconnects_and_changes_from_outside(servers: Servers, program: Program) -> None:
    _check(servers, program)


def _check(servers: Servers, program: Program) -> None:
    server = servers.get()
    # A loop of its own: the one that tests share is not running while hypothesis chooses.
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(_run(server, program))
    except BaseException:
        servers.drop()
        raise
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _run(server: ServerProcess, program: Program) -> None:
    run = Run(program, server)
    try:
        await run.run()
        content = await _agreement(run)

        assert run.ledger.faults(run.paper.text(content)) == []
        assert content == plain(_replayed(server, run))
        assert server.complaints() == []
    finally:
        await run.close()


async def _agreement(run: Run) -> Any:
    """What every page and the file hold, once it is the same."""
    first = run.pages[0]
    statuses = []

    def contents() -> dict[str, Any]:
        return {"the file": _file(run), **{page.person: plain(page.document.get()) for page in run.pages}}

    def is_agreed() -> bool:
        held = list(contents().values())
        return all(content == held[0] for content in held)

    try:
        async with asyncio.timeout(WITHIN):
            while (status := await first.save()) != "success" or not is_agreed():
                statuses.append(status)
                await asyncio.sleep(0.05)
    except TimeoutError:
        held = contents()
        different = {name: content for name, content in held.items() if content != held["the file"]}
        raise AssertionError(f"saves: {Counter(statuses)}, the file: {held['the file']}, others: {different}") from None
    return plain(first.document.get())


def _file(run: Run) -> Any:
    try:
        return plain(run.paper.read(run.file.read_text()))
    except (OSError, ValueError) as error:
        return error


def _replayed(server: ServerProcess, run: Run) -> Any:
    """What the journal alone makes of the document."""
    type_ = run.paper.kind.partition(":")[2]
    doc: Doc[Any] = Doc()
    document = ydocs[type_](doc)
    for record in records(server.journals / f"{run.pages[0].file_id}.{type_}.journal"):
        if record.kind in (RecordKind.BASE, RecordKind.EDIT):
            doc.apply_update(record.payload)
    return document.get()
