"""The service hangs or is killed: nobody is cut before the lease ends, nobody stays longer, and all come back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from traitlets.config import Config
from websockets.exceptions import InvalidStatus

from coterie.cli.demo.hub import Ports, config_file_text, configure_demo
from coterie.cli.demo.ports import choose_ports
from coterie.cli.demo.processes import command_of, descendants, end
from coterie.cli.demo.state import DemoState
from coterie.cli.demo.tokens import keep_tokens
from coterie.cli.demo.web import loopback_client
from revocation.holding import ended, furnish, furnished, holding, run, shared_addresses
from revocation.test_removal import ENDED, remove, works
from support.demo import Demo, until

pytestmark = pytest.mark.hub

LEASE = 6.0

UNREACHABLE = (4503, "service-unreachable")


@pytest.fixture(scope="module")
async def short_lease(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    """The demo's Hub with a lease of seconds, as an operator would set it: in jupyterhub_config.py."""
    folder: Path = tmp_path_factory.mktemp("lease")
    state = DemoState(folder)
    ports: Ports = choose_ports(0)
    addresses = configure_demo(Config(), state=folder, ports=ports, subdomains=True)
    text = config_file_text(state=folder, ports=ports, subdomains=True)
    state.config.write_text(f"{text}\nget_config().InCoterie.lease = {LEASE}  # noqa: F821\n")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    with (folder / "hub.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220  (stopped from outside of the loop too)
            [sys.executable, "-m", "coterie.cli.demo.jupyterhub", "-f", str(state.config)],
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        async with loopback_client() as http:

            async def is_up() -> bool:
                assert process.poll() is None, (folder / "hub.log").read_text()
                with suppress(httpx.HTTPError):
                    return (await http.get(f"{addresses.service}api/v1/health/ready")).is_success
                return False

            await until(is_up, within=60, every=0.2)
            tokens = await keep_tokens(http, addresses.hub, state.tokens)
        yield Demo(folder, addresses.hub, addresses.service, tokens, process)
    finally:
        started = {process.pid, *descendants(process.pid)}
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(process.wait, 15)
        await end(started, seconds=3)


def _service_of(demo: Demo) -> int:
    """The process of the demo's service."""
    found = [pid for pid in descendants(demo.process.pid) if "-m coterie.cli service" in (command_of(pid) or "")]
    assert len(found) == 1, found
    return found[0]


async def _answers(demo: Demo) -> bool:
    with suppress(httpx.HTTPError):
        return (await demo.api(None, "GET", "health/ready")).is_success
    return False


async def test_while_the_service_hangs_everybody_is_let_go_at_the_end_of_the_lease_and_comes_back(
    short_lease: Demo,
) -> None:
    demo = short_lease
    place = await furnished(demo, "alice", "Without service", {"bob": "editor", "carol": "viewer"})
    home = await demo.open("alice", "~alice")
    own = await furnish(demo, "alice", "~alice", home)
    service = _service_of(demo)
    async with (
        holding(demo, "bob", place) as bobs,
        holding(demo, "carol", place, without=("kernel", "terminal")) as carols,
        holding(demo, "alice", own) as alices,
    ):
        os.kill(service, signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            closed = {}
            for held in (bobs, carols):
                for kind, socket in held.items():
                    closed[kind] = await ended(socket, within=60)
                    assert UNREACHABLE == closed[kind]
            lasted = time.monotonic() - stopped
            # The owner of a home is there by nobody's grant: nothing of hers is closed.
            assert "42" in await run(alices["kernel"], "print(6 * 7)")
            for socket in alices.values():
                await (await socket.ping())
            refused = await demo.server("bob", "GET", f"{place.url}api/contents", timeout=30)
        finally:
            os.kill(service, signal.SIGCONT)
        # The last answer about a person may be half a lease old when the service falls silent.
        assert 0.5 <= lasted <= LEASE + 10
        assert 503 == refused.status_code
        await until(lambda: _answers(demo), within=30)
        await works(demo, place, "bob")
        async with holding(demo, "carol", place, without=("kernel", "terminal")):
            pass
        assert "42" in await run(alices["kernel"], "print(6 * 7)")
        for socket in alices.values():
            await (await socket.ping())


async def test_after_the_service_was_killed_people_go_on_and_removal_works_again(demo: Demo) -> None:
    place = await furnished(demo, "alice", "Killed service", {"bob": "editor", "carol": "editor"})
    async with holding(demo, "bob", place) as bobs, holding(demo, "carol", place) as carols:
        killed = _service_of(demo)
        os.kill(killed, signal.SIGKILL)
        while not await _answers(demo):
            assert "42" in await run(bobs["kernel"], "print(6 * 7)")
            assert 200 == (await demo.server("bob", "GET", f"{place.url}api/contents")).status_code
            with pytest.raises(InvalidStatus):
                async with demo.socket("dave", shared_addresses(place)["live"]):
                    pass
            await asyncio.sleep(0.5)
        assert killed != _service_of(demo)
        for socket in (*bobs.values(), *carols.values()):
            await (await socket.ping())

        # Whether or not the server follows the stream again already: it does so from the revision it had seen.
        await remove(demo, place, "bob")
        assert ENDED == {kind: await ended(socket) for kind, socket in bobs.items()}
        for socket in carols.values():
            await (await socket.ping())
    assert 403 == (await demo.server("bob", "GET", f"{place.url}api/contents")).status_code
