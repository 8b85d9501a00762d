"""The token in a server's own memory, for whoever may look there: root alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attacks.processes import processes_with
from coterie.hub.processes import line_of_eldest
from revocation.holding import account_of
from support.demo import Demo

#: JupyterHub's tokens are random UUIDs without their dashes.
_TOKEN = re.compile(rb"(?<![0-9a-f])[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}(?![0-9a-f])")


def pid_of_server(url: str) -> int:
    """The process of the server at *url*."""
    *_, server = line_of_eldest(keeper_of(url), 3)
    return server


def first_inside(url: str) -> int:
    """The first process in the sandbox of the server at *url*, which all others in there descend from."""
    return line_of_eldest(keeper_of(url), 2)[-1]


def keeper_of(url: str) -> int:
    """What keeps the server at *url*, found by the folder that it is confined to."""
    found = processes_with("coterie-sandbox", f"/servers/{account_of(url)}\0")
    assert len(found) == 1, (url, found)
    return found[0].pid


async def own_token(demo: Demo, url: str) -> str | None:
    """The token that the server at *url* has of the Hub; None where only root could say."""
    try:
        candidates = set(_candidates(pid_of_server(url)))
    except PermissionError:
        return None
    for candidate in candidates:
        headers = {"Authorization": f"token {candidate}"}
        # Tokens of visitors and of whoever tried one are in there too; the service knows which is the server's.
        if (await demo.api(None, "GET", "server", headers=headers)).is_success:
            return candidate
    raise AssertionError(f"none of {len(candidates)} candidates is the token of the server at {url}")


def _candidates(pid: int) -> Iterator[str]:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            start, end = (int(number, 16) for number in span.split("-"))
            memory.seek(start)
            try:
                content = memory.read(end - start)
            except OSError:
                continue
            yield from (found.decode() for found in _TOKEN.findall(content))
