"""The demo's Hub as an operator runs it: it can be killed and started again while its servers go on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
from traitlets.config import Config

from coterie.cli.demo.hub import Ports, config_file_text, configure_demo
from coterie.cli.demo.ports import choose_ports
from coterie.cli.demo.processes import command_of, descendants, end, wait_until_gone
from coterie.cli.demo.state import DemoState
from coterie.cli.demo.tokens import keep_tokens
from coterie.cli.demo.web import loopback_client
from support.demo import READY_WITHIN, Demo, until


class OperatedHub:
    """On *folder*, with ports of its own. Whoever starts it stops it."""

    def __init__(self, folder: Path) -> None:
        self.state = DemoState(folder)
        ports: Ports = choose_ports(0)
        self.addresses = configure_demo(Config(), state=folder, ports=ports, subdomains=True)
        self.state.config.write_text(config_file_text(state=folder, ports=ports, subdomains=True))
        self._started: set[int] = set()

    async def start(self) -> None:
        """Start it and wait until the service answers."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        for file in self.state.routes:
            file.unlink(missing_ok=True)
        with (self.state.folder / "hub.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220  (killed from outside of the loop)
                [sys.executable, "-m", "coterie.cli.demo.jupyterhub", "-f", str(self.state.config)],
                cwd=self.state.folder,
                env={**os.environ, "PATH": path},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        async with loopback_client() as http:

            async def is_up() -> bool:
                with suppress(httpx.HTTPError):
                    ready = await http.get(f"{self.addresses.service}api/v1/health/ready")
                    return ready.is_success and (await http.get(f"{self.addresses.hub}hub/api/")).is_success
                return False

            await until(is_up, within=READY_WITHIN, every=0.2)

    async def as_demo(self) -> Demo:
        """The same, for whoever speaks to it as to a demo; after the start."""
        async with loopback_client() as http:
            tokens = await keep_tokens(http, self.addresses.hub, self.state.tokens)
        return Demo(self.state.folder, self.addresses.hub, self.addresses.service, tokens, self.process)

    async def kill(self) -> None:
        """Kill the Hub as it stands, and then what it cannot take over: its proxy and its service."""
        self._started |= descendants(self.process.pid)
        others = {
            pid
            for pid in descendants(self.process.pid)
            if any(kind in (command_of(pid) or "") for kind in ("traefik", "coterie.cli service"))
        }
        self.process.kill()
        await asyncio.to_thread(self.process.wait)
        for pid in others:
            os.kill(pid, signal.SIGKILL)
        assert not await wait_until_gone(others, seconds=10)

    async def stop(self) -> None:
        """End it with all that it started."""
        self._started |= {self.process.pid, *descendants(self.process.pid)}
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self.process.wait, 15)
        await end(self._started, seconds=3)
