"""A Jupyter server with rooms in a process of its own: killed, started again on the same state, and counted."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from coterie.server.rooms import registry
from rooms.serving import WITHIN, Server, eventually, headers

TESTS: Final = Path(__file__).parents[2]
PAGE_SIZE: Final = os.sysconf("SC_PAGE_SIZE")

#: Bound by the modes of files like everybody else, although the tests may be run by root.
BOUND_BY_MODES: Final = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server holds: *memory* is resident, in bytes; *processes*, *handles* and *threads* are numbers."""

    memory: int
    processes: int
    handles: int
    threads: int


class ServerProcess:
    """What a server knows outlives its process: in *folder* are its root, its file ids, its journals and its log.

    *compact_every* is how often it is looked whether a journal has grown too long, in seconds; *settings* are traits of
    the rooms' extension.
    """

    def __init__(
        self,
        folder: Path,
        *,
        is_bound_by_modes: bool = False,
        compact_every: float = registry.COMPACT_EVERY,
        **settings: Any,
    ) -> None:
        self.root = folder / "work"
        self.journals = folder / "journals"
        self.root.mkdir(parents=True, exist_ok=True)
        self.address = ""
        self._folder = folder
        self._compact_every = compact_every
        self._settings = {"journal_folder": str(self.journals), **settings}
        self._prefix = BOUND_BY_MODES if is_bound_by_modes and os.geteuid() == 0 else ()
        self._process: subprocess.Popen[str] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Answers once the server does."""
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")]),
            "HOME": str(self._folder),
            "JUPYTER_NO_CONFIG": "1",  # JupyterLab and other extensions stay away
            "TMPDIR": str(self._folder),  # where that makes an empty folder, which a process that is killed leaves
            **{f"JUPYTER_{name}_DIR": str(self._folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")},
        }
        # A module run with -m would be imported once more by each process that the server starts.
        command = [sys.executable, "-c", "from rooms.endurance.process import main; main()"]
        with (self._folder / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                [*self._prefix, *command, json.dumps([str(self._folder), self._compact_every, self._settings])],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        if not self.address:
            self._end(signal.SIGKILL)
            raise RuntimeError(f"the server did not start:\n{self.log()}")

    def kill(self) -> None:
        """Without a chance to save or say anything. What it started has to notice by itself."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """In order, as JupyterHub stops a server. Raises if the server does not end by itself or fails in ending."""
        status = self._end(signal.SIGTERM)
        if status != 0:
            raise RuntimeError(f"the server ended with {status}:\n{self.log()}")

    def clear(self) -> None:
        """Whatever is still running of it ends, for tests that leave."""
        if self._process is not None:
            self.kill()

    def log(self) -> str:
        return (self._folder / "server.log").read_text()

    def complaints(self) -> list[str]:
        """The errors in the log. Warnings may be: a disk is full, or a process was killed."""
        return [line for line in self.log().splitlines() if line.startswith(("[E", "ERROR", "Traceback"))]

    def usage(self) -> Usage:
        memory = handles = threads = 0
        pids = self.pids()
        for pid in pids:
            process = Path("/proc") / str(pid)
            with suppress(FileNotFoundError, ProcessLookupError):  # has ended meanwhile
                memory += int((process / "statm").read_text().split()[1]) * PAGE_SIZE
                handles += len(list((process / "fd").iterdir()))
                threads += len(list((process / "task").iterdir()))
        return Usage(memory, len(pids), handles, threads)

    def pids(self) -> list[int]:
        """The server's process and all that come from it."""
        parents = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):  # has ended meanwhile
                continue
            if fields[0] != "Z":
                parents[int(status.parent.name)] = int(fields[1])
        found = [self.pid]
        for pid in found:
            found.extend(child for child, parent in parents.items() if parent == pid)
        return found

    def open_journals(self) -> list[Path]:
        """Those of the documents that the server has open."""
        opened = []
        for handle in (Path("/proc") / str(self.pid) / "fd").iterdir():
            with suppress(FileNotFoundError):  # has been closed meanwhile
                opened.append(handle.readlink())
        return [path for path in opened if path.is_relative_to(self.journals) and path.suffix == ".journal"]

    def beside(self) -> list[int]:
        """The processes in which the server has work done."""
        found = []
        for pid in self.pids()[1:]:
            with suppress(FileNotFoundError, ProcessLookupError):  # has ended meanwhile
                if b"coterie.server.rooms.worker" in (Path("/proc") / str(pid) / "cmdline").read_bytes():
                    found.append(pid)
        return found

    def kill_beside(self) -> None:
        """Those processes end from one moment to the next. The server goes on."""
        for pid in self.beside():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def disk(self) -> int:
        """Bytes of journals and documents, and of whatever lies beside them."""
        return sum(
            path.stat().st_size for folder in (self.root, self.journals) for path in folder.rglob("*") if path.is_file()
        )

    async def request(
        self, method: str, path: str, person: str = "alice", role: str = "editor", **body: Any
    ) -> httpx.Response:
        async with httpx.AsyncClient(base_url=f"http://{self.address}", verify=False, timeout=WITHIN) as client:
            return await client.request(method, path, headers=headers(person, role), **body)

    async def session(
        self, path: str, kind: str = "text:file", person: str = "alice", role: str = "editor"
    ) -> dict[str, str]:
        format_, type_ = kind.split(":")
        body = {"format": format_, "type": type_}
        answer = await self.request("PUT", f"/api/collaboration/session/{path}", person, role, json=body)
        answer.raise_for_status()
        return answer.json()

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(how)
        try:
            return process.wait(WITHIN)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def main() -> None:
    folder, registry.COMPACT_EVERY, settings = json.loads(sys.argv[1])
    asyncio.run(_serve(Path(folder), settings))
    # As coterie.server ends: threads that wait for something would keep the process.
    os._exit(0)


async def _serve(folder: Path, settings: dict[str, Any]) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = Server(folder / "work", folder)
    server._app.config.RoomsExtension.update(settings)
    server.handlers = deque(maxlen=0)  # no test can reach them here, and they would never be let go of
    await server.start()
    host, _, port = server.address.partition(":")
    await eventually(lambda: _is_listening(host, int(port)))  # tornado is told to, and gets round to it later
    print(server.address, flush=True)
    await stopped.wait()
    await server.stop()


def _is_listening(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0
