"""What a stretch of time has cost, and whether the machine was left alone in it."""

from __future__ import annotations

import os
import time

from benchmarks.rooms import processes


class Meter:
    """Counts from its making on. *pid* is the server's first process."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began = self._now()

    def read(self) -> dict[str, float]:
        """``seconds`` that passed, ``server_cpu`` seconds that all of the server's processes have computed, and the
        shares of a core that the load and everybody else on the machine had."""
        seconds, server, load, machine = (now - began for now, began in zip(self._now(), self._began, strict=True))
        return {
            "seconds": seconds,
            "server_cpu": server,
            "load_share": load / seconds,
            "others_share": max(0.0, machine - server - load) / seconds,
        }

    def _now(self) -> tuple[float, float, float, float]:
        return (
            time.perf_counter(),
            processes.cpu_seconds(self._pid),
            processes.cpu_seconds(os.getpid()),
            processes.machine_seconds(),
        )


def quantile(values: list[float], share: float) -> float | None:
    """The value below which *share* of the *values* lie, None if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
