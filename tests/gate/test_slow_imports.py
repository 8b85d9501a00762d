"""What a server's start leaves out: it stays out, and nobody misses it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jupyter_events
import jupyter_server
import jupyterhub
import jupyterlab_server

_START = """
import json, sys
from coterie.server.slow_imports import leave_out_slow_imports
leave_out_slow_imports()
import coterie.server.app
from jsonschema import FormatChecker
print(json.dumps(["lark" in sys.modules, *(name in FormatChecker.checkers for name in ("uri", "date-time", "iri"))]))
"""


def test_a_server_starts_without_it_and_checks_what_schemas_ask_for() -> None:
    output = subprocess.run([sys.executable, "-I", "-c", _START], capture_output=True, text=True, check=True).stdout

    assert [False, True, True, False] == json.loads(output.splitlines()[-1])


def test_no_schema_has_values_that_it_would_check() -> None:
    schemas = [
        path
        for package in (jupyter_events, jupyter_server, jupyterhub, jupyterlab_server)
        for folder in package.__path__
        for kind in ("*.yaml", "*.yml", "*.json")
        for path in Path(folder).rglob(kind)
        if "node_modules" not in path.parts and "static" not in path.parts
    ]

    assert [] == [path for path in schemas if "format: iri" in _plain(path)]
    assert [path for path in schemas if "format: uri" in _plain(path)]


def _plain(path: Path) -> str:
    return path.read_text(errors="replace").replace('"', "").replace("'", "")
