"""The environment of a workspace's kernels: a virtual environment of its own, laid over the deployment's packages.

What people install lands here and wins; everything else, pip and ipykernel too, comes from the deployment, which the
workspace cannot change. The deployment's packages come last on the path, so an upgrade of one of them stays here too.
"""

from __future__ import annotations

import compileall
import os
import secrets
import stat
import sys
import sysconfig
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import coterie
from coterie.hub.open_folders import give, new_file, opened_or_made

_PIP = """\
#!/bin/sh
exec "$(dirname "$0")/python" -m pip "$@"
"""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The Python that kernels run on, and the folders whose packages they see."""

    python: Path
    version: tuple[int, int]
    packages: tuple[Path, ...]

    @classmethod
    def running(cls) -> Deployment:
        """The interpreter that runs this, seen through its virtual environment if it is in one."""
        # The private name is the only one there is: sys.executable is the virtual environment's own link.
        python = getattr(sys, "_base_executable", None) or sys.executable
        folders = dict.fromkeys(Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib"))
        return cls(Path(python).resolve(), sys.version_info[:2], tuple(folders))


@cache
def compile_coterie() -> None:
    """Compiles what servers import of Coterie itself, once: in a sandbox they cannot keep what they compile, and would
    do it at every start. Where the Hub cannot write there either, it has to have been done by whoever installed it."""
    compileall.compile_dir(Path(coterie.__file__).parent, quiet=2)


def lay_environment(name: str, within: int, deployment: Deployment, *, owner: int | None = None) -> None:
    """Makes the folder *name* of the open folder *within* an environment on *deployment*, or brings one back in order
    after Python moved. What it makes belongs to the user and group *owner*; None: to this process's.

    Safe to call at every start: installed packages stay. What it writes replaces what was there, links included, so
    nothing outside of it is ever written through it. Raises OSError where somebody in it gets in between.
    """
    major, minor = deployment.version
    with ExitStack() as stack:

        def inner(name: str, within: int) -> int:
            return stack.enter_context(opened_or_made(name, within, owner))

        environment = inner(name, within)
        programs = inner("bin", environment)
        packages = inner("site-packages", inner(f"python{major}.{minor}", inner("lib", environment)))

        _link(programs, "python", str(deployment.python), owner)
        for name in ("python3", f"python{major}.{minor}"):
            _link(programs, name, "python", owner)
        _write(
            environment,
            "pyvenv.cfg",
            f"home = {deployment.python.parent}\ninclude-system-site-packages = false\nversion = {major}.{minor}\n",
            owner,
        )
        _write(packages, "coterie-deployment.pth", "".join(f"{path}\n" for path in deployment.packages), owner)
        for name in ("pip", "pip3"):
            if not _is_file(programs, name):
                _write(programs, name, _PIP, owner, mode=0o755)


def _link(within: int, name: str, target: str, owner: int | None) -> None:
    with suppress(OSError):  # none there, or no link
        if os.readlink(name, dir_fd=within) == target:
            return
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=within)
    os.symlink(target, name, dir_fd=within)
    if owner is not None:
        os.chown(name, owner, owner, dir_fd=within, follow_symlinks=False)


def _write(within: int, name: str, text: str, owner: int | None, mode: int = 0o644) -> None:
    fresh = f".{name}-{secrets.token_hex(8)}"
    with os.fdopen(new_file(fresh, within), "w", encoding="utf-8") as stream:
        stream.write(text)
        os.fchmod(stream.fileno(), mode)
        give(stream.fileno(), owner)
    os.replace(fresh, name, src_dir_fd=within, dst_dir_fd=within)


def _is_file(within: int, name: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=within, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
