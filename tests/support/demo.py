"""A demo to test with: a real JupyterHub, proxy, service and Jupyter servers on free ports, stopped at the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import websockets

from coterie.cli.demo.web import loopback_client

READY_WITHIN = 120.0
#: The service waits for a server to stop before it deletes a workspace.
ANSWERED_WITHIN = 60.0
STOPPED_WITHIN = 40.0


@dataclass(frozen=True)
class Demo:
    """A demo that is ready. People are named by their Hub names."""

    state: Path
    hub_url: str
    service_url: str
    tokens: Mapping[str, str]
    process: subprocess.Popen[bytes]
    created: set[str] = field(default_factory=set, repr=False)
    kept: set[str] = field(default_factory=set, repr=False)

    @property
    def port(self) -> int:
        """The port of everything that browsers reach."""
        port = urlsplit(self.hub_url).port
        assert port is not None
        return port

    async def api(self, who: str | None, method: str, path: str, **options: Any) -> httpx.Response:
        """Call the API as *who* (None: as nobody)."""
        headers = {} if who is None else {"Authorization": f"Bearer {self.tokens[who]}"}
        return await _answer(method, f"{self.service_url}api/v1/{path}", headers, options)

    async def create(self, who: str, name: str) -> str:
        """A new workspace of *who*'s; its id."""
        answer = await self.api(who, "POST", "workspaces", json={"name": name})
        assert answer.status_code == 201, answer.text
        self.created.add(str(answer.json()["id"]))
        return str(answer.json()["id"])

    def keep(self, workspace: str) -> None:
        """Leave the server of *workspace* running when a file's tests end: several files use it."""
        self.kept.add(workspace)

    async def until_stopped(self, account: str) -> None:
        """Wait until the Hub says that nothing of *account*'s runs, or is about to end: a workspace's or a person's, as
        it stands in addresses."""

        async def is_stopped() -> bool:
            answer = await self.server("admin", "GET", f"{self.hub_url}hub/api/users/{account}")
            return not answer.raise_for_status().json()["servers"]

        await until(is_stopped, within=60, every=0.1)

    async def stop_servers(self) -> None:
        """Stop the servers of all workspaces that were created through this object and are not kept."""
        ended = self.created - self.kept
        # One that was deleted meanwhile is not found.
        await asyncio.gather(*(self.api("admin", "POST", f"workspaces/{workspace}/stop") for workspace in ended))
        self.created.clear()

    async def grant(self, by: str, workspace: str, name: str, role: str, kind: str = "user") -> None:
        """Give somebody a role."""
        path = f"workspaces/{workspace}/grants/{kind}/{quote(name, safe='')}"
        answer = await self.api(by, "PUT", path, json={"role": role})
        assert answer.status_code == 200, answer.text

    async def open(self, who: str, workspace: str) -> str:
        """Open a workspace and wait until *who* can get in; the address of its server, ending in ``/``."""
        answer = await self.api(who, "POST", f"workspaces/{workspace}/open")
        assert answer.status_code == 200, answer.text
        if answer.json()["url"] is not None:
            return str(answer.json()["url"]).removesuffix("lab")
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        async with (
            loopback_client() as client,
            client.stream("GET", answer.json()["progress_url"], headers=headers, timeout=120) as stream,
        ):
            async for line in stream.aiter_lines():
                step = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                assert not step.get("failed"), step
                if step.get("ready"):
                    return str(step["url"]).removesuffix("lab")
        raise AssertionError("the progress ended without an end")

    async def server(self, who: str | None, method: str, url: str, **options: Any) -> httpx.Response:
        """Send a request to a Jupyter server as *who*."""
        headers = {} if who is None else {"Authorization": f"token {self.tokens[who]}"}
        return await _answer(method, url, headers, options)

    @asynccontextmanager
    async def socket(self, who: str | None, url: str, **options: Any) -> AsyncIterator[websockets.ClientConnection]:
        """A WebSocket to a Jupyter server as *who*, with a token and no Origin, as a program has it."""
        headers = {} if who is None else {"Authorization": f"token {self.tokens[who]}"}
        headers |= options.pop("headers", {})
        async with websockets.connect(
            url.replace("http://", "ws://", 1),
            host="127.0.0.1",
            port=self.port,
            additional_headers=headers,
            proxy=None,
            **{"open_timeout": ANSWERED_WITHIN, **options},
        ) as socket:
            yield socket

    def work(self, server_url: str) -> Path:
        """The folder of files of the workspace whose server is at *server_url*."""
        account = urlsplit(server_url).path.strip("/").split("/")[-1]
        return self.state / "servers" / account / "work"

    def put(self, server_url: str, name: str, content: str | bytes) -> Path:
        """Write a file of that workspace, with the folders that lead to it, as its people's own. Answers where."""
        folder = self.work(server_url)
        path = folder / name
        made = [parent for parent in path.parents if not parent.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        # Root's demo runs servers as others, who could not change what is root's.
        owner = folder.stat()
        for each in (path, *made):
            os.chown(each, owner.st_uid, owner.st_gid)
        return path


async def _answer(method: str, url: str, headers: dict[str, str], options: dict[str, Any]) -> httpx.Response:
    async with loopback_client() as client:
        options = {"timeout": ANSWERED_WITHIN, **options, "headers": headers | options.get("headers", {})}
        return await client.request(method, url, **options)


@contextmanager
def running_demo(state: Path, *options: str) -> Iterator[Demo]:
    """Start ``coterie demo`` on *state*, wait for its ``ready``, and stop it at the end."""
    command = [sys.executable, "-m", "coterie.cli", "demo", "--port", "0", "--no-browser", "--state", str(state)]
    log = state.parent / f"{state.name}.out"
    with log.open("wb") as output:
        process = subprocess.Popen([*command, *options], stdout=output, stderr=output, start_new_session=True)
    try:
        _wait_for_ready(process, log)
        running = json.loads((state / "demo.json").read_text())
        tokens = json.loads((state / "tokens.json").read_text())
        yield Demo(state, running["hub_url"], running["service_url"], tokens, process)
    finally:
        stop(process)


def _wait_for_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while "ready" not in log.read_text().splitlines():
        assert process.poll() is None, f"the demo ended: {log.read_text()}"
        assert time.monotonic() < deadline, f"the demo is not ready: {log.read_text()}"
        time.sleep(0.1)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the demo as Ctrl-C does."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOPPED_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


async def until(condition: Any, *, within: float = 30.0, every: float = 0.02) -> Any:
    """Wait until the coroutine function *condition* answers something truthy, and answer that."""
    async with asyncio.timeout(within):
        while not (found := await condition()):  # noqa: ASYNC110  (what is waited for lies in other processes)
            await asyncio.sleep(every)
        return found
