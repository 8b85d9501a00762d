"""Code in a workspace takes all the processes, memory, disk and sockets it can get; a neighbour goes on working."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from attacks.inside import in_kernel
from attacks.own_token import first_inside
from coterie.cli.demo.processes import descendants
from coterie.hub.processes import started_at
from revocation.holding import Place, account_of, editing, furnished
from rooms.endurance.lengths import length
from rooms.serving import eventually
from support.demo import Demo, until

pytestmark = [pytest.mark.hub, pytest.mark.usefixtures("confined")]

PROCESSES = 1000
MEMORY = 2 << 30
SCRATCH = 1 << 30
FILE = 50 << 30
OPEN_FILES = 4096
SOCKETS = 10_000
#: How long an attack goes on before it ends by itself (seconds).
WHILE = length(4, soak=30)
#: How long a flood is held once it is there, which makes it no worse (seconds).
FLOODED = length(1, soak=30)
#: Within how many seconds the neighbour has run code, saved a file and been found by the service and the Hub. Alone
#: that takes less than one.
SLOW = 20.0

#: Each of them makes others, and goes on trying where that is refused. The last word is the time when all end.
_BOMB = """
import subprocess, sys
bomb = '''
import os, sys, time
while time.time() < float(sys.argv[1]):
    try:
        os.fork()
    except OSError:
        pass
'''
import time
subprocess.Popen([sys.executable, "-c", bomb, str(time.time() + SECONDS)], start_new_session=True)
found = True
"""

_HOG = """
import subprocess, sys
hog = "held = []\\nwhile True: held.append(bytearray(64 << 20)); print(len(held) * 64, flush=True)"
ran = subprocess.run([sys.executable, "-c", hog], capture_output=True, text=True)
found = {"megabytes": int(ran.stdout.split()[-1]), "end": ran.returncode, "said": ran.stderr[-200:]}
"""

#: One after the other, so that there is always one that takes the last of it.
_HOGS = """
import subprocess, sys, time
hogs = '''
import subprocess, sys, time
hog = "held = []\\\\nwhile True: held.append(bytearray(64 << 20))"
while time.time() < float(sys.argv[1]):
    subprocess.run([sys.executable, "-c", hog], stderr=subprocess.DEVNULL)
'''
subprocess.Popen([sys.executable, "-c", hogs, str(time.time() + SECONDS)], start_new_session=True)
found = True
"""

_FILL = """
import errno, os, tempfile
found = {}
def fill(folder):
    written, piece = 0, b"x" * (16 << 20)
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        try:
            while True:
                written += file.write(piece)
        except OSError as error:
            return [written, errno.errorcode[error.errno]]
for folder in ("/tmp", "/dev/shm"):
    found[folder] = fill(folder)
path = os.path.expanduser("~/work/large")
with open(path, "wb") as file:
    try:
        os.truncate(path, LARGER)
        found["file"] = "grew"
    except OSError as error:
        found["file"] = errno.errorcode[error.errno]
os.unlink(path)
"""

_WRITE = """
import subprocess, sys, time
write = '''
import os, sys, time
path, piece = os.path.expanduser("~/work/" + sys.argv[2]), os.urandom(16 << 20)
while time.time() < float(sys.argv[1]):
    with open(path, "wb") as file:
        for _ in range(16):
            file.write(piece)
        os.fsync(file.fileno())
os.unlink(path)
'''
for number in range(4):
    subprocess.Popen([sys.executable, "-c", write, str(time.time() + SECONDS), str(number)], start_new_session=True)
found = True
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

#: All at once: those that find no room in the port's queue are tried again by the machine.
_FLOOD = """
import subprocess, sys
hold = '''
import errno, socket, sys
held = [socket.socket() for _ in range(int(sys.argv[2]))]
for one in held:
    one.setblocking(False)
tried = [one.connect_ex(("127.0.0.1", int(sys.argv[1]))) for one in held]
print(sum(found in (0, errno.EINPROGRESS) for found in tried), flush=True)
sys.stdin.read()
'''
ends = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
floods = [subprocess.Popen([sys.executable, "-c", hold, str(PORT), str(EACH)], **ends) for _ in range(4)]
found = sum(int(flood.stdout.readline()) for flood in floods)
"""

_EBB = """
for flood in floods:
    flood.communicate()
found = True
"""

#: Ports that take in so many connections and no more, and where they log that there were more.
_BOUNDED = {"service": "demo.log", "neighbour": "servers/{account}/server.log"}

_PORTS = """
import os
from urllib.parse import urlsplit
names = {"hub": "JUPYTERHUB_API_URL", "service": "COTERIE_SERVICE_URL", "neighbour": "JUPYTERHUB_SERVICE_URL"}
found = {name: urlsplit(os.environ[variable]).port for name, variable in names.items()}
"""


@pytest.fixture(scope="module")
async def hungry(demo: Demo) -> Place:
    return await furnished(demo, "dave", "Hungry", {"carol": "editor"})


async def _works(demo: Demo, neighbour: Place, who: str = "alice") -> float:
    """Make the neighbour work, processes of its own and saving included, and have the service and the Hub answer;
    tells how many seconds it took."""
    began = time.monotonic()
    code = "import subprocess; found = subprocess.run(['echo', 'here'], capture_output=True, text=True).stdout"
    assert "here\n" == await in_kernel(demo, neighbour, code, who=who)
    file = {"type": "file", "format": "text", "content": "saved"}
    saved = await demo.server(who, "PUT", f"{neighbour.url}api/contents/saved.txt", json=file)
    assert saved.is_success, saved.text
    assert 200 == (await demo.api(who, "GET", f"workspaces/{neighbour.id}")).status_code
    assert 200 == (await demo.server(who, "GET", f"{demo.hub_url}hub/api/user")).status_code
    return time.monotonic() - began


async def _slowest(
    demo: Demo, neighbour: Place, until_: float, meanwhile: Callable[[], object] = lambda: None
) -> float:
    """Make the neighbour work again and again, once at least, and call *meanwhile* each time; tells how many seconds
    the longest took."""
    slowest = await _works(demo, neighbour)
    meanwhile()
    while time.monotonic() < until_:
        slowest = max(slowest, await _works(demo, neighbour))
        meanwhile()
    return slowest


def _running(inside: int) -> int:
    """How many processes run in a sandbox whose first is *inside*, zombies left out."""
    return sum(started_at(pid) is not None for pid in descendants(inside))


async def test_a_fork_bomb(demo: Demo, place: Place, hungry: Place) -> None:
    inside = first_inside(hungry.url)
    before = _running(inside)
    counts = [before]
    await in_kernel(demo, hungry, _BOMB.replace("SECONDS", str(WHILE)))
    end = time.monotonic() + WHILE

    def count() -> int:
        counts.append(_running(inside))
        return counts[-1]

    async def is_at_its_worst() -> bool:
        return count() > PROCESSES // 2

    await until(is_at_its_worst, within=2 * WHILE)
    slowest = await _slowest(demo, place, end, count)

    assert max(counts) <= PROCESSES
    assert slowest < SLOW

    async def is_over() -> bool:
        return _running(inside) <= before

    await until(is_over, within=60, every=0.2)
    assert await _works(demo, hungry, "carol") < SLOW


async def test_memory(demo: Demo, place: Place, hungry: Place) -> None:
    found = await in_kernel(demo, hungry, _HOG, within=120)

    assert found["megabytes"] << 20 <= MEMORY
    assert found["end"] == -9 or "MemoryError" in found["said"]

    await in_kernel(demo, hungry, _HOGS.replace("SECONDS", str(WHILE)))

    assert await _slowest(demo, place, time.monotonic() + WHILE) < SLOW


async def test_disk(demo: Demo, place: Place, hungry: Place) -> None:
    """All of a workspace's files together have no limit of Coterie's: see docs/howto/operate.md."""
    found = await in_kernel(demo, hungry, _FILL.replace("LARGER", str(FILE + 1)))

    assert "EFBIG" == found["file"]
    for folder in ("/tmp", "/dev/shm"):
        written, why = found[folder]
        assert "ENOSPC" == why
        assert written <= SCRATCH

    await in_kernel(demo, hungry, _WRITE.replace("SECONDS", str(WHILE)))

    assert await _slowest(demo, place, time.monotonic() + WHILE) < SLOW


async def test_open_files(demo: Demo, place: Place, hungry: Place) -> None:
    found = await in_kernel(demo, hungry, _SOCKETS.replace("HUB", f"('127.0.0.1', {demo.port})"))

    assert found["held"] < OPEN_FILES
    assert "Too many open files" in found["why"]
    assert await _works(demo, place) < SLOW


@asynccontextmanager
async def _flood(demo: Demo, hungry: Place, port: int) -> AsyncIterator[int]:
    """Has processes of the workspace hold connections to *port* in the block; tells how many they began."""
    code = _FLOOD.replace("PORT", str(port)).replace("EACH", str(SOCKETS // 4))
    try:
        yield await in_kernel(demo, hungry, code, within=120)
    finally:
        await in_kernel(demo, hungry, _EBB)


@pytest.mark.parametrize("door", ["proxy", "hub", "service", "neighbour"])
async def test_sockets(demo: Demo, place: Place, hungry: Place, door: str) -> None:
    ports = await in_kernel(demo, place, _PORTS, who="alice") | {"proxy": demo.port}
    async with (
        editing(demo, "alice", place) as alice,
        editing(demo, "bob", place) as bob,
        _flood(demo, hungry, ports[door]) as held,
    ):
        assert SOCKETS == held
        slowest = await _slowest(demo, place, time.monotonic() + FLOODED)
        alice.type(f"flooding the {door} ")
        await eventually(lambda: bob.text.startswith(f"flooding the {door} "))
        if door in _BOUNDED:  # the control: there are too many, once they have been taken in
            log = demo.state / _BOUNDED[door].format(account=account_of(place.url))
            await eventually(lambda: "More connections than" in log.read_text())
        # Nothing is left to be saved when others look at the file.
        assert "success" == await alice.save()

    assert slowest < SLOW
