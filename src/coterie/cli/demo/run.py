"""One run of the demo, from the first check to the last process that ends."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import sys
import time
import webbrowser
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from traitlets.config import Config

from coterie.cli.demo.hub import Ports, config_file_text, configure_demo, why_unconfined
from coterie.cli.demo.people import ADMINISTRATOR, GROUPS, PASSWORD, PEOPLE, RIGHTS
from coterie.cli.demo.ports import PortTaken, choose_ports, kept_from_others
from coterie.cli.demo.processes import belongs_to_demo, children, descendants, end, wait_until_gone
from coterie.cli.demo.sample import OWNER, make_sample
from coterie.cli.demo.state import DemoState, StateInUse
from coterie.cli.demo.tokens import keep_tokens
from coterie.cli.demo.web import loopback_client
from coterie.hub import Addresses

START_SECONDS = 120.0
STOP_SECONDS = 12.0
_LEFTOVER_SECONDS = 5.0
_LOOK_AGAIN_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1


class DemoFailed(Exception):
    """Why the demo cannot go on, in a sentence."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What was asked for on the command line."""

    state: Path
    port: int
    subdomains: bool
    browser: bool


def run_demo(options: DemoOptions) -> int:
    """Runs until it is stopped. Returns the exit status; when it returns nothing it started is left."""
    state = DemoState(options.state.expanduser().resolve())
    try:
        with state.held():
            asyncio.run(_run(options, state))
    except (StateInUse, PortTaken, DemoFailed) as failure:
        print(failure, file=sys.stderr, flush=True)
        return 1
    return 0


async def _run(options: DemoOptions, state: DemoState) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await end((pid for pid in state.read_pids() if belongs_to_demo(pid, state.folder)), seconds=_LEFTOVER_SECONDS)

    ports = choose_ports(options.port)
    with kept_from_others(ports.public):
        await _serve(options, state, ports, stop)


async def _serve(options: DemoOptions, state: DemoState, ports: Ports, stop: asyncio.Event) -> None:
    addresses = configure_demo(Config(), state=state.folder, ports=ports, subdomains=options.subdomains)
    hub = await _start_hub(state, ports, subdomains=options.subdomains)
    demo = _Demo(state, addresses, hub)
    try:
        # Whichever comes first: ready, a failed start, or somebody who does not want to wait for it.
        await _first(demo.get_ready(), stop.wait())
        if not stop.is_set():
            print(_greeting(options, state, addresses), flush=True)
            print("ready", flush=True)
            if options.browser:
                await asyncio.to_thread(_open_browser, addresses.hub)
            await _first(demo.watch(), stop.wait())
    finally:
        await demo.stop()


class _Demo:
    """A Hub that was started, with everything it starts in turn."""

    def __init__(self, state: DemoState, addresses: Addresses, hub: Process) -> None:
        self._state = state
        self._addresses = addresses
        self._hub = hub
        self._pids: set[int] = set()

    async def get_ready(self) -> None:
        """Returns when the demo can be used. Raises DemoFailed."""
        deadline = time.monotonic() + START_SECONDS
        async with loopback_client() as http:
            while not await self._answers(http):
                if time.monotonic() >= deadline:
                    raise self._failed("did not get ready in time")
                await self._look(_LOOK_AGAIN_SECONDS)
            try:
                tokens = await keep_tokens(http, self._addresses.hub, self._state.tokens)
                await make_sample(http, self._addresses.service, tokens[OWNER], self._state.samples)
            except httpx.HTTPError as error:
                raise self._failed(f"could not be set up ({error})") from error
        self._note_processes()

    async def watch(self) -> None:
        """Goes on until the Hub ends by itself, which it should not: raises DemoFailed."""
        while True:
            await self._look(1.0)

    async def stop(self) -> None:
        """Ends everything, in order if the Hub still can, by force if not."""
        self._note_processes()
        started = self._pids | descendants(self._hub.pid)
        if self._hub.returncode is None:
            self._hub.terminate()
            await _first(self._hub.wait(), asyncio.sleep(STOP_SECONDS))
        # Kernels notice by themselves that their server is gone; they get the time.
        await end(await wait_until_gone(started, seconds=1.0), seconds=2.0)
        await self._hub.wait()
        self._state.running.unlink(missing_ok=True)

    async def _look(self, seconds: float) -> None:
        self._note_processes()
        await _first(self._hub.wait(), asyncio.sleep(seconds))
        if self._hub.returncode is not None:
            raise self._failed("ended unexpectedly")

    def _note_processes(self) -> None:
        now = {self._hub.pid, *children(self._hub.pid)} if self._hub.returncode is None else self._pids
        if now != self._pids or not self._state.running.exists():
            self._pids = now
            self._state.write_running(hub_url=self._addresses.hub, service_url=self._addresses.service, pids=now)

    async def _answers(self, http: httpx.AsyncClient) -> bool:
        try:
            answers = [
                await http.get(f"{self._addresses.hub}hub/api/"),
                await http.get(f"{self._addresses.service}api/v1/health/ready"),
            ]
        except httpx.HTTPError:
            return False
        return all(answer.is_success for answer in answers)

    def _failed(self, what: str) -> DemoFailed:
        return DemoFailed(f"The demo {what}. Its log is {self._state.log}.")


async def _start_hub(state: DemoState, ports: Ports, *, subdomains: bool) -> Process:
    own = Path(sys.executable).parent
    path = os.pathsep.join([str(own), os.environ.get("PATH", os.defpath)])
    if shutil.which("traefik", path=path) is None:
        raise DemoFailed("The demo needs its proxy: install coterie with its extra, pip install 'coterie[demo]'.")
    state.config.write_text(config_file_text(state=state.folder, ports=ports, subdomains=subdomains), encoding="utf-8")
    for file in state.routes:
        # Left by a Hub that was killed, with a password that this one does not know.
        file.unlink(missing_ok=True)
    # A demo that is started from a terminal of some JupyterHub must not take itself for that one's.
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "JPY_", "COTERIE_"))
    }
    descriptor = os.open(state.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as log:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "coterie.cli.demo.jupyterhub", "-f", str(state.config)),
            cwd=state.folder,
            env={**inherited, "PATH": path},
            stdin=DEVNULL,
            stdout=log,
            stderr=STDOUT,
            # Ctrl-C is for the demo, which then stops the Hub once and waits for it.
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )


def _end_with_parent() -> None:
    # If the demo is killed, its Hub gets SIGTERM and ends what it started in order.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _first(*waiting: Coroutine[Any, Any, Any]) -> None:
    """Waits until one of them is done and cancels the others. Raises what that one raised."""
    tasks = [asyncio.create_task(one) for one in waiting]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _open_browser(url: str) -> None:
    # Without a screen webbrowser would take the terminal for a text browser.
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)


def _greeting(options: DemoOptions, state: DemoState, addresses: Addresses) -> str:
    people = ", ".join(name for name in PEOPLE if name != ADMINISTRATOR)
    groups = "; ".join(f"{name} = {', '.join(users)}" for name, users in GROUPS.items())
    rights = "; ".join(f"{name} = {', '.join(users)}" for name, users in RIGHTS.items())
    lines = [
        "",
        f"Coterie runs at  {addresses.hub}",
        "",
        f"People   {people} and the administrator {ADMINISTRATOR}. The password is {PASSWORD} for all.",
        f"Groups   {groups}",
        f"Rights   {rights}",
        f"Tokens   {state.tokens}, for the API at {addresses.service}api/v1",
        f"State    {state.folder}",
        "",
        "Try this",
        "  1. Sign in as alice and open her workspace Penguins. Run its notebook.",
        "  2. Share it: bob as Viewer, carol as Editor.",
        "  3. Sign in as bob and as carol in browsers of their own, for example in private windows, and open Penguins.",
        "  4. Type as carol: alice and bob see it at once. Then take bob's access away while he watches.",
        "",
        "Stop everything with Ctrl-C.",
    ]
    unconfined = why_unconfined(state.folder)
    if unconfined is not None:
        lines.append(f"Code in one workspace can read the files of all, and the demo's own. {unconfined}")
        if os.geteuid() == 0:
            lines.append("This runs as root, so the workspaces' servers do too.")
    if not options.subdomains:
        lines.append("Everything shares one origin: a page that an Editor serves can act as whoever looks at it.")
    return "\n".join([*lines, ""])
