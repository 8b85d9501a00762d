"""Code in one workspace listens for what kernels of another print. Kernels do not say who may listen to them."""

from __future__ import annotations

import asyncio
import json

import pytest

from attacks.inside import in_kernel
from revocation.holding import Place, execute_request, furnished, shared_addresses
from support.demo import Demo

pytestmark = pytest.mark.hub

_LISTEN = """
import os, time, zmq
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
own = os.environ["JUPYTER_RUNTIME_DIR"]
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
end = time.monotonic() + 4
while time.monotonic() < end:
    for socket, _ in poller.poll(200):
        heard.append(b" ".join(socket.recv_multipart()).decode("latin-1"))
for socket in sockets:
    socket.close()
found = {"tried": len(sockets), "heard": heard}
"""


async def test_it_hears_nothing(demo: Demo, place: Place) -> None:
    other = await furnished(demo, "dave", "Talking", {})
    async with demo.socket("dave", shared_addresses(other)["kernel"], max_queue=None, max_size=None) as kernel:
        code = "import time\nfor _ in range(120):\n    print('canary-of-dave', flush=True); time.sleep(0.1)"
        await kernel.send(json.dumps(execute_request(code)))
        async with asyncio.timeout(20):
            while "canary-of-dave" not in str(await kernel.recv()):
                pass

        found = await in_kernel(demo, place, _LISTEN)

    assert found["tried"] > 0
    assert [] == [message for message in found["heard"] if "canary" in message]
