"""A demo that a test starts, looks at and stops, just as a person would."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from coterie.cli.demo.processes import command_of, descendants, end
from coterie.cli.demo.web import loopback_client

COMMAND = (sys.executable, "-m", "coterie.cli", "demo", "--port", "0", "--no-browser")


@dataclass
class DemoOfOurs:
    """One running demo on *state*. *said* is what it printed so far, line by line."""

    state: Path
    process: Process
    said: list[str] = field(default_factory=list)

    async def get_ready(self) -> None:
        """Reads until it says ``ready``; fails with all it said if it ends before."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.said.append(line.decode().rstrip("\n"))
            if self.said[-1] == "ready":
                return
        raise AssertionError("\n".join([*self.said, (self.state / "demo.log").read_text()]))

    @property
    def running(self) -> dict[str, Any]:
        """What demo.json says."""
        content: dict[str, Any] = json.loads((self.state / "demo.json").read_text())
        return content

    @property
    def tokens(self) -> dict[str, str]:
        """What tokens.json says."""
        content: dict[str, str] = json.loads((self.state / "tokens.json").read_text())
        return content

    def pid_of(self, kind: str) -> int:
        """The one process of demo.json whose command line has *kind* in it."""
        (found,) = (pid for pid in self.running["pids"] if kind in (command_of(pid) or ""))
        assert isinstance(found, int)
        return found

    async def api(self, person: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Calls the service as *person*."""
        return await self._call(person, method, f"{self.running['service_url']}api/v1/{path}", **options)

    async def hub(self, person: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Calls the Hub's API as *person*."""
        return await self._call(person, method, f"{self.running['hub_url']}hub/api/{path}", **options)

    async def _call(self, person: str, method: str, url: str, **options: Any) -> httpx.Response:
        async with loopback_client() as http:
            headers = {"Authorization": f"token {self.tokens[person]}"}
            return await http.request(method, url, headers=headers, **options)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal and returns the exit status."""
        self.process.send_signal(number)
        await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def demo_on(state: Path, *options: str) -> AsyncIterator[DemoOfOurs]:
    """A demo that is ready, on *state*. Whatever a test did to it, nothing of it is left afterwards."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--state", str(state), *options, stdout=PIPE, stderr=STDOUT, env=os.environ
    )
    demo = DemoOfOurs(state, process)
    started: set[int] = set()
    try:
        await demo.get_ready()
        started = descendants(process.pid)
        yield demo
    finally:
        started |= descendants(process.pid)
        if process.returncode is None:
            await demo.stop()
        await end(started, seconds=2)
