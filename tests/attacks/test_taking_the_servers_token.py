"""Code in a workspace looks for the token of its own server, by every way that leads into a process."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from attacks.inside import in_kernel, in_terminal
from attacks.own_token import own_token, pid_of_server
from attacks.signing_in import page_token
from coterie.hub.processes import started_at
from revocation.holding import Place, furnished
from support.demo import Demo, until

pytestmark = [pytest.mark.hub, pytest.mark.usefixtures("confined")]

_EVERYWHERE = """
import os, pathlib
found = {"read": {}, "refused": []}
server = os.getppid()
kinds = ("environ", "cmdline", "mem", "maps", "auxv", "stack", "syscall", "io", "fd", "fdinfo", "map_files", "cwd")
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    for kind in kinds:
        place = folder / kind
        try:
            if kind == "mem":
                memory = b""
                with place.open("rb", 0) as opened:
                    for line in (folder / "maps").read_text().splitlines():
                        span, rights = line.split()[:2]
                        if rights.startswith("rw") and int(folder.name) != os.getpid():
                            start, end = (int(n, 16) for n in span.split("-"))
                            opened.seek(start)
                            memory += opened.read(min(end - start, 1 << 24))
                content = memory.decode("latin-1")
                content = " ".join(w for w in content.split("\\0") if len(w) == 32)
            elif place.is_dir():
                content = []
                for inner in place.iterdir():
                    content.append(os.readlink(inner) if inner.is_symlink() else inner.read_text())
                    if kind == "fd" and int(folder.name) != os.getpid():
                        descriptor = os.open(inner, os.O_RDONLY | os.O_NONBLOCK)
                        content.append(os.read(descriptor, 65536).decode("latin-1"))
                content = str(content)
            else:
                content = place.read_bytes().decode("latin-1")
            found["read"][str(place)] = content
        except OSError:
            found["refused"].append(str(place))
found["server"] = server
"""

_PTRACE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
found = {}
for name, request in {"attach": 16, "seize": 0x4206}.items():
    found[name] = [libc.ptrace(request, os.getppid(), 0, 0), os.strerror(ctypes.get_errno())]
buffer = ctypes.create_string_buffer(64)
class Span(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
mine, theirs = Span(ctypes.addressof(buffer), 64), Span(id(os) & ~0xfff, 64)
read = libc.process_vm_readv(os.getppid(), ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
found["process_vm_readv"] = [read, os.strerror(ctypes.get_errno())]
pidfd = os.pidfd_open(os.getppid())
found["pidfd_getfd"] = [libc.syscall(438, pidfd, 3, 0), os.strerror(ctypes.get_errno())]
"""

_FILES = """
import os, pathlib, re
found = {}
home = pathlib.Path.home()
own = [home / name for name in os.listdir(home) if name != "environment"]
for top in (os.environ["JUPYTER_RUNTIME_DIR"], "/dev/shm", "/run", *own):
    for file in [pathlib.Path(top), *pathlib.Path(top).rglob("*")]:
        try:
            if file.is_file() and file.stat().st_size < 1 << 20:
                found[str(file)] = re.findall("[0-9a-f]{32}", file.read_bytes().decode("latin-1"))
        except OSError:
            continue
"""


@pytest.fixture(scope="module")
async def token(demo: Demo, place: Place) -> str:
    """What is looked for."""
    found = await own_token(demo, place.url)
    if found is None:
        pytest.skip("only root knows what to look for")
    return found


@pytest.fixture(scope="module")
async def in_proc(demo: Demo, place: Place) -> dict[str, Any]:
    """What a kernel could read of all processes, and what it could not."""
    found: dict[str, Any] = await in_kernel(demo, place, _EVERYWHERE)
    return found


def test_by_anything_in_proc(in_proc: dict[str, Any]) -> None:
    server = f"/proc/{in_proc['server']}"
    assert "coterie.server" in in_proc["read"][f"{server}/cmdline"]
    assert {f"{server}/environ", f"{server}/mem", f"{server}/fd", f"{server}/maps"} <= set(in_proc["refused"])
    assert [] == [where for where, content in in_proc["read"].items() if "API_TOKEN" in content]


def test_by_knowing_it_anywhere_in_proc(in_proc: dict[str, Any], token: str) -> None:
    assert [] == [where for where, content in in_proc["read"].items() if token in content]


async def test_by_tracing_it(demo: Demo, place: Place) -> None:
    found = await in_kernel(demo, place, _PTRACE)

    assert {way: [-1, "Operation not permitted"] for way in found} == found


async def test_by_files_it_leaves(demo: Demo, place: Place, token: str) -> None:
    found = await in_kernel(demo, place, _FILES)

    assert any("kernel-" in name for name in found)
    assert [] == [name for name, text in found.items() if any(t in text for t in (token, *demo.tokens.values()))]


async def test_by_variables_and_arguments_of_a_terminal(demo: Demo, place: Place) -> None:
    shown = await in_terminal(demo, place, "env; cat /proc/*/cmdline /proc/$$/environ 2>/dev/null | tr '\\0' ' '")

    assert "PATH=" in shown
    assert "TOKEN=" not in shown


@pytest.mark.parametrize("who", ["carol", "bob"], ids=["an Editor", "a Viewer"])
@pytest.mark.parametrize("path", ["lab", "tree", "api/me", "api/status", "lab/api/settings", "no/such"])
async def test_by_a_page(demo: Demo, place: Place, token: str, who: str, path: str) -> None:
    page = await demo.server(who, "GET", place.url + path, headers={"Accept": "text/html"})

    assert token not in page.text


async def test_by_the_token_that_a_page_has(place: Place, token: str) -> None:
    assert token != await page_token("carol", place.url)


async def test_by_what_the_machine_shows_of_the_processes_outside(token: str) -> None:
    """Nor does the command line or environment of what starts the server hold one, for other users of the machine."""
    seen = _shown_by_the_machine()

    assert "coterie-sandbox" in seen
    assert token not in seen


def _shown_by_the_machine() -> str:
    seen = ""
    for kind in ("cmdline", "environ"):
        for file in Path("/proc").glob(f"[0-9]*/{kind}"):
            with suppress(OSError):
                seen += file.read_bytes().decode(errors="replace")
    return seen


async def test_by_a_core_dump(demo: Demo) -> None:
    pattern = Path("/proc/sys/kernel/core_pattern")
    before = pattern.read_text()  # noqa: ASYNC240  (a word)
    crashed = await furnished(demo, "alice", "Crashed", {"carol": "editor"})
    home = demo.work(crashed.url).parent
    pid = pid_of_server(crashed.url)
    tried = await in_kernel(
        demo,
        crashed,
        """
import os, resource, subprocess
found = {}
try:
    resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))
    found["limit"] = "raised"
except (ValueError, OSError):
    found["limit"] = "refused"
for file in ("core_pattern", "core_uses_pid"):
    try:
        open(f"/proc/sys/kernel/{file}", "w").write("/tmp/core")
        found[file] = "written"
    except OSError:
        found[file] = "refused"
subprocess.Popen(["sh", "-c", f"sleep 1; kill -SEGV {os.getppid()}"], start_new_session=True)
""",
    )

    async def is_gone() -> bool:
        return started_at(pid) is None

    await until(is_gone, within=40)
    await demo.until_stopped(home.name)
    assert {"limit": "refused", "core_pattern": "refused", "core_uses_pid": "refused"} == tried
    assert before == pattern.read_text()  # noqa: ASYNC240  (a word)
    assert [] == [file.name for file in home.rglob("core*") if file.is_file()]
