"""An Editor leaves processes behind that belong to nobody any more, to go on after the workspace has stopped.

Where the Hub is not root they can also attack what makes them end, which runs as the same user.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest

from attacks.inside import in_kernel
from coterie.cli.demo.hub import why_unconfined
from coterie.hub.confined import PLAIN_UIDS
from coterie.hub.processes import started_at
from coterie.hub.sandbox import deployment_folders, why_no_sandbox
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


@pytest.fixture
def plain_home() -> Iterator[Path]:
    """A folder that a plain user can reach, unlike pytest's own, and that belongs to one."""
    with TemporaryDirectory(prefix="coterie-", dir="/tmp") as folder:
        if os.geteuid() == 0:
            os.chown(folder, PLAIN_UIDS[0], PLAIN_UIDS[0])
        yield Path(folder)


def _by_a_plain_hub(home: Path, way: str) -> dict[str, Any]:
    """What ``attacks.plain_hub`` found."""
    ran = subprocess.run(
        [*_as_plain_user(), sys.executable, "-m", "attacks.plain_hub", str(home), way],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found | {"said": ran.stderr}


def _as_plain_user() -> list[str]:
    """What to put before a command. Folders that only root can enter are opened where they lead to this deployment."""
    if os.geteuid() != 0:
        return []
    needed = [path for path in (*deployment_folders(), Path(__file__).parents[1]) if path.exists()]
    closed = {folder: None for path in needed for folder in path.parents if not folder.stat().st_mode & stat.S_IXOTH}
    opened = [word for folder in closed for word in ("--perms", "0755", "--tmpfs", str(folder))]
    for path in needed:
        if not closed.keys().isdisjoint(path.parents):
            opened += [word for folder in reversed(path.parents) for word in ("--dir", str(folder))]
            opened += ["--ro-bind", str(path), str(path)]
    number = str(PLAIN_UIDS[0])
    become = ["setpriv", "--reuid", number, "--regid", number, "--clear-groups", "--inh-caps=-all"]
    return ["bwrap", "--dev-bind", "/", "/", *opened, "--", *become, "--"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the attack is written for x86-64")
@pytest.mark.parametrize("way", ["stopped", "found by a later Hub", "without the kill"])
def test_nothing_is_left_when_what_ends_it_was_made_deaf(plain_home: Path, way: str) -> None:
    why = why_no_sandbox(PLAIN_UIDS[0] if os.geteuid() == 0 else None)
    found = {"why_not": why} if why is not None else _by_a_plain_hub(plain_home, way)
    if found.get("why_not") is not None:
        pytest.skip(found["why_not"])
    if found["came"] != "0":
        pytest.skip(f"no process here can be traced by one that it started: {found['came']}")

    assert found["told"] is not None  # the Hub takes the server for ended
    assert found["before"] >= 3
    if way == "without the kill":
        assert found["after"] >= 2
        assert "are still there" in found["said"]
    else:
        assert found["after"] == 0
        assert found.get("between", 2) >= 2
