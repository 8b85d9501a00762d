"""On what a run was taken, and with what."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import subprocess
from pathlib import Path

from benchmarks.rooms.installing import NODE_PACKAGES, PYTHON, find_node


def about() -> dict[str, str]:
    """By what each thing is."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, Linux {platform.release().partition('-')[0]}",
        "Coterie": f"{_versions_of_ours()}, on Python {platform.python_version()}",
        "jupyter-server-ydoc": f"{_versions_of_peers()}, on Python {platform.python_version()}",
        "Hocuspocus": _node_package("@hocuspocus/server"),
        "y-websocket": _node_package("@y/websocket-server"),
    }


def _processor() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else platform.machine()


def _versions_of_ours() -> str:
    import coterie

    return f"{coterie.__version__} with {_listed({name: importlib.metadata.version(name) for name in _DECISIVE})}"


_DECISIVE = ("jupyter_server", "tornado", "pycrdt")


def _versions_of_peers() -> str:
    code = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    names = ["jupyter-server-ydoc", *_DECISIVE]
    output = subprocess.run([PYTHON, "-c", code, *names], check=True, capture_output=True, text=True).stdout
    versions = json.loads(output)
    return f"{versions.pop('jupyter-server-ydoc')} with {_listed(versions)}"


def _node_package(name: str) -> str:
    package = json.loads((NODE_PACKAGES / "node_modules" / name / "package.json").read_text(encoding="utf-8"))
    node = subprocess.run([find_node(), "--version"], check=True, capture_output=True, text=True).stdout.strip()
    return f"{name} {package['version']}, on Node.js {node.removeprefix('v')}, keeping documents in memory only"


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
