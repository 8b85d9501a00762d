"""The environment of a workspace's kernels: a virtual environment of its own, laid over the deployment's packages.

What people install lands here and wins; everything else, pip and ipykernel too, comes from the deployment, which the
workspace cannot change. The deployment's packages come last on the path, so an upgrade of one of them stays here too.
"""

from __future__ import annotations

import compileall
import os
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import coterie

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


def lay_environment(folder: Path, deployment: Deployment, *, owner: int | None = None) -> None:
    """Makes *folder* an environment on *deployment*, or brings one back in order after Python moved. What it makes
    belongs to the user and group *owner*; None: to this process's.

    Safe to call at every start: installed packages stay. What it writes replaces what was there, links included, so
    nothing outside *folder* is ever written through it.
    """
    major, minor = deployment.version
    lib = folder / "lib" / f"python{major}.{minor}"
    packages = lib / "site-packages"
    for part in (folder, folder / "bin", folder / "lib", lib, packages):
        _make_folder(part, owner)
    _link(folder / "bin" / "python", deployment.python, owner)
    for name in ("python3", f"python{major}.{minor}"):
        _link(folder / "bin" / name, Path("python"), owner)
    _write(
        folder / "pyvenv.cfg",
        f"home = {deployment.python.parent}\ninclude-system-site-packages = false\nversion = {major}.{minor}\n",
        owner,
    )
    _write(packages / "coterie-deployment.pth", "".join(f"{path}\n" for path in deployment.packages), owner)
    for name in ("pip", "pip3"):
        if not (folder / "bin" / name).exists():
            _write(folder / "bin" / name, _PIP, owner, mode=0o755)


def _make_folder(folder: Path, owner: int | None) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    if not folder.exists():
        folder.mkdir()
        _give(folder, owner)


def _link(link: Path, target: Path, owner: int | None) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    _give(link, owner)


def _write(file: Path, text: str, owner: int | None, mode: int = 0o644) -> None:
    descriptor, fresh = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(fresh).chmod(mode)
    _give(Path(fresh), owner)
    Path(fresh).replace(file)


def _give(path: Path, owner: int | None) -> None:
    if owner is not None:
        os.chown(path, owner, owner, follow_symlinks=False)
