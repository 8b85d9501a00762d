"""What a guest of one session has left in the next: after its owner stopped the server, after a crash, and, where the
session goes on, after a restart of the Hub."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from traitlets.config import Config
from websockets.exceptions import InvalidStatus

from coterie.cli.demo.hub import Ports, config_file_text, configure_demo
from coterie.cli.demo.ports import choose_ports
from coterie.cli.demo.processes import command_of, descendants, end, wait_until_gone
from coterie.cli.demo.state import DemoState
from coterie.cli.demo.tokens import keep_tokens
from coterie.cli.demo.web import loopback_client
from revocation.holding import Place, admitted, furnish, holding, hub, shared_addresses
from revocation.inviting import (
    accept,
    at_home,
    come_in,
    guests_of,
    invite,
    is_in,
    opened_home,
    refusal,
    stop_home,
    until_stopped,
)
from support.demo import Demo, until

pytestmark = [pytest.mark.hub, pytest.mark.timeout(200)]


@pytest.fixture(scope="module")
async def home(demo: Demo) -> AsyncIterator[Place]:
    async with at_home(demo, "carol") as place:
        yield place


async def _has_nothing(demo: Demo, who: str, place: Place) -> None:
    """*who* gets nowhere in the home, by whatever they had of it."""
    for path in ("api/contents", "api/kernels", "lab", "files/notes.txt", "api/me"):
        assert 200 != (await demo.server(who, "GET", place.url + path)).status_code
    for address in shared_addresses(place).values():
        with pytest.raises(InvalidStatus):
            async with demo.socket(who, address):
                pass
    assert 404 == (await demo.api(who, "GET", f"workspaces/{place.id}")).status_code
    assert 404 == (await demo.api(who, "POST", f"workspaces/{place.id}/open")).status_code
    assert place.id not in [item["id"] for item in (await demo.api(who, "GET", "workspaces")).json()["items"]]


async def _start_anew(demo: Demo, owner: str) -> Place:
    return await furnish(demo, owner, f"~{owner}", await demo.open(owner, f"~{owner}"))


async def _process_of(demo: Demo, owner: str) -> int:
    """The process of *owner*'s server, as the Hub knows it."""
    user = await hub(demo, "admin", "GET", f"users/{owner}")
    process = user["servers"][""]["state"]["pid"]
    assert isinstance(process, int)
    assert "coterie.server" in (command_of(process) or "")
    return process


@pytest.mark.parametrize("how", ["stopped", "crashed"])
async def test_nobody_has_access_in_the_next_session(demo: Demo, home: Place, how: str) -> None:
    link = await invite(demo, "carol", home.id)
    once = await invite(demo, "carol", home.id, max_uses=1)
    await come_in(demo, "bob", home, link)
    await come_in(demo, "dave", home, once)
    place = await opened_home(demo, "carol")
    async with holding(demo, "bob", place, without=("terminal",)) as bobs:
        if how == "stopped":
            await stop_home(demo, "carol")
        else:
            os.kill(await _process_of(demo, "carol"), signal.SIGKILL)
        async with asyncio.timeout(60):
            for socket in bobs.values():
                await socket.wait_closed()
    await until_stopped(demo, "carol")

    again = await _start_anew(demo, "carol")
    for who in ("bob", "dave"):
        await _has_nothing(demo, who, again)
    assert [] == await guests_of(demo, "carol", home.id)
    assert {"bob", "dave"}.isdisjoint(await admitted(demo, again.url))

    # A link that still works may be used again, also its last use by whoever had it.
    await come_in(demo, "bob", again, link)
    assert (410, "invitation-used-up") == refusal(await accept(demo, "erin", once))
    await come_in(demo, "dave", again, once)
    async with holding(demo, "bob", again), holding(demo, "dave", again):
        assert ["bob", "dave"] == await guests_of(demo, "carol", home.id)
    assert 204 == (await demo.api("carol", "DELETE", f"workspaces/{home.id}/guests")).status_code


async def test_what_was_revoked_meanwhile_does_not_come_back(demo: Demo, home: Place) -> None:
    link = await invite(demo, "carol", home.id)
    place = await opened_home(demo, "carol")
    await come_in(demo, "bob", place, link)
    await stop_home(demo, "carol")
    assert 204 == (await demo.api("carol", "DELETE", f"workspaces/{home.id}/invitations")).status_code
    again = await _start_anew(demo, "carol")

    assert (410, "invitation-revoked") == refusal(await accept(demo, "bob", link))
    await _has_nothing(demo, "bob", again)


async def test_a_session_named_by_a_guest_counts_for_nothing(demo: Demo, home: Place) -> None:
    """Only a server reports sessions. The guest's own home cannot be taken for the owner's."""
    link = await invite(demo, "carol", home.id)
    place = await opened_home(demo, "carol")
    await come_in(demo, "bob", place, link)
    await stop_home(demo, "carol")
    again = await _start_anew(demo, "carol")
    answers = [
        await demo.api("bob", "GET", path) for path in ("server", "server/decisions/bob", "server/events?session=aaaa")
    ]

    assert {403} == {answer.status_code for answer in answers}
    await _has_nothing(demo, "bob", again)


class _Hub:
    """The demo's Hub as an operator runs it, so that it can be killed and started again without its servers."""

    def __init__(self, folder: Path) -> None:
        self.state = DemoState(folder)
        ports: Ports = choose_ports(0)
        self.addresses = configure_demo(Config(), state=folder, ports=ports, subdomains=True)
        self.state.config.write_text(config_file_text(state=folder, ports=ports, subdomains=True))
        self._started: set[int] = set()

    async def start(self) -> subprocess.Popen[bytes]:
        """Start it and wait until the service answers."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        for file in self.state.routes:
            file.unlink(missing_ok=True)
        with (self.state.folder / "hub.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220  (killed from outside of the loop)
                [sys.executable, "-m", "jupyterhub", "-f", str(self.state.config)],
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

            await until(is_up, within=60, every=0.2)
        return self.process

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


async def test_a_restart_of_the_hub_ends_nobodys_access(tmp_path: Path) -> None:
    its = _Hub(tmp_path)
    process = await its.start()
    try:
        async with loopback_client() as http:
            tokens = await keep_tokens(http, its.addresses.hub, its.state.tokens)
        demo = Demo(tmp_path, its.addresses.hub, its.addresses.service, tokens, process)
        place = await opened_home(demo)
        link = await invite(demo, "alice", place.id, max_uses=1)
        await come_in(demo, "bob", place, link)
        server = await _process_of(demo, "alice")
        await its.kill()
        await its.start()

        async def is_there() -> bool:
            return await is_in(demo, "bob", place)

        # The Hub tells its new proxy of the servers that it finds running.
        await until(is_there, within=30, every=0.2)
        assert server == await _process_of(demo, "alice")
        assert ["bob"] == await guests_of(demo, "alice", place.id)
        again = await opened_home(demo)
        async with holding(demo, "bob", again) as held:
            for socket in held.values():
                await (await socket.ping())
        assert (410, "invitation-used-up") == refusal(await accept(demo, "carol", link))

        assert 204 == (await demo.api("alice", "DELETE", f"workspaces/{place.id}/guests")).status_code
        await _has_nothing(demo, "bob", again)
    finally:
        await its.stop()
