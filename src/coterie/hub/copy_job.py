"""Having a workspace's folders copied, seen from the Hub's process."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from pydantic import BaseModel, ValidationError

#: How many copies run at once: they share the disk with everybody's work.
_AT_ONCE = asyncio.Semaphore(2)
_BROKEN = "The files could not be copied. Tell the operator; the Hub's log says why."


class CopyJob(BaseModel):
    """From which account's home folder to which, by their paths."""

    source: str
    target: str
    with_outputs: bool


class Step(BaseModel):
    """How a copy goes, for people."""

    sentence: str
    end: Literal["done", "failed"] | None = None


class CopyFailed(Exception):
    """The folders were not copied and nothing is left half. *sentence* says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


async def run_copy(job: CopyJob, tell: Callable[[str], None]) -> None:
    """Do *job* in a process of its own and *tell* how it goes. Raises CopyFailed. Cancelling ends the process."""
    if _AT_ONCE.locked():
        tell("Waiting for other copies")
    async with _AT_ONCE:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "coterie.hub.copy_worker"), stdin=PIPE, stdout=PIPE, env=_environment()
        )
        try:
            await _follow(process, job, tell)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _follow(process: Process, job: CopyJob, tell: Callable[[str], None]) -> None:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  (asked for above)
    process.stdin.write(job.model_dump_json().encode())
    process.stdin.close()
    while line := await process.stdout.readline():
        try:
            step = Step.model_validate_json(line)
        except ValidationError as error:
            raise CopyFailed(_BROKEN) from error
        if step.end == "failed":
            raise CopyFailed(step.sentence)
        tell(step.sentence)
        if step.end == "done":
            return
    raise CopyFailed(_BROKEN)


def _environment() -> dict[str, str]:
    """None of the Hub's secrets."""
    kept = {name: os.environ[name] for name in ("LC_ALL", "LD_LIBRARY_PATH", "PATH") if name in os.environ}
    return {"LANG": "C.UTF-8", **kept}
