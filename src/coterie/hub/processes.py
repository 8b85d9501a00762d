"""Which processes there are, as /proc tells."""

from __future__ import annotations

from pathlib import Path

_PROC = Path("/proc")


def started_at(pid: int) -> int | None:
    """When *pid* was started, in ticks since the machine was; None where it does not run (any more).

    With it a process is known again: a number alone may belong to another one since.
    """
    try:
        content = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # What is in brackets is the process's own name for itself.
    state, *rest = content.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])


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
