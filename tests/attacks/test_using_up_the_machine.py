"""Code in a workspace takes all the processes, memory and open files it can get; a neighbour goes on working."""

from __future__ import annotations

import time

import pytest

from attacks.inside import in_kernel
from coterie.cli.demo.hub import why_unconfined
from revocation.holding import Place, furnished
from support.demo import Demo

pytestmark = pytest.mark.hub

PROCESSES = 1000
MEMORY = 2 << 30

_BOMB = """
import os, time
made, why, end = [], "never", time.monotonic() + 30
while time.monotonic() < end:
    try:
        pid = os.fork()
    except OSError as error:
        why = error.strerror
        break
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    made.append(pid)
found = {"made": len(made), "why": why}
"""

_DEFUSE = """
import signal
for pid in made:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
found = True
"""

_HOG = """
import subprocess, sys
hog = "held = []\\nwhile True: held.append(bytearray(64 << 20)); print(len(held) * 64, flush=True)"
ran = subprocess.run([sys.executable, "-c", hog], capture_output=True, text=True)
found = {"megabytes": int(ran.stdout.split()[-1]), "end": ran.returncode, "said": ran.stderr[-200:]}
"""

_SOCKETS = """
import resource, socket
held, why = [], "never"
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
except (OSError, ValueError):
    pass
for _ in range(10000):
    try:
        held.append(socket.create_connection(HUB, timeout=5))
    except OSError as error:
        why = str(error)
        break
found = {"held": len(held), "why": why}
for one in held:
    one.close()
"""


@pytest.fixture(scope="module")
async def hungry(demo: Demo) -> Place:
    why = why_unconfined(demo.state)
    if why is not None:
        pytest.skip(why)
    return await furnished(demo, "dave", "Hungry", {"carol": "editor"})


async def _works(demo: Demo, neighbour: Place, who: str = "alice") -> float:
    """Make the neighbour work, processes of its own included; answers for how long it took."""
    began = time.monotonic()
    code = "import subprocess; found = subprocess.run(['echo', 'here'], capture_output=True, text=True).stdout"
    assert "here\n" == await in_kernel(demo, neighbour, code, who=who)
    assert 200 == (await demo.server(who, "GET", f"{neighbour.url}api/contents")).status_code
    return time.monotonic() - began


async def test_processes_end_at_the_limit(demo: Demo, place: Place, hungry: Place) -> None:
    found = await in_kernel(demo, hungry, _BOMB)
    meanwhile = await _works(demo, place)
    await in_kernel(demo, hungry, _DEFUSE)

    assert found["why"] == "Resource temporarily unavailable"
    assert found["made"] < PROCESSES
    assert meanwhile < 20
    assert await _works(demo, hungry, "carol") < 20


async def test_memory_ends_at_the_limit(demo: Demo, place: Place, hungry: Place) -> None:
    found = await in_kernel(demo, hungry, _HOG, within=120)

    assert found["megabytes"] << 20 <= MEMORY
    assert found["end"] == -9 or "MemoryError" in found["said"]
    assert await _works(demo, place) < 20


async def test_open_files_end_at_the_limit(demo: Demo, place: Place, hungry: Place) -> None:
    found = await in_kernel(demo, hungry, _SOCKETS.replace("HUB", f"('127.0.0.1', {demo.port})"))

    assert found["held"] < 4096
    assert "Too many open files" in found["why"]
    assert await _works(demo, place) < 20
