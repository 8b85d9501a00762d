"""Asks a server something tiny again and again, so that the answers tell when its loop stood still."""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.rooms.load.rooms import headers_of

#: Seconds between two questions.
_EVERY = 0.005


class Stalls:
    """When each question was sent and when its answer was here, by the clock that all processes share."""

    def __init__(self) -> None:
        self.answers: list[tuple[float, float]] = []

    def longest(self, since: float, until: float) -> float:
        """The longest wait in seconds for an answer to a question that was open between *since* and *until*."""
        waits = [answered - sent for sent, answered in self.answers if answered >= since and sent <= until]
        return max(waits, default=float("nan"))


@asynccontextmanager
async def watching(address: str) -> AsyncIterator[Stalls]:
    """Ask the server at *address* until the end, in a process of its own: what this one does must not be taken for a
    stall. The answers are there after the end."""
    stalls = Stalls()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __spec__.name, address),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 26,
    )
    assert process.stdout is not None  # it is a pipe
    try:
        await process.stdout.readline()  # it has begun
        yield stalls
        output, _ = await process.communicate(b"")  # closes its standard input
        stalls.answers = [(sent, answered) for sent, answered in json.loads(output)]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def main(address: str) -> None:
    """Ask until the standard input ends."""
    is_over = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        is_over.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    answers: list[tuple[float, float]] = []
    connection = http.client.HTTPConnection(address, timeout=120)
    while not is_over.is_set():
        sent = time.monotonic()
        connection.request("GET", "/api", headers=headers_of("probe"))
        connection.getresponse().read()
        answers.append((sent, time.monotonic()))
        if len(answers) == 1:
            print(flush=True)
        time.sleep(max(0.0, sent + _EVERY - time.monotonic()))
    print(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1])
