"""Code in one workspace listens for what kernels of another print. Kernels do not say who may listen to them."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from attacks.inside import in_kernel
from revocation.holding import Place, execute_request, shared_addresses
from support.demo import Demo

pytestmark = pytest.mark.hub

_LISTEN = """
import json, os, pathlib, threading, time, zmq
listening, unix = set(), []
for table in ("tcp", "tcp6"):
    for line in open(f"/proc/net/{table}").read().splitlines()[1:]:
        columns = line.split()
        if columns[3] == "0A":
            listening.add(int(columns[1].rpartition(":")[2], 16))
for line in open("/proc/net/unix").read().splitlines()[1:]:
    unix += line.split()[7:]
addresses = [f"tcp://127.0.0.1:{port}" for port in sorted(listening)]
addresses += ["ipc://" + path.replace(chr(64), chr(0), 1) for path in unix if "kernel" in path or path.startswith("@")]
context = zmq.Context.instance()
heard = []
sockets = []
poller = zmq.Poller()
# Its own kernel, whose messages it may hear.
(own,) = pathlib.Path(os.environ["JUPYTER_RUNTIME_DIR"]).glob("kernel-*KERNEL*.json")
own = json.loads(own.read_text())
addresses.append(f"ipc://{own['ip']}-{own['iopub_port']}")
for address in addresses:
    socket = context.socket(zmq.SUB)
    socket.linger = 0
    socket.subscribe(b"")
    try:
        socket.connect(address)
    except zmq.ZMQError:
        socket.close()
        continue
    sockets.append(socket)
    poller.register(socket, zmq.POLLIN)
began = time.monotonic()
is_over = threading.Event()
def talk():
    while not is_over.is_set():
        print("canary-of-oneself", flush=True)
        time.sleep(0.1)
talking = threading.Thread(target=talk)
talking.start()
def has_heard_itself():
    return any("oneself" in each for each in heard)
while time.monotonic() - began < (3 if has_heard_itself() else 30):
    for socket, _ in poller.poll(200):
        heard.append(b" ".join(socket.recv_multipart()).decode("latin-1"))
is_over.set()
talking.join()
for socket in sockets:
    socket.close()
found = {"tried": len(sockets), "heard": heard}
"""


async def test_it_hears_nothing_but_its_own(demo: Demo, place: Place, trap: Place) -> None:
    async with demo.socket("carol", shared_addresses(trap)["kernel"], max_queue=None, max_size=None) as kernel:
        code = "import time\nfor _ in range(600):\n    print('canary-of-another', flush=True); time.sleep(0.1)"
        await kernel.send(json.dumps(execute_request(code)))
        try:
            async with asyncio.timeout(60):
                while "canary-of-another" not in str(await kernel.recv()):
                    pass

            found = await in_kernel(demo, place, _LISTEN.replace("KERNEL", place.kernel))
        finally:
            await demo.server("carol", "POST", f"{trap.url}api/kernels/{trap.kernel}/interrupt")

    assert found["tried"] > 1
    heard = "\n".join(found["heard"])
    assert {"canary-of-oneself"} == set(re.findall(r"canary-of-[a-z]+", heard))
