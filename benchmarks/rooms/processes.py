"""What processes have used, read from Linux' ``/proc``. Imports nothing but Python's own, for it serves both sides."""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_CPUCLOCK_SCHED = 2


def tree(pid: int) -> list[int]:
    """*pid* and every process below it."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    found = [pid]
    for each in found:
        found.extend(children[each])
    return found


def cpu_seconds(pid: int) -> float:
    """What *pid* and every process below it have computed so far, those that have ended included."""
    return sum(_running_seconds(each) + _reaped_seconds(each) for each in tree(pid))


def held_bytes(pid: int) -> int:
    """What *pid* and every process below it hold in memory for themselves: resident pages that are no file's, which the
    system may drop at any time and which processes share."""
    return sum(_anonymous_bytes(each) for each in tree(pid))


def machine_seconds() -> float:
    """What all processors have computed since the machine was started, for whomever."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = (int(field) for field in fields)
    return (user + nice + system + interrupts + soft_interrupts + stolen) / _TICKS


def _running_seconds(pid: int) -> float:
    """To the nanosecond, by the process' own clock, whose number is made as clock_getcpuclockid(3) makes it."""
    try:
        return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError:
        return 0.0


def _reaped_seconds(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[13]) + int(fields[14])) / _TICKS if fields else 0.0


def _anonymous_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    found = re.search(r"^RssAnon:\s*(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _stat(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) from the third on, none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
