"""Code in a workspace reaches for what is not the workspace's: files of others, homes, databases, the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import coterie
from attacks.inside import in_kernel, in_terminal
from coterie.cli.demo.hub import why_unconfined
from revocation.holding import Place, furnished
from support.demo import Demo

pytestmark = pytest.mark.hub

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
async def other(demo: Demo) -> Place:
    """Dave's, in which carol has no role; his home has a file too."""
    made = await furnished(demo, "dave", "Not carol's", {})
    demo.put(made.url, "secret.txt", CANARY)
    home = demo.state / "servers" / "dave" / "work"
    home.mkdir(parents=True, exist_ok=True)
    (home / "diary.txt").write_text(CANARY)
    return made


@pytest.fixture(scope="module", autouse=True)
def confined(demo: Demo) -> None:
    why = why_unconfined(demo.state)
    if why is not None:
        pytest.skip(why)


def _paths(demo: Demo, other: Place) -> list[str]:
    state = demo.state
    return [
        *(str(demo.work(other.url) / name) for name in ("secret.txt", "notes.txt")),
        str(demo.work(other.url).parent),
        str(state / "servers" / "dave" / "work" / "diary.txt"),
        *(str(state / name) for name in ("jupyterhub.sqlite", "jupyterhub_cookie_secret", "coterie.sqlite")),
        *(str(state / name) for name in ("tokens.json", "demo.json", "demo.log", "traefik.toml", "samples")),
        *(str(_CHECKOUT / name) for name in ("tests", ".git", "pyproject.toml", "docs")),
        *(
            "/etc/shadow",
            *(str(Path.home() / name) for name in (".bash_history", ".ssh", ".bashrc")),
            "/var/lib",
            "/var/log",
            "/home",
            "/proc/1/environ",
        ),
    ]


async def test_from_a_kernel_nothing_is_there(demo: Demo, place: Place, other: Place) -> None:
    found = await in_kernel(demo, place, f"PATHS = {_paths(demo, other)!r}\n{_REACH}")

    assert {} == {way: what for way, what in found.items() if "environ" not in way}
    # Where the Hub is not root, the sandbox's first process is of the same user; it was given nothing secret.
    assert not any("TOKEN" in what for what in found.values())


async def test_from_a_terminal_nothing_is_there(demo: Demo, place: Place, other: Place) -> None:
    paths = [path for path in _paths(demo, other) if not path.startswith("/proc")]

    shown = await in_terminal(demo, place, f"for p in {' '.join(paths)}; do test -e $p && echo THE''RE $p; done")

    assert "THERE" not in shown


async def test_of_the_folders_on_the_way_only_the_way_is_there(demo: Demo, place: Place) -> None:
    found = await in_kernel(
        demo,
        place,
        f"import os; found = {{p: os.listdir(p) for p in {[str(demo.state), str(demo.state / 'servers')]!r}}}",
    )

    assert found == {str(demo.state): ["servers"], str(demo.state / "servers"): [demo.work(place.url).parent.name]}


@pytest.mark.parametrize("route", ["api/contents/{}?content=1", "files/{}", "nbconvert/html/{}"])
async def test_a_link_out_of_the_workspace_is_followed_by_no_route(
    demo: Demo, place: Place, other: Place, route: str
) -> None:
    links = {"link.txt": demo.work(other.url) / "secret.txt", "link.ipynb": demo.state / "tokens.json"}
    for name, target in links.items():
        link = str(demo.work(place.url) / name)
        code = f"import os; found = os.path.lexists({link!r}) or os.symlink({str(target)!r}, {link!r})"
        await in_kernel(demo, place, code)

        answer = await demo.server("carol", "GET", place.url + route.format(name))

        assert CANARY not in answer.text
        assert not any(token in answer.text for token in demo.tokens.values())


async def test_nobody_elses_process_can_be_seen_or_stopped(demo: Demo, place: Place, other: Place) -> None:
    # Not the own server: numbers from outside mean nothing inside.
    code = f"""
import os
found = {{"seen": [open(f"/proc/{{p}}/cmdline").read() for p in os.listdir("/proc") if p.isdigit()], "killed": []}}
for pid in {[os.getpid(), demo.process.pid]!r}:
    try:
        os.kill(pid, 0)
        found["killed"].append(pid)
    except OSError:
        pass
"""
    found = await in_kernel(demo, place, code)

    seen = "\n".join(found["seen"])
    assert "jupyterhub\0-f" not in seen
    assert "traefik" not in seen
    assert demo.work(other.url).parent.name not in seen
    assert 200 == (await demo.server("dave", "GET", f"{other.url}api/contents")).status_code
