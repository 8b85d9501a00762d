"""An Editor leaves processes behind that belong to nobody any more, to go on after the workspace has stopped."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from uuid import uuid4

import pytest

from attacks.inside import in_kernel
from coterie.cli.demo.hub import why_unconfined
from coterie.hub.processes import started_at
from revocation.holding import Place, account_of, furnished, hub
from support.demo import Demo, until

pytestmark = pytest.mark.hub

_LEAVE = """
import os, signal, subprocess, sys, time
beat = "import os, signal, sys, time\\n" \\
    "for n in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM): signal.signal(n, signal.SIG_IGN)\\n" \\
    "while True: open(sys.argv[1], 'a').write('.'); time.sleep(0.05)"
command = [sys.executable, "-c", beat, os.path.expanduser("~/beat"), MARK]
subprocess.Popen(["setsid", *command])
subprocess.Popen(["nohup", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
if os.fork() == 0:  # twice, so that nobody is its parent
    os.setsid()
    if os.fork() == 0:
        for descriptor in range(3, 256):
            try:
                os.close(descriptor)
            except OSError:
                pass
        os.execv(sys.executable, command)
    os._exit(0)
os.wait()
found = True
"""


def _left(mark: str) -> list[int]:
    """The processes with *mark* on their command line, on the whole machine."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "cmdline").read_bytes() and started_at(int(folder.name)):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.fixture
async def haunted(demo: Demo) -> tuple[Place, str]:
    why = why_unconfined(demo.state)
    if why is not None:
        pytest.skip(why)
    place = await furnished(demo, "alice", "Haunted", {"carol": "editor"})
    mark = uuid4().hex
    await in_kernel(demo, place, _LEAVE.replace("MARK", repr(mark)))

    async def all_run() -> bool:
        return len(_left(mark)) == 3

    assert await until(all_run)
    return place, mark


async def test_nothing_is_left_when_the_workspace_was_stopped(demo: Demo, haunted: tuple[Place, str]) -> None:
    place, mark = haunted

    assert 202 == (await demo.api("carol", "POST", f"workspaces/{place.id}/stop")).status_code

    async def is_stopped() -> bool:
        return (await hub(demo, "admin", "GET", f"users/{account_of(place.url)}"))["server"] is None

    assert await until(is_stopped, within=30)

    async def none_run() -> bool:
        return not _left(mark)

    assert await until(none_run, within=5)


async def test_nothing_is_left_when_the_server_was_killed(demo: Demo, haunted: tuple[Place, str]) -> None:
    place, mark = haunted

    await in_kernel(demo, place, "import os; found = os.system(f'(sleep 0.3; kill -9 {os.getppid()}) &')")

    async def none_run() -> bool:
        return not _left(mark)

    assert await until(none_run, within=10)


async def test_nothing_is_left_when_what_confines_it_was_killed(demo: Demo, haunted: tuple[Place, str]) -> None:
    place, mark = haunted
    keepers = [pid for pid in _keepers() if str(demo.work(place.url).parent).encode() in _command(pid)]
    assert len(keepers) == 1

    os.kill(keepers[0], signal.SIGKILL)

    async def none_run() -> bool:
        return not _left(mark)

    assert await until(none_run, within=5)


def _keepers() -> list[int]:
    return [
        int(folder.name) for folder in Path("/proc").glob("[0-9]*") if b"coterie-sandbox" in _command(int(folder.name))
    ]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
