"""How long it takes until somebody who is removed is out: ``python benchmarks/revocation.py [ROUNDS]``.

Starts a demo of its own. In each round bob, an Editor, holds one WebSocket of every kind open and sends requests
without a pause; alice deletes his grant. Times are taken by this process: from the moment the API's answer to the
DELETE is here until each WebSocket is closed and until the first request is answered with 403.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

# In the place of this folder, whose file of the same name would be taken for the tests' package.
sys.path[0] = str(Path(__file__).resolve().parents[1] / "tests")

from websockets.asyncio.client import ClientConnection  # noqa: E402

from coterie.cli.demo.web import loopback_client  # noqa: E402
from revocation.holding import Place, furnished, holding  # noqa: E402
from support.demo import Demo, running_demo  # noqa: E402

ROUNDS = 20
REQUESTS = "first refused request"


async def measure(demo: Demo, rounds: int) -> dict[str, list[float]]:
    """Seconds after the API's answer, by what ended. Less than zero: before the answer was here."""
    place = await furnished(demo, "alice", "Benchmark", {"carol": "editor"})
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    async with holding(demo, "carol", place):
        for _ in range(rounds):
            for what, taken in (await one_round(demo, place)).items():
                seconds[what].append(taken)
    return seconds


async def one_round(demo: Demo, place: Place) -> dict[str, float]:
    """Remove bob once."""
    await demo.grant("alice", place.id, "bob", "editor")
    await demo.open("bob", place.id)
    ended: dict[str, float] = {}

    async def closed(kind: str, socket: ClientConnection) -> None:
        await socket.wait_closed()
        ended[kind] = time.monotonic()

    async def refused() -> None:
        headers = {"Authorization": f"token {demo.tokens['bob']}"}
        async with loopback_client() as http:
            while (await http.get(f"{place.url}api/me", headers=headers)).status_code != 403:
                pass
        ended[REQUESTS] = time.monotonic()

    async with holding(demo, "bob", place) as held, asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        for kind, socket in held.items():
            tasks.create_task(closed(kind, socket))
        tasks.create_task(refused())
        await asyncio.sleep(0.1)  # everything is open and the requests are under way
        answer = await demo.api("alice", "DELETE", f"workspaces/{place.id}/grants/user/bob")
        answered = time.monotonic()
        answer.raise_for_status()
    return {what: at - answered for what, at in ended.items()}


def table(seconds: dict[str, list[float]]) -> str:
    """In milliseconds, as Markdown."""
    lines = ["| | median | p90 | max |", "|---|---|---|---|"]
    for what, taken in seconds.items():
        ordered = sorted(1000 * each for each in taken)
        p90 = ordered[min(len(ordered) - 1, round(0.9 * len(ordered)))]
        lines.append(f"| {what} | {statistics.median(ordered):.0f} | {p90:.0f} | {ordered[-1]:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Run and print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as folder, running_demo(Path(folder) / "state") as demo:
        print(table(asyncio.run(measure(demo, rounds))))


if __name__ == "__main__":
    main()
