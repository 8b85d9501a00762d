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
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest

from attacks.inside import in_kernel
from attacks.own_token import keeper_of
from attacks.processes import processes_with
from coterie.hub.plain_users import PLAIN_UIDS
from coterie.hub.sandbox import deployment_folders, why_no_sandbox
from revocation.holding import Place, account_of, furnished
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


@pytest.fixture
async def haunted(demo: Demo) -> tuple[Place, str]:
    place = await furnished(demo, "alice", "Haunted", {"carol": "editor"})
    mark = uuid4().hex
    await in_kernel(demo, place, _LEAVE.replace("MARK", repr(mark)))

    async def all_run() -> bool:
        return len(processes_with(mark)) == 3

    assert await until(all_run)
    return place, mark


async def _none_run(mark: str) -> bool:
    return not processes_with(mark)


@pytest.mark.usefixtures("confined")
async def test_nothing_is_left_when_the_workspace_was_stopped(demo: Demo, haunted: tuple[Place, str]) -> None:
    place, mark = haunted

    assert 202 == (await demo.api("carol", "POST", f"workspaces/{place.id}/stop")).status_code
    await demo.until_stopped(account_of(place.url))

    assert await until(partial(_none_run, mark), within=60)


@pytest.mark.usefixtures("confined")
async def test_nothing_is_left_when_the_server_was_killed(demo: Demo, haunted: tuple[Place, str]) -> None:
    place, mark = haunted

    await in_kernel(demo, place, "import os; found = os.system(f'(sleep 0.3; kill -9 {os.getppid()}) &')")

    assert await until(partial(_none_run, mark), within=60)


@pytest.mark.usefixtures("confined")
async def test_nothing_is_left_when_what_confines_it_was_killed(demo: Demo, haunted: tuple[Place, str]) -> None:
    place, mark = haunted

    os.kill(keeper_of(place.url), signal.SIGKILL)

    assert await until(partial(_none_run, mark), within=60)


@pytest.fixture
def plain_home() -> Iterator[Path]:
    """A folder that a plain user can reach, unlike pytest's own, and that belongs to one."""
    with TemporaryDirectory(prefix="coterie-", dir="/tmp") as folder:
        if os.geteuid() == 0:
            os.chown(folder, PLAIN_UIDS[0], PLAIN_UIDS[0])
        yield Path(folder)


def _by_a_plain_hub(home: Path, way: str) -> dict[str, Any]:
    """What ``attacks.plain_hub`` found, after what ends it was made deaf and the Hub takes the server for ended."""
    why = why_no_sandbox(PLAIN_UIDS[0] if os.geteuid() == 0 else None)
    if why is not None:
        pytest.skip(why)
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
    if found.get("why_not") is not None:
        pytest.skip(found["why_not"])
    if found["came"] != "0":
        pytest.skip(f"no process here can be traced by one that it started: {found['came']}")
    assert found["before"] >= 3
    assert found["told"] is not None
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


_FOR_THIS_MACHINE = pytest.mark.skipif(platform.machine() != "x86_64", reason="the attack is written for x86-64")


@_FOR_THIS_MACHINE
@pytest.mark.parametrize("way", ["stopped", "found by a later Hub"])
def test_nothing_is_left_when_what_ends_it_was_made_deaf(plain_home: Path, way: str) -> None:
    found = _by_a_plain_hub(plain_home, way)

    assert 0 == found["after"]
    assert found.get("between", 2) >= 2


@_FOR_THIS_MACHINE
def test_without_a_kill_by_the_hub_it_would_be(plain_home: Path) -> None:
    """The control."""
    found = _by_a_plain_hub(plain_home, "without the kill")

    assert found["after"] >= 2
    assert "are still there" in found["said"]
