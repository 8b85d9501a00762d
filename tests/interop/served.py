"""A server in a process of its own, which can be stopped, killed and started again. Standard library only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Served:
    """Keeps its port and its files however often it is started. *python* has Coterie's server in it."""

    def __init__(self, folder: Path, python: str = sys.executable, relay_port: int | None = None) -> None:
        self.root = folder / "work"
        self._port = free_port()
        self._folder = folder
        self._command = [python, "-m", "interop.serve", str(self._port), str(folder)]
        if relay_port is not None:
            self._command.append(str(relay_port))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Return once it serves."""
        names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
        environment = os.environ | {name: str(self._folder / name.lower()) for name in names}
        environment |= {
            "HOME": str(self._folder),
            "PYTHONPATH": os.pathsep.join((str(TESTS.parent / "src"), str(TESTS))),
        }
        self._process = subprocess.Popen(self._command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert said == b"ready\n", said

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a machine out of memory would."""
        self._end(signal.SIGKILL)

    def _end(self, by: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(by)
        self._process.communicate()
