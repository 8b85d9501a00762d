"""How long it takes to open a stopped workspace, confined and not: ``python benchmarks/opening.py [ROUNDS]``.

Starts two demos of its own, one of them on a path without bubblewrap, and opens and stops a workspace in each by turns.
Times are taken by this process: from the call that opens until the page could be sent there.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

# In the place of this folder, whose files of the same names would be taken for the tests' packages.
sys.path[0] = str(Path(__file__).resolve().parents[1] / "tests")

from coterie.cli.demo.hub import why_unconfined  # noqa: E402
from revocation.holding import account_of  # noqa: E402
from support.demo import Demo, running_demo  # noqa: E402

#: The Hub looks for a new server at moments that it draws, seconds apart at last: few rounds say little.
ROUNDS = 40
#: What confinement may make of the time.
AT_MOST = 1.1


async def measure(demos: dict[str, Demo], rounds: int) -> dict[str, list[float]]:
    """Seconds to open, by demo."""
    workspaces = {name: await demo.create("alice", "Benchmark") for name, demo in demos.items()}
    for name, demo in demos.items():  # the first time makes folders, which both do alike
        await _open_and_stop(demo, workspaces[name])
    seconds: dict[str, list[float]] = {name: [] for name in demos}
    for number in range(rounds):
        # Each is first by turns: who comes second may meet what the other's stop left to do.
        for name, demo in list(demos.items())[:: 1 if number % 2 else -1]:
            seconds[name].append(await _open_and_stop(demo, workspaces[name]))
    return seconds


async def _open_and_stop(demo: Demo, workspace: str) -> float:
    began = time.monotonic()
    url = await demo.open("alice", workspace)
    taken = time.monotonic() - began
    (await demo.api("alice", "POST", f"workspaces/{workspace}/stop")).raise_for_status()
    await demo.until_stopped(account_of(url))
    return taken


def table(seconds: dict[str, list[float]]) -> str:
    """In seconds, as Markdown."""
    lines = ["| | median | min | max |", "|---|---|---|---|"]
    for name, taken in seconds.items():
        lines.append(f"| {name} | {statistics.median(taken):.2f} | {min(taken):.2f} | {max(taken):.2f} |")
    return "\n".join([*lines, "", f"Confined, a start takes {ratio(seconds):.2f} of the time."])


def ratio(seconds: dict[str, list[float]]) -> float:
    """How much longer it takes in the first demo, confined, than in the second: 1 is as long."""
    confined, unconfined = (statistics.median(taken) for taken in seconds.values())
    return confined / unconfined


@contextmanager
def _without_bubblewrap(folder: Path) -> Iterator[None]:
    """The path has everything else."""
    whole = os.environ["PATH"]
    folder.mkdir()
    for place in whole.split(os.pathsep):
        for tool in Path(place).iterdir() if Path(place).is_dir() else ():
            if tool.name != "bwrap" and not (folder / tool.name).is_symlink():
                (folder / tool.name).symlink_to(tool)
    os.environ["PATH"] = str(folder)
    try:
        yield
    finally:
        os.environ["PATH"] = whole


def main() -> None:
    """Run and print the table; ends with 1 where confinement takes more of the time than it may."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        why_not = why_unconfined(folder)
        if why_not is not None:
            sys.exit(f"There is nothing to compare. {why_not}")
        with ExitStack() as demos:
            confined = demos.enter_context(running_demo(folder / "confined"))
            with _without_bubblewrap(folder / "tools"):
                unconfined = demos.enter_context(running_demo(folder / "unconfined"))
            seconds = asyncio.run(measure({"confined": confined, "unconfined": unconfined}, rounds))
    print(table(seconds))
    if ratio(seconds) > AT_MOST:
        sys.exit(f"That is more than {AT_MOST}.")


if __name__ == "__main__":
    main()
