"""Code in a workspace wants to be taken for the service by other workspaces' servers: it shares their network. While
the service runs its place is taken; and a token that is sent to it goes nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from attacks.inside import in_kernel
from attacks.plain_http import port_behind
from coterie.client import ServiceClient, ServiceError, ServiceUnreachable
from revocation.holding import Place
from support.demo import Demo

#: On which ports everybody may listen: from this one on.
_FREE_FOR_ALL = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())

_HOSTS = [(2, "127.0.0.1"), (2, "0.0.0.0"), (2, "localhost"), (10, "::ffff:127.0.0.1"), (10, "::")]

_BIND = """
import errno, socket
found = {}
for port in PORTS:
    for family, host in HOSTS:
        for options in ((), (socket.SO_REUSEADDR,), (socket.SO_REUSEPORT,), (socket.SO_REUSEADDR, socket.SO_REUSEPORT)):
            with socket.socket(family, socket.SOCK_STREAM) as place:
                for option in options:
                    place.setsockopt(socket.SOL_SOCKET, option, 1)
                try:
                    if family == 10 and host != "::1":
                        place.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                    place.bind((host, port))
                    place.listen()
                    found[f"{port} {host} {options}"] = "taken"
                except OSError as error:
                    found[f"{port} {host} {options}"] = errno.errorcode.get(error.errno, str(error))
"""


@pytest.mark.hub
async def test_while_the_service_and_the_hub_run_nobody_else_listens_there(demo: Demo, place: Place) -> None:
    ports = [port_behind(demo, demo.service_url), port_behind(demo, demo.hub_url), demo.port]
    found = await in_kernel(demo, place, f"PORTS, HOSTS = {ports!r}, {_HOSTS!r}\n{_BIND}")
    free = await in_kernel(demo, place, f"PORTS, HOSTS = [0], {_HOSTS!r}\n{_BIND}")

    assert [] == [where for where, what in found.items() if what == "taken"]
    assert "taken" in free.values()


@pytest.mark.hub
async def test_nobody_listens_where_browsers_look_for_the_demo_as_well(demo: Demo, place: Place) -> None:
    # Chromium takes every name below localhost for both loopback addresses.
    hosts = [(10, "::1")]
    found = await in_kernel(demo, place, f"PORTS, HOSTS = [{demo.port}], {hosts!r}\n{_BIND}")
    free = await in_kernel(demo, place, f"PORTS, HOSTS = [0], {hosts!r}\n{_BIND}")

    assert {"taken"}.isdisjoint(found.values())
    if set(free.values()) == {"EADDRNOTAVAIL"}:
        pytest.skip("this machine has no such address")
    assert "taken" in free.values()


@pytest.mark.hub
@pytest.mark.usefixtures("confined")
@pytest.mark.skipif(_FREE_FOR_ALL < 1024, reason="this machine lets everybody")
async def test_no_code_in_a_workspace_listens_below_1024(demo: Demo, place: Place) -> None:
    found = await in_kernel(demo, place, f"PORTS, HOSTS = [1023], {_HOSTS!r}\n{_BIND}")

    assert "EACCES" == found["1023 127.0.0.1 ()"]
    assert "taken" not in found.values()


@pytest.mark.hub
async def test_servers_ask_at_an_address_and_not_at_a_name(demo: Demo, place: Place) -> None:
    # A name of this machine has an address of each family, and code in a workspace may listen on the other one.
    asked = await in_kernel(demo, place, "import os; found = os.environ['COTERIE_SERVICE_URL']")

    assert ("127.0.0.1", port_behind(demo, demo.service_url)) == (urlsplit(asked).hostname, urlsplit(asked).port)


@asynccontextmanager
async def _answering(answer: str) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Something that answers every request with *answer*: its port, and what it was sent."""
    heard: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer.encode())
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], heard


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_token_that_was_sent_to_the_service_goes_nowhere_else(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as (elsewhere, stolen):
        for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{elsewhere}")
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{elsewhere}/x\r\nContent-Length: 0\r\n\r\n"
        async with _answering(moved) as (port, heard), ServiceClient(f"http://127.0.0.1:{port}/", "secret") as client:
            with pytest.raises(ServiceUnreachable):
                await client.decide("a-session", "bob")
            with pytest.raises(ServiceError):
                async for _ in client.events("a-session"):
                    pass

    assert [] == stolen
    assert [True, True] == [b"secret" in each for each in heard]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        '{"role": "creator"}',
        '{"person": "1", "name": "bob", "role": "owner", "reasons": []}',
        '{"person": "1", "name": "bob", "role": 4, "reasons": []}',
        "<html>creator</html>",
        "{" * 10_000,
    ],
)
async def test_what_is_no_decision_gives_nothing(body: str) -> None:
    said = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    async with _answering(said) as (port, _), ServiceClient(f"http://127.0.0.1:{port}/", "secret") as client:
        with pytest.raises(ServiceUnreachable):
            await client.decide("a-session", "bob")
