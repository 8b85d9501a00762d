"""What many guests of one home cost: ``python benchmarks/guests.py [GUESTS ...]``, by default 1, 20 and 200.

Starts a demo of its own, in which so many people, made for it, accept one link to alice's home and hold four
WebSockets each open. Times are taken by this process: what the share window of the home takes until all of it is here
(the median of several), also as a multiple of the first; and from the moment the API's answer to "Revoke All users" is
here until the last of the WebSockets is closed.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# In the place of this folder, whose file of the same name would be taken for the tests' package.
sys.path[0] = str(Path(__file__).resolve().parents[1] / "tests")

from attacks.signing_in import Browser  # noqa: E402
from coterie.cli.demo.web import loopback_client  # noqa: E402
from revocation.holding import Place  # noqa: E402
from revocation.inviting import a_few_at_a_time, at_home, come_in, invite, with_people  # noqa: E402
from revocation.test_guests import holding_as_each  # noqa: E402
from support.demo import Demo, running_demo  # noqa: E402

GUESTS = (1, 20, 200)
LOOKS = 15


@dataclass(frozen=True)
class Measured:
    """Seconds, with so many *guests*. *ended* counts from the answer: less than zero is before it was here."""

    guests: int
    window: float
    answered: float
    ended: float


async def measure(demo: Demo, counts: list[int]) -> list[Measured]:
    """One after the other, in one session of one home."""
    async with at_home(demo) as home:
        return [await measure_one(demo, home, count) for count in counts]


async def measure_one(demo: Demo, home: Place, count: int) -> Measured:
    """Let *count* guests in, look at the window, and revoke them all."""
    link = await invite(demo, "alice", home.id)
    async with with_people(demo, count) as (peopled, names):
        await a_few_at_a_time(come_in(peopled, name, home, link) for name in names)
        async with holding_as_each(peopled, names, home) as held:
            window = await look(demo)
            asked = time.monotonic()
            answer = await demo.api("alice", "DELETE", f"workspaces/{home.id}/guests", timeout=60)
            answered = time.monotonic()
            answer.raise_for_status()
            sockets = [socket for mine in held.values() for socket in mine.values()]
            async with asyncio.timeout(120):
                await asyncio.gather(*(socket.wait_closed() for socket in sockets))
            ended = time.monotonic()
    return Measured(count, window, answered - asked, ended - answered)


async def look(demo: Demo) -> float:
    """How long the window takes, as alice's browser asks for it (the median)."""
    url = f"{demo.service_url}w/~alice/share"
    seconds = []
    async with loopback_client() as http:
        browser = Browser(http)
        await browser.sign_in("alice", demo.service_url)
        headers = {"Cookie": browser.cookies_for(url)}
        for _ in range(LOOKS):
            asked = time.monotonic()
            page = await http.get(url, headers=headers)
            seconds.append(time.monotonic() - asked)
            assert re.search(r'id="guests"', page.text), page.status_code
    return statistics.median(seconds)


def table(measured: list[Measured]) -> str:
    """In milliseconds, as Markdown."""
    lines = [
        "| guests | window | as a multiple | revoke all: answer | last socket closed after it |",
        "|---|---|---|---|---|",
    ]
    for each in measured:
        ratio = each.window / measured[0].window
        times = (each.window, each.answered, each.ended)
        window, answered, ended = (f"{1000 * seconds:.0f}" for seconds in times)
        lines.append(f"| {each.guests} | {window} | {ratio:.1f} | {answered} | {ended} |")
    return "\n".join(lines)


def main() -> None:
    """Run and print the table."""
    counts = [int(argument) for argument in sys.argv[1:]] or list(GUESTS)
    with tempfile.TemporaryDirectory() as folder, running_demo(Path(folder) / "state") as demo:
        print(table(asyncio.run(measure(demo, counts))))


if __name__ == "__main__":
    main()
