"""The servers that are measured, and how each is started and stopped."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.rooms.installing import NODE_PACKAGES, PYTHON, ROOT, find_node

#: Seconds that a server may take until it answers, and until it has ended.
STARTS_WITHIN = 60
ENDS_WITHIN = 15


class Contender(StrEnum):
    """A server, by the word that names it in files and on the command line."""

    COTERIE = "coterie"
    YDOC = "jupyter-server-ydoc"
    HOCUSPOCUS = "hocuspocus"
    Y_WEBSOCKET = "y-websocket"

    @property
    def label(self) -> str:
        """As tables call it."""
        return {Contender.COTERIE: "Coterie", Contender.HOCUSPOCUS: "Hocuspocus"}.get(self, self.value)

    @property
    def is_jupyter(self) -> bool:
        """Whether its documents are files."""
        return self in (Contender.COTERIE, Contender.YDOC)


class DidNotStart(Exception):
    """A server ended or stayed silent; what it had written is in the message."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers at *address* (host:port), its first process being *pid*; its documents are in *folder*, and
    what it writes is in *output*."""

    contender: Contender
    address: str
    pid: int
    folder: Path
    output: Path

    def last_words(self) -> str:
        """The end of what it has written."""
        return self.output.read_text(encoding="utf-8", errors="replace")[-2000:]


@contextmanager
def running(contender: Contender, state: Path) -> Iterator[Running]:
    """A server of its own, everything that it writes below *state*. Raises DidNotStart."""
    folder = state / "documents"
    folder.mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    output = state / "output.txt"
    with output.open("wb") as written:
        process = subprocess.Popen(
            _command(contender, port, folder),
            cwd=state,
            env=_environment(contender, port, state),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Running(contender, f"127.0.0.1:{port}", process.pid, folder, output)
    try:
        _wait_until_it_answers(process, port, server)
        yield server
    finally:
        _end(process)


def _command(contender: Contender, port: int, folder: Path) -> list[str]:
    match contender:
        case Contender.COTERIE:
            return [sys.executable, "-m", "benchmarks.rooms.serve", str(port), str(folder)]
        case Contender.YDOC:
            return [
                *(str(PYTHON), "-m", "jupyter_server", "--no-browser", "--allow-root"),
                *("--ip=127.0.0.1", f"--port={port}", "--port-retries=0", f"--ServerApp.root_dir={folder}"),
                *("--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True", "--log-level=WARN"),
            ]
        case Contender.HOCUSPOCUS:
            return [str(find_node()), str(NODE_PACKAGES / "hocuspocus.mjs"), str(port)]
        case Contender.Y_WEBSOCKET:
            server = NODE_PACKAGES / "node_modules" / "@y" / "websocket-server" / "src" / "server.js"
            return [str(find_node()), str(server)]


def _environment(contender: Contender, port: int, state: Path) -> dict[str, str]:
    """Nothing of the home of whoever runs the benchmark."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(state)}
    match contender:
        case Contender.COTERIE:
            # Another checkout than this one can be measured by naming its src folder.
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
        case Contender.Y_WEBSOCKET:
            environment |= {"HOST": "127.0.0.1", "PORT": str(port)}
        case Contender.YDOC | Contender.HOCUSPOCUS:
            pass
    return environment


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, server: Running) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/api", headers={"Authorization": "token nobody"})
            connection.getresponse().read()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    raise DidNotStart(server.last_words())


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it, and then leave nothing of it."""
    process.send_signal(signal.SIGTERM)
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDS_WITHIN)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
