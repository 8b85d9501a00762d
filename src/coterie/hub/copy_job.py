"""Having a workspace's folders copied, seen from the Hub's process."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from typing import Literal
from weakref import WeakValueDictionary

from pydantic import BaseModel, ValidationError

#: How many copies run at once: they share the disk with everybody's work.
_AT_ONCE = asyncio.Semaphore(2)
#: By Creator, while copies of theirs run or wait: nobody holds up everybody else with copies of their own.
_ONE_EACH: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
_BROKEN = "The files could not be copied. Tell the operator; the Hub's log says why."


#: How long after its time is over a copy may take to remove what it has made (seconds).
_CLEANED_WITHIN = 900.0


class CopyLimits(BaseModel):
    """What no copy exceeds."""

    gigabytes: float = 50.0
    files: int = 1_000_000
    hours: float = 2.0


class CopyJob(BaseModel):
    """From which account's home folder to which, by their paths, and on whose behalf."""

    source: str
    target: str
    creator: str
    with_outputs: bool
    limits: CopyLimits = CopyLimits()


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
    """Do *job* in a process of its own and *tell* how it goes, after earlier ones of the same Creator. Raises
    CopyFailed. Cancelling ends the process."""
    one_each = _ONE_EACH.setdefault(job.creator, asyncio.Lock())
    if one_each.locked() or _AT_ONCE.locked():
        tell("Waiting for other copies")
    async with one_each, _AT_ONCE:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "coterie.hub.copy_worker"), stdin=PIPE, stdout=PIPE, env=_environment()
        )
        try:
            async with asyncio.timeout(job.limits.hours * 3600 + _CLEANED_WITHIN):
                await _follow(process, job, tell)
        except TimeoutError as error:
            raise CopyFailed(_BROKEN) from error
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
