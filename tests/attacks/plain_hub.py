"""Starts and ends a sandboxed server as a Hub does that is not root, for ``test_surviving_the_stop``.

Called with a folder and how the server is to end. What runs inside first attacks what makes it end; afterwards this
program prints, as JSON, what came of it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from jupyterhub.objects import Hub

from attacks.processes import processes_with
from coterie.hub import confined
from coterie.hub.confined import ConfinedSpawner, why_not_confined
from coterie.hub.processes import Process
from support.demo import until

#: Leaves a process behind, and has the first process inside, of the same user, call prctl(PR_SET_PDEATHSIG, 0):
#: its registers are set to that of the call that it waits in, and put back after one step (ptrace(2), x86-64).
ATTACK = """
import ctypes, os, signal, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
SEIZE, INTERRUPT, GETREGS, SETREGS, SINGLESTEP, DETACH = 0x4206, 0x4207, 12, 13, 9, 17
RAX, RSI, RDI, ORIG_RAX, RIP = 10, 13, 14, 15, 16
def trace(request, data=None):
    if libc.ptrace(request, 1, None, data) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def call(number, *arguments):
    trace(INTERRUPT)
    os.waitpid(1, 0x40000000)
    before, changed = (ctypes.c_ulonglong * 27)(), (ctypes.c_ulonglong * 27)()
    trace(GETREGS, before)
    before[RIP] -= 2
    before[RAX], before[ORIG_RAX] = before[ORIG_RAX], 2**64 - 1
    changed[:] = before[:]
    changed[RAX], changed[RDI], changed[RSI] = number, *arguments
    trace(SETREGS, changed)
    trace(SINGLESTEP)
    os.waitpid(1, 0x40000000)
    trace(GETREGS, changed)
    trace(SETREGS, before)
    return changed[RAX]
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", MARK], start_new_session=True)
try:
    trace(SEIZE)
    came = call(157, 1, 0)
    trace(DETACH)
except OSError as error:
    came = str(error)
with open("came.new", "w") as file:
    file.write(str(came))
os.rename("came.new", "came")
signal.pause()
"""


def _spawner(home: Path) -> ConfinedSpawner:
    user = SimpleNamespace(name="alice", escaped_name="alice", url="/user/alice/", settings={})
    spawner = ConfinedSpawner(user=user, hub=Hub(), home_dir=str(home))
    spawner.api_token = "the-server's-own-token"
    return spawner


async def _attacked(home: Path, way: str) -> dict[str, Any]:
    mark = uuid4().hex
    spawner = _spawner(home)
    spawner.cmd = [sys.executable, "-c", f"MARK = {mark!r}{ATTACK}"]
    await spawner.start()

    async def came() -> str | None:
        return (home / "came").read_text() if (home / "came").exists() else None

    # The mark stands on bubblewrap's command line too, also on that of its process inside.
    facts: dict[str, Any] = {"came": await until(came, within=20), "before": len(processes_with(mark))}
    kill = Process.kill
    if way == "without the kill":
        Process.kill = lambda _process: None  # type: ignore[method-assign]
        confined._ENDED_WITHIN = 0.5
    else:
        confined._ENDED_WITHIN = 30.0  # then nothing is left, however slow this machine is
    if way == "found by a later Hub":
        state = json.loads(json.dumps(spawner.get_state()))
        os.kill(spawner.pid, signal.SIGKILL)
        spawner.proc.wait()
        facts["between"] = len(processes_with(mark))
        later = _spawner(home)
        later.load_state(state)
        facts["told"] = await later.poll()
    else:
        await spawner.stop()
        facts["told"] = await spawner.poll()
    left = processes_with(mark)
    for process in left:
        kill(process)
    return facts | {"after": len(left)}


def main() -> None:
    """See above."""
    logging.basicConfig()
    home, way = Path(sys.argv[1]), sys.argv[2]
    why = why_not_confined([home])
    print(json.dumps({"why_not": why} if why is not None else asyncio.run(_attacked(home, way))))


if __name__ == "__main__":
    main()
