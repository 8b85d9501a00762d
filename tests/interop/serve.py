"""Serve rooms from a process of its own: ``python -m interop.serve PORT FOLDER [RELAY_PORT]``.

Files are in ``FOLDER/work``, and what outlives the server beside it. Prints ``ready`` once it serves, and ends in order
on SIGTERM or at the end of its input, which comes when whoever started it is gone. Imports the server only when it is
run: a process that the server starts imports this module too.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path


async def main(port: int, folder: Path, relay_port: int | None) -> None:
    from interop.relay import relay
    from rooms.serving import Server

    root = folder / "work"
    root.mkdir(exist_ok=True)
    server = Server(root, folder, port)
    await server.start()
    if relay_port is not None:
        await relay(server, relay_port)
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    asyncio.get_running_loop().add_reader(sys.stdin, over.set)
    print("ready", flush=True)
    await over.wait()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None))
