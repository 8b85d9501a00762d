"""Code in a workspace reaches for what is not the workspace's: files of others, homes, databases, the checkout."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import coterie
from attacks.as_a_server import Server
from attacks.inside import in_kernel, in_terminal
from revocation.holding import Place
from support.demo import Demo

pytestmark = [pytest.mark.hub, pytest.mark.usefixtures("confined")]

CANARY = "canary-of-somebody-else"
_CHECKOUT = Path(coterie.__file__).parents[2]

_REACH = """
import os, pathlib
found = {}
for path in PATHS:
    for way in (path, f"/proc/1/root{path}", f"/proc/self/root{path}", f"/proc/self/cwd/../../../../../../../..{path}"):
        try:
            entry = pathlib.Path(way)
            found[way] = sorted(os.listdir(way)) if entry.is_dir() else entry.read_bytes()[:100].decode("latin-1")
        except OSError as error:
            continue
"""


@pytest.fixture(scope="module")
async def elsewhere(demo: Demo, other: Server) -> AsyncIterator[str]:
    """The address of a server at which carol has no role, and which has a secret; dave's home has one too."""
    secret = demo.put(other.place.url, "secret.txt", CANARY)
    home = demo.state / "servers" / "dave" / "work"
    home.mkdir(parents=True, exist_ok=True)
    (home / "diary.txt").write_text(CANARY)
    yield other.place.url
    secret.unlink()


def _paths(demo: Demo, elsewhere: str) -> list[str]:
    """What is not the workspace's: the demo's and the checkout's, which are all there, and what a machine may have."""
    state = demo.state
    there = [
        str(demo.work(elsewhere) / "secret.txt"),
        str(demo.work(elsewhere).parent),
        str(state / "servers" / "dave" / "work" / "diary.txt"),
        *(str(state / name) for name in ("jupyterhub.sqlite", "jupyterhub_cookie_secret", "coterie.sqlite")),
        *(str(state / name) for name in ("tokens.json", "demo.json", "demo.log", "traefik.toml", "samples")),
        *(str(_CHECKOUT / name) for name in ("tests", ".git", "pyproject.toml", "docs")),
    ]
    assert [] == [path for path in there if not Path(path).exists()]
    return [
        *there,
        "/etc/shadow",
        *(str(Path.home() / name) for name in (".bash_history", ".ssh", ".bashrc")),
        "/var/lib",
        "/var/log",
        "/home",
        "/proc/1/environ",
    ]


async def test_from_a_kernel_nothing_is_there(demo: Demo, place: Place, elsewhere: str) -> None:
    own = str(demo.work(place.url) / place.file)
    found = await in_kernel(demo, place, f"PATHS = {[own, *_paths(demo, elsewhere)]!r}\n{_REACH}")

    assert own in found
    assert {} == {way: what for way, what in found.items() if "environ" not in way and not way.endswith(own)}
    # Where the Hub is not root, the sandbox's first process is of the same user; it was given nothing secret.
    assert not any("TOKEN" in what for what in found.values())


async def test_from_a_terminal_nothing_is_there(demo: Demo, place: Place, elsewhere: str) -> None:
    own = str(demo.work(place.url) / place.file)
    paths = [own, *(path for path in _paths(demo, elsewhere) if not path.startswith("/proc"))]

    shown = await in_terminal(demo, place, f"for p in {' '.join(paths)}; do test -e $p && echo THE''RE $p; done")

    assert [own] == re.findall(r"THERE (\S+)", shown)


async def test_of_the_folders_on_the_way_only_the_way_is_there(demo: Demo, place: Place) -> None:
    found = await in_kernel(
        demo,
        place,
        f"import os; found = {{p: os.listdir(p) for p in {[str(demo.state), str(demo.state / 'servers')]!r}}}",
    )

    way = {str(demo.state): ["servers"], str(demo.state / "servers"): [demo.work(place.url).parent.name]}
    assert way == found


async def test_nobody_elses_process_can_be_seen_or_stopped(demo: Demo, place: Place, elsewhere: str) -> None:
    # Not the own server: numbers from outside mean nothing inside.
    code = f"""
import os
found = {{"seen": [], "stopped": []}}
numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
for number in numbers:
    try:
        found["seen"].append(open(f"/proc/{{number}}/cmdline").read())
    except OSError:  # it has ended
        pass
for pid in {[os.getpid(), demo.process.pid]!r}:
    try:
        os.kill(pid, 0)
        if pid not in numbers:  # else it is another one, of this sandbox
            found["stopped"].append(pid)
    except OSError:
        pass
"""
    found = await in_kernel(demo, place, code)

    assert [] == found["stopped"]
    seen = "\n".join(found["seen"])
    assert "jupyterhub\0-f" not in seen
    assert "traefik" not in seen
    assert demo.work(elsewhere).parent.name not in seen
    assert 200 == (await demo.server("dave", "GET", f"{elsewhere}api/contents")).status_code
