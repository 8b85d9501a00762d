"""Control groups: limits that hold for everything a server starts together, where this machine lets the Hub set them.

The Hub needs groups of its own to make others beside or below, which root usually has in the first version of control
groups, and a service with ``Delegate=`` and ``DelegateSubgroup=`` has in the second. It never moves itself.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)

_MOUNTED = Path("/sys/fs/cgroup")
_PERIOD = 100_000  # microseconds
_UNITED = {"memory", "pids"}
#: Not there where the kernel does not count what is swapped.
_OF_SWAP = {"memory.swap.max", "memory.memsw.limit_in_bytes"}


@dataclass(frozen=True, slots=True)
class Shares:
    """What everything in a group may use together. *memory* in bytes, *processes* with their threads, *cpus* as a
    number of processors; None: no limit."""

    memory: int | None = None
    processes: int | None = None
    cpus: float | None = None


@dataclass(frozen=True, slots=True)
class ControlGroups:
    """The groups of one server, one for each controller or one for all. None at all where none could be had."""

    folders: tuple[Path, ...] = ()
    limits_memory: bool = False

    def join(self) -> None:
        """Put the calling process in: what it starts from now on belongs to them. Raises OSError."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text("0")

    def remove(self) -> bool:
        """Once nothing runs in them any more. Answers False where something still does, and they stay."""
        for folder in self.folders:
            with suppress(OSError):
                folder.rmdir()
        return not any(folder.exists() for folder in self.folders)


def make_groups(
    name: str, shares: Shares, *, mounted: Path = _MOUNTED, own: Path = Path("/proc/self/cgroup")
) -> ControlGroups:
    """Groups called *name* with *shares*, as many of them as can be had. Warns once of what no group keeps to."""
    folders = []
    kinds: set[str] = set()
    for controllers, parent in _parents(mounted, own).items():
        folder = parent / name
        try:
            folder.mkdir(exist_ok=True)
            _limit(folder, controllers, shares)
        except OSError:
            with suppress(OSError):
                folder.rmdir()
            continue
        folders.append(folder)
        kinds |= set(controllers.split(","))
    if shares.memory is not None and "memory" not in kinds:
        _warn_once("mem_limit", "each process of a server by itself")
    if shares.cpus is not None and "cpu" not in kinds:
        _warn_once("cpu_limit", "nothing")
    return ControlGroups(tuple(folders), limits_memory=shares.memory is not None and "memory" in kinds)


@cache
def _warn_once(setting: str, what: str) -> None:
    log.warning('No control group could be had: %s holds for %s. See "Limits" in Operate Coterie.', setting, what)


def _parents(mounted: Path, own: Path) -> dict[str, Path]:
    """By their controllers, with commas between them: the folders in which this process may make groups."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return {}
    found: dict[str, Path] = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for folder in _candidates(mounted, controllers, path.lstrip("/")):
            if not os.access(folder / "cgroup.procs", os.W_OK) or not os.access(folder, os.W_OK):
                continue
            if controllers in ("memory", "pids", "cpu", "cpu,cpuacct", "cpuacct,cpu"):
                found[controllers] = folder
                break
            if not controllers and _UNITED <= (given := _given_to_children(folder)):
                found[",".join(sorted(given | {"united"}))] = folder
                break
    return found


def _candidates(mounted: Path, controllers: str, path: str) -> Iterator[Path]:
    if controllers:
        yield mounted / controllers / path
        yield mounted / controllers
    else:
        # Where the Hub's own group is a leaf, the one above is what it was given.
        yield mounted / path
        yield (mounted / path).parent


def _given_to_children(folder: Path) -> set[str]:
    """The controllers that the groups in *folder* have. Where systemd gave it to this process they get all that the Hub
    needs: whoever delegates a group leaves that to whom it is given (https://systemd.io/CGROUP_DELEGATION/)."""
    control = folder / "cgroup.subtree_control"
    with suppress(OSError):
        if os.getxattr(folder, "user.delegate") == b"1" and not _UNITED <= set(control.read_text().split()):
            # Refused where processes run in *folder* itself, but only because memory is among them: with the others
            # alone it would become the root of threads, in which no group can have processes.
            for wanted in ("+memory +pids", "+cpu"):
                control.write_text(wanted)
    with suppress(OSError):
        return set(control.read_text().split())
    return set()


def _limit(folder: Path, controllers: str, shares: Shares) -> None:
    kinds = set(controllers.split(","))
    for file, text in _united_files(shares) if "united" in kinds else _separate_files(shares):
        if file.partition(".")[0] in kinds and (file not in _OF_SWAP or (folder / file).exists()):
            (folder / file).write_text(text)


def _united_files(shares: Shares) -> list[tuple[str, str]]:
    cpus = "max" if shares.cpus is None else str(int(shares.cpus * _PERIOD))
    return [
        ("memory.max", "max" if shares.memory is None else str(shares.memory)),
        ("memory.swap.max", "max" if shares.memory is None else "0"),
        ("pids.max", "max" if shares.processes is None else str(shares.processes)),
        ("cpu.max", f"{cpus} {_PERIOD}"),
    ]


def _separate_files(shares: Shares) -> list[tuple[str, str]]:
    memory = "-1" if shares.memory is None else str(shares.memory)
    return [
        # Memory and swap together, so never less than memory alone, also in a group that was there with less.
        ("memory.memsw.limit_in_bytes", "-1"),
        ("memory.limit_in_bytes", memory),
        ("memory.memsw.limit_in_bytes", memory),
        ("pids.max", "max" if shares.processes is None else str(shares.processes)),
        ("cpu.cfs_quota_us", "-1" if shares.cpus is None else str(int(shares.cpus * _PERIOD))),
    ]
