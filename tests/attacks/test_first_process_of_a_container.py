"""Code in a container looks for the server's token in the container's own environment, where such spawners put it.

A container is what bubblewrap makes here: a process namespace whose first process has the token in its environment. The
server's own start runs in it; what would be the application starts the attack.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from coterie.hub.processes import line_of_eldest
from coterie.hub.sandbox import why_no_sandbox
from support.demo import until

TOKEN = "0123456789abcdef0123456789abcdef"
_WHY_NOT = why_no_sandbox(65519 if os.geteuid() == 0 else None)
pytestmark = pytest.mark.skipif(_WHY_NOT is not None, reason=str(_WHY_NOT))

_ATTACK = """
import ctypes, json, os, pathlib, subprocess, time
found, seen = [], []
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    seen.append(int(folder.name))
    if int(folder.name) == os.getpid():
        continue
    for kind in ("environ", "mem", "maps", "fd"):
        try:
            place = folder / kind
            if kind == "fd":
                content = str([os.readlink(one) for one in place.iterdir()])
            else:
                content = place.open("rb", 0).read(65536).decode("latin-1")
            found += [str(place)] if kind != "environ" or TOKEN in content else []
        except OSError:
            continue
traced = [ctypes.CDLL(None).ptrace(16, pid, 0, 0) for pid in (1, os.getppid())] if HIDDEN else []
# Leaves a process whose parent has ended, which ends too: somebody has to take note of that.
subprocess.run(["sh", "-c", "sleep 0.01 & true"])
deadline = time.monotonic() + 10
def dead():
    states = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            states.append(stat.read_text().rpartition(")")[2].split()[0])
        except OSError:
            continue
    return "Z" in states or len(states) > len(seen)
while dead() and time.monotonic() < deadline:
    time.sleep(0.01)
print(json.dumps({"found": found, "seen": sorted(seen), "traced": traced, "dead": dead(), "own": sorted(os.environ)}))
"""

_SERVER = """
import os, runpy, signal, subprocess, sys, types
HIDDEN = {hidden}
if not HIDDEN:
    import coterie.server.hiding
    coterie.server.hiding.hide_process = lambda: None
def run():
    for name in [name for name in os.environ if "TOKEN" in name]:
        del os.environ[name]
    signal.signal(signal.SIGTERM, lambda *_: (print("stopped", flush=True), sys.exit(3)))
    subprocess.run([sys.executable, "-I", "-c", {attack!r}], check=True)
    print("waiting", flush=True)
    signal.pause()
application = types.ModuleType("coterie.server.app")
application.CoterieServer = types.SimpleNamespace(launch_instance=run)
sys.modules["coterie.server.app"] = application
runpy.run_module("coterie.server", run_name="__main__", alter_sys=True)
"""


@contextmanager
def _container(folder: Path, *, hidden: bool) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    said = folder / "said"
    attack = f"TOKEN, HIDDEN = {TOKEN!r}, {hidden}\n{_ATTACK}"
    command = [
        *("bwrap", "--unshare-user", "--unshare-pid", "--as-pid-1", "--uid", "1000", "--gid", "1000"),
        *("--cap-drop", "ALL", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"),
        *("--", sys.executable, "-I", "-c", _SERVER.format(hidden=hidden, attack=attack)),
    ]
    with said.open("wb") as out:
        running = subprocess.Popen(
            command, env={"PATH": os.environ["PATH"], "JUPYTERHUB_API_TOKEN": TOKEN}, stdout=out, stderr=out
        )
    try:
        yield running, said
    finally:
        running.kill()
        running.wait(10)


def _has_ended(running: subprocess.Popen[bytes], said: Path) -> bool:
    return "waiting" in said.read_text() or running.poll() is not None


def _told(said: Path) -> list[str]:
    return said.read_text().splitlines()


async def _found(running: subprocess.Popen[bytes], said: Path) -> Any:
    async def has_ended() -> bool:
        return _has_ended(running, said)

    await until(has_ended)
    assert running.poll() is None, _told(said)
    return json.loads(_told(said)[0])


@pytest.fixture(scope="module")
async def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the attack found beside a server that hides itself."""
    with _container(tmp_path_factory.mktemp("hidden"), hidden=True) as (running, said):
        return await _found(running, said)


def test_its_environment_cannot_be_read_by_what_runs_beside_the_server(found: Any) -> None:
    assert [] == found["found"]
    assert [-1, -1] == found["traced"]
    assert 1 in found["seen"]
    assert [] == [name for name in found["own"] if "TOKEN" in name]


async def test_without_hiding_it_could(tmp_path: Path) -> None:
    with _container(tmp_path, hidden=False) as (running, said):
        found = await _found(running, said)

    assert "/proc/1/environ" in found["found"]


def test_processes_that_others_left_do_not_pile_up(found: Any) -> None:
    assert not found["dead"]


async def test_the_server_is_told_to_stop_and_everything_ends_with_it(tmp_path: Path) -> None:
    with _container(tmp_path, hidden=True) as (running, said):
        await _found(running, said)
        first = line_of_eldest(running.pid, 1)[-1]
        os.kill(first, signal.SIGTERM)

        assert 3 == running.wait(60)
        assert "stopped" == _told(said)[-1]
