"""Brings the other servers and what the load needs into ``.bench/``, which git ignores."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / ".bench"
PYTHON = BUILT / "venv" / "bin" / "python"
NODE_PACKAGES = BUILT / "node"

_WANTED = Path(__file__).parent / "peers"
_OLDEST_NODE = 20


class NoNode(Exception):
    """There is no Node.js that is new enough."""


def install() -> None:
    """Make ``.bench/`` as the files in ``peers`` want it, unless it is so already. Needs the package registries."""
    stamp = BUILT / "installed"
    wanted = _digest()
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    shutil.rmtree(BUILT, ignore_errors=True)
    NODE_PACKAGES.mkdir(parents=True)
    subprocess.run([ROOT / "tools" / "make-venv", sys.executable, PYTHON.parents[1]], check=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "-qq", "--requirement", _WANTED / "requirements.txt"], check=True)
    for file in _WANTED.glob("*.*js*"):
        shutil.copy(file, NODE_PACKAGES)
    # What has to be built comes built, so that no package's own script needs to run.
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=NODE_PACKAGES, check=True)
    stamp.write_text(wanted, encoding="ascii")


def find_node() -> Path:
    """The machine's own Node.js, else the one that is in the development environment. Raises NoNode."""
    own = Path(sys.executable).parent
    folders = [folder for folder in os.get_exec_path() if Path(folder).resolve() != own.resolve()]
    for folder in [*folders, str(own)]:
        command = shutil.which("node", path=folder)
        if command is None:
            continue
        asked = [command, "-p", "process.versions.node + ' ' + process.execPath"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
        if answer and int(answer[0].partition(".")[0]) >= _OLDEST_NODE:
            return Path(answer[1])
    raise NoNode(f"Node.js {_OLDEST_NODE} or newer is needed for the servers that are written for it.")


def _digest() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted(_WANTED.iterdir()):
        digest.update(file.read_bytes())
    return digest.hexdigest()
