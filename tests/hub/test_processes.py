"""Processes that are known by more than their number."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from coterie.hub import processes
from coterie.hub.processes import Process, started_at


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as started:
        yield started
        started.kill()


def _of(child: subprocess.Popen[bytes]) -> Process:
    process = Process.of(child.pid)
    assert process is not None
    return process


def test_one_is_killed_and_killing_it_again_is_no_error(child: subprocess.Popen[bytes]) -> None:
    process = _of(child)

    process.kill()
    child.wait(timeout=10)
    process.kill()

    assert not process.runs


def test_a_later_one_of_the_number_is_spared(child: subprocess.Popen[bytes]) -> None:
    Process(child.pid, _of(child).started - 1).kill()

    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.5)
    assert _of(child).runs


def test_so_is_one_that_takes_the_number_while_it_is_looked_at(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = _of(child)
    by_number: list[int] = []
    kill = os.kill

    def ends_then(pid: int) -> int | None:
        started = started_at(pid)
        kill(child.pid, signal.SIGKILL)
        child.wait(timeout=10)
        return started

    with monkeypatch.context() as patched:
        patched.setattr(processes, "started_at", ends_then)
        patched.setattr(os, "kill", lambda pid, _signal: by_number.append(pid))
        process.kill()

    assert by_number == []
