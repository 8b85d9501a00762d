"""The process of a server on this machine: in a sandbox of its own, within its limits, with its secrets by pipe."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_NPROC, getrlimit
from subprocess import DEVNULL, STDOUT, Popen
from time import monotonic
from typing import Any

from jupyterhub.spawner import SimpleLocalProcessSpawner
from jupyterhub.traitlets import ByteSpecification
from traitlets import Bool, Int, List, Tuple, Unicode

from coterie.hub.any_spawner import CannotStart
from coterie.hub.cgroups import ControlGroups, Shares, make_groups
from coterie.hub.environment import part_secrets
from coterie.hub.open_folders import give, new_file, opened
from coterie.hub.plain_users import PLAIN_UIDS, free_user, owner_among
from coterie.hub.processes import Process, line_of_eldest, started_at
from coterie.hub.sandbox import (
    Descriptors,
    Limits,
    Sandbox,
    can_end_namespaces,
    deployment_folders,
    descriptors_for,
    first_inside,
    sandbox_command,
    shows,
    why_no_sandbox,
)
from coterie.wire.names import SECRETS_DESCRIPTOR

_LOG = "server.log"
#: Kernels' sockets in the sandbox's own /tmp. Short, because a socket's path may have 107 bytes.
_RUNTIME_INSIDE = "/tmp/jupyter"  # noqa: S108
#: Of what runs on this machine servers go first when its memory is used up, before the Hub and the service.
_FIRST_TO_GO = "500"
#: From the keeper over bubblewrap and its first process inside to the server.
_STEPS_TO_SERVER = 3
_ENDED_WITHIN = 2.0  # seconds
_LOOK_AGAIN = 0.02  # seconds


class ConfinedSpawner(SimpleLocalProcessSpawner):
    """Starts, finds again, signals and ends a server's process. ``shell_cmd`` and ``popen_kwargs`` are not used."""

    sandbox = Bool(
        True, help="Whether each server is confined by bubblewrap. Without it code in one can read the files of all."
    ).tag(config=True)
    readable = List(
        Unicode(),
        help="Files and folders of this machine that every server may read, beside the system and the deployment.",
    ).tag(config=True)
    plain_uids = Tuple(
        Int(),
        Int(),
        default_value=PLAIN_UIDS,
        help="Where the Hub runs as root: the first and the last of the user numbers that servers run as.",
    ).tag(config=True)

    process_limit = Int(1000, min=1, help="How many processes and threads a server may have.").tag(config=True)
    open_file_limit = Int(4096, min=64, help="How many files and sockets each process may have open.").tag(config=True)
    file_size_limit = ByteSpecification(50 * 1024**3, help="How large any one file may become.").tag(config=True)
    scratch_limit = ByteSpecification(
        1024**3, help="How much fits into the server's /tmp, and into its /dev/shm. Both are memory."
    ).tag(config=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._runtime: Path | None = None
        self._started_at: int | None = None
        self._is_confined = False
        #: The first process inside.
        self._inside: Process | None = None
        self._groups = ControlGroups()
        self._kept_port: socket.socket | None = None

    def choose_owner(self) -> int | None:
        """Whom the account's files have to belong to; None where the Hub cannot give files away.

        In a sandbox the server runs as the same: the number of the home folder's owner if it is among ``plain_uids``,
        else one that is drawn and drawn anew at each call until the folder belongs to it. Without one it is root.
        """
        if os.geteuid() != 0:
            return None
        if not self.sandbox:
            return 0
        home = Path(self.home_dir)
        return owner_among(self.plain_uids, home) or free_user(self.plain_uids, home.parent)

    def why_not(self) -> str | None:
        """Why this server cannot be confined, in a sentence; None where it can or need not be."""
        if not self.sandbox:
            return None
        readable = [Path(path) for path in self.readable]
        return why_not_confined([Path(self.home_dir)], readable=readable, plain_uids=self.plain_uids)

    def _readable(self) -> tuple[Path, ...]:
        return (*deployment_folders(), *(Path(path) for path in self.readable))

    @property
    def runtime(self) -> str:
        """Where kernels' sockets are, as the server sees it."""
        return _RUNTIME_INSIDE if self._runtime is None else str(self._runtime)

    async def start(self) -> tuple[str, int]:
        """Start the process; answers where the server will listen. Raises CannotStart while the last one's still run:
        they write in the same folder."""
        if not await self._end_inside():
            raise CannotStart("Processes of the last run have not ended yet. Try again soon.")
        # For kernels' sockets, where the sandbox brings no folder.
        self._runtime = None if self.sandbox else Path(tempfile.mkdtemp(prefix="coterie-", dir="/tmp"))
        owner = self.choose_owner()
        self.port: int = self.port or self._keep_port()
        environment, parted = part_secrets(self.get_env())
        with ExitStack() as stack:
            reader = stack.enter_context(_pipe_with(json.dumps(parted).encode()))
            environment[SECRETS_DESCRIPTOR] = str(reader)
            command, files = self._command(stack, owner)
            # What a server writes is its people's to write: it must not have the Hub's own log in its hands.
            log = stack.enter_context(_fresh_log(Path(self.home_dir), owner))
            self.log.info("Starting the server of %s, whose log is %s", self.user.name, Path(self.home_dir, _LOG))
            self.proc = Popen(  # noqa: ASYNC220  (as JupyterHub does, which keeps it and polls it)
                command,
                env=environment,
                pass_fds=(reader, *(() if files is None else files.all)),
                stdin=DEVNULL,
                stdout=log,
                stderr=STDOUT,
                start_new_session=True,
                preexec_fn=self._prepare_process,
            )
            self.pid = self.proc.pid
            self._started_at = started_at(self.pid)
            self._is_confined = self.sandbox
            if files is not None:
                self._inside = await _first_process(files, self.proc)
        return str(self.ip or "127.0.0.1"), self.port

    def _keep_port(self) -> int:
        """A port for the server, which nobody else is given, also not while the server is on its way to it: it is bound
        here, and never listened on, which leaves that to the server."""
        self._give_up_port()
        address = self.ip or "127.0.0.1"
        kept = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            kept.bind((address, 0))
        except OSError:
            kept.close()
            raise
        self._kept_port = kept
        port: int = kept.getsockname()[1]
        return port

    def _give_up_port(self) -> None:
        if self._kept_port is not None:
            self._kept_port.close()
            self._kept_port = None

    def _command(self, stack: ExitStack, owner: int | None) -> tuple[list[str], Descriptors | None]:
        command = [*self.cmd, *self.get_args()]
        if not self.sandbox:
            return command, None
        shares = Shares(memory=self.mem_limit or None, processes=self.process_limit, cpus=self.cpu_limit or None)
        # The folder's name tells apart the servers of two Hubs on one machine.
        name = f"coterie-{hashlib.sha256(os.fsencode(self.home_dir)).hexdigest()[:16]}"
        self._groups = make_groups(name, shares)
        sandbox = Sandbox(
            home=Path(self.home_dir),
            host_name=self.user.name if re.fullmatch("[a-z0-9-]{1,63}", self.user.name) else "workspace",
            readable=tuple(path for path in self._readable() if path.exists()),
            limits=Limits(
                processes=_allowed(RLIMIT_NPROC, self.process_limit),
                open_files=_allowed(RLIMIT_NOFILE, self.open_file_limit),
                file_size=_allowed(RLIMIT_FSIZE, self.file_size_limit or None),
                data=None if self._groups.limits_memory else _allowed(RLIMIT_DATA, self.mem_limit or None),
                scratch=self.scratch_limit or None,
            ),
            user=owner,
            can_end_namespaces=can_end_namespaces(),
        )
        files = stack.enter_context(descriptors_for(sandbox))
        return sandbox_command(sandbox, command, files), files

    def get_args(self) -> list[str]:
        arguments: list[str] = super().get_args()
        return [*arguments, "--allow-root"] if os.geteuid() == 0 and not self.sandbox else arguments

    def _prepare_process(self) -> None:
        self._groups.join()
        os.chdir(self.home_dir)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
        # A shell that starts the Hub in the background makes its children deaf to the signal that stops servers.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    async def poll(self) -> int | None:
        """None while the server runs, also one that an earlier process of the Hub started."""
        status: int | None = 0
        if self.proc is None and self.pid and not self._runs():
            self.clear_state()
        else:
            status = await super().poll()
        if status is not None:
            await self._end_inside()
        return status

    async def _end_inside(self) -> bool:
        """Ends what is left of the last run; answers whether nothing is."""
        # Bubblewrap tells its first process inside to end with it. Where that runs as the Hub's own user so does the
        # code inside, which can make it deaf to that, and would go on. Nothing makes it deaf to this.
        if self._inside is None:
            return True
        self._inside.kill()
        until = monotonic() + _ENDED_WITHIN
        while self._inside.runs:
            if monotonic() > until:
                self.log.error("Processes of the server of %s are still there: %s", self.user.name, self._inside)
                return False
            await asyncio.sleep(_LOOK_AGAIN)
        self._inside = None
        return True

    async def _signal(self, sig: int) -> bool:
        """Sends *sig* to the server itself: what stands between would end it at once. Answers whether it was there."""
        if not self._runs():
            return False
        line = line_of_eldest(self.pid, _STEPS_TO_SERVER if self._is_confined else 0)
        if sig == 0:
            return True
        if sig == signal.SIGKILL or (len(line) <= _STEPS_TO_SERVER and self._is_confined):
            self._end_at_once(line)
        else:
            _kill(line[-1], sig)
        return True

    def _end_at_once(self, line: list[int]) -> None:
        # What is inside ends with the keeper, but only once bubblewrap has seen to that, which takes it a moment. All
        # that it has started until then is in *line*, or still in the keeper's group.
        if self._inside is not None:
            self._inside.kill()
        for pid in line:
            _kill(pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _runs(self) -> bool:
        now = started_at(self.pid) if self.pid else None
        return now is not None and self._started_at in (None, now)

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self._started_at = state.get("started_at")
        self._is_confined = state.get("is_confined", False)
        self._groups = ControlGroups(tuple(Path(folder) for folder in state.get("groups", ())))
        self._inside = Process(*state["inside"]) if "inside" in state else None
        if "runtime" in state:
            self._runtime = Path(state["runtime"])

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        if self.pid:
            state["started_at"] = self._started_at
            state["is_confined"] = self._is_confined
            state["groups"] = [str(folder) for folder in self._groups.folders]
        if self._inside is not None:
            state["inside"] = [self._inside.pid, self._inside.started]
        if self._runtime is not None:
            state["runtime"] = str(self._runtime)
        return state

    def clear_state(self) -> None:
        """Called by the Hub when nothing runs any more."""
        super().clear_state()
        self._give_up_port()
        if self._inside is not None:
            self._inside.kill()
        _remove_when_empty(self._groups)
        self._groups = ControlGroups()
        self._started_at = None
        if self._runtime is not None:
            shutil.rmtree(self._runtime, ignore_errors=True)
            self._runtime = None


def why_not_confined(
    folders: Iterable[Path], *, readable: Iterable[Path] = (), plain_uids: tuple[int, int] = PLAIN_UIDS
) -> str | None:
    """Why servers that may read the files and folders *readable* cannot be kept from *folders* on this machine, in a
    sentence; None where they can."""
    shown_to_all = (*deployment_folders(), *readable)
    for folder in folders:
        shown = shows(folder, shown_to_all)
        if shown is not None:
            return f"{folder} lies in {shown}, which every server may read."
    return why_no_sandbox(plain_uids[0] if os.geteuid() == 0 else None)


async def _first_process(files: Descriptors, keeper: Popen[bytes]) -> Process | None:
    while True:
        has_ended = keeper.poll() is not None
        pid = first_inside(files)
        if pid is not None or has_ended:
            return None if pid is None else Process.of(pid)
        await asyncio.sleep(_LOOK_AGAIN)


def _remove_when_empty(groups: ControlGroups, tries: int = 10) -> None:
    # What was inside ends a moment after what confined it.
    if not groups.remove() and tries > 1:
        with suppress(RuntimeError):  # where the Hub itself is at its end
            asyncio.get_running_loop().call_later(_ENDED_WITHIN, _remove_when_empty, groups, tries - 1)


def _allowed(kind: int, limit: int | None) -> int | None:
    """*limit*, or less where the Hub itself was given less: nobody raises that inside."""
    hard = getrlimit(kind)[1]
    return limit if limit is None or hard == RLIM_INFINITY else min(limit, hard)


def _kill(pid: int, sig: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, sig)


@contextmanager
def _pipe_with(content: bytes) -> Iterator[int]:
    """The reading end of a pipe that holds *content* and nothing else. It fits: a pipe takes 64 KiB."""
    reader, writer = os.pipe()
    try:
        try:
            os.write(writer, content)
        finally:
            os.close(writer)
        yield reader
    finally:
        os.close(reader)


@contextmanager
def _fresh_log(home: Path, owner: int | None) -> Iterator[int]:
    """A new log to write to in *home*; the one before stays as ``server.log.old``.

    Others write in that folder, so nothing that stands there is opened. If they keep a log from being made, there is
    none.
    """
    with ExitStack() as stack:
        with opened(str(home)) as folder:
            with suppress(OSError):
                os.rename(_LOG, f"{_LOG}.old", src_dir_fd=folder, dst_dir_fd=folder)
            try:
                log = new_file(_LOG, folder, os.O_APPEND)
            except OSError:
                log, owner = os.open(os.devnull, os.O_WRONLY), None
            stack.callback(os.close, log)
            give(log, owner)
        yield log
