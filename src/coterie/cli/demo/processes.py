"""The demo's processes: which there are, and ending them. Reads /proc."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")
_KINDS = ("-m coterie.cli.demo.jupyterhub", "traefik --configfile", "-m coterie.cli service", "-m coterie.server")
_LOOK_AGAIN_SECONDS = 0.05
#: What is killed ends, as soon as it gets a processor.
_KILLED_WITHIN_SECONDS = 10.0


def children(pid: int) -> set[int]:
    """Processes that *pid* started and that are still there."""
    found: set[int] = set()
    for file in _PROC.glob(f"{pid}/task/*/children"):
        try:
            found.update(int(child) for child in file.read_text().split())
        except OSError:
            # The thread or the process ended meanwhile.
            continue
    return found


def descendants(pid: int) -> set[int]:
    """Everything that *pid* started, directly or not."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        fresh = children(waiting.pop()) - found
        found |= fresh
        waiting += fresh
    return found


def command_of(pid: int) -> str | None:
    """The command line, None if nothing runs as *pid* (any more)."""
    try:
        command = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return None
    return command.replace(b"\0", b" ").decode(errors="replace").strip() or None


def belongs_to_demo(pid: int, folder: Path) -> bool:
    """Whether *pid* is a process of a demo on the state *folder*, and not another that got the number since."""
    command = command_of(pid)
    if command is None or not any(kind in command for kind in _KINDS):
        return False
    if str(folder) in command:
        return True
    try:
        return (_PROC / str(pid) / "cwd").readlink().is_relative_to(folder)
    except PermissionError:
        # A server shuts itself off even from its own user, so its command line has to be enough.
        return "-m coterie.server" in command
    except OSError:
        return False


async def end(pids: Iterable[int], *, seconds: float) -> None:
    """Asks each to end, and kills those that are still there after *seconds*. Returns when all are gone, or have not
    gone for seconds after that."""
    left = set(pids)
    for number, within in ((signal.SIGTERM, seconds), (signal.SIGKILL, _KILLED_WITHIN_SECONDS)):
        for pid in left:
            _signal(pid, number)
        left = await wait_until_gone(left, seconds=within)
        if not left:
            return


async def wait_until_gone(pids: Iterable[int], *, seconds: float) -> set[int]:
    """Those that still run after *seconds*; returns sooner if none does."""
    left = set(pids)
    deadline = time.monotonic() + seconds
    while left := {pid for pid in left if command_of(pid) is not None}:
        if time.monotonic() >= deadline:
            break
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    return left


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return
