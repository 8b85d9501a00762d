"""Which processes run on the whole machine, in sandboxes too, found by their command lines."""

from __future__ import annotations

from pathlib import Path

from coterie.hub.processes import Process


def processes_with(*words: str) -> list[Process]:
    """Those that have each of *words* on their command line, the earlier numbers first. There every argument ends with
    a null character."""
    found = []
    for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda folder: int(folder.name)):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if all(word.encode() in command for word in words):
            found += [process for process in [Process.of(int(folder.name))] if process is not None]
    return found
