"""Which processes there are, as /proc tells."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


def started_at(pid: int) -> int | None:
    """When *pid* was started, in ticks since the machine was; None where it does not run (any more).

    With it a process is known again: a number alone may belong to another one since. Raises OSError where that cannot
    be told, for this process has as many files open as it may: then it must not count as ended.
    """
    try:
        content = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # What is in brackets is the process's own name for itself.
    state, *rest = content.rpartition(")")[2].split()
    # One whose first thread has ended looks like one that has ended, while its other threads go on.
    threads = int(rest[16])
    return None if state in "ZX" and threads <= 1 else int(rest[18])


@dataclass(frozen=True, slots=True)
class Process:
    """One process and no later one of its number."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that is *pid* now; None where there is none."""
        started = started_at(pid)
        return None if started is None else cls(pid, started)

    @property
    def runs(self) -> bool:
        """Whether it is still there. The first process of a namespace is until all others in there have ended."""
        return started_at(self.pid) == self.started

    def kill(self) -> None:
        """At once, if it is still there. Raises OSError as ``started_at`` does."""
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(self.pid)
            try:
                # Looked at once it is held: whatever takes the number from now on is another descriptor's.
                if self.runs:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            finally:
                os.close(descriptor)


def line_of_eldest(pid: int, steps: int) -> list[int]:
    """*pid*, the process that it started first of those it has, the first of that one's and so on: as many *steps* as
    there are, and not more than asked for."""
    line = [pid]
    while len(line) <= steps:
        try:
            found = (_PROC / str(line[-1]) / "task" / str(line[-1]) / "children").read_text().split()
        except OSError:
            break
        if not found:
            break
        line.append(int(found[0]))
    return line
