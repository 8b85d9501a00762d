"""What a server may see and use of this machine, and the bubblewrap command that holds it to that.

Everything is absent inside that is not named here: a read-only system, a read-only deployment, the account's own home
folder, a /tmp of its own, and a /run and a /proc of its own for reading. The network is the machine's, since the server
has to reach the service and the Hub. Building the command is pure; ``why_no_sandbox`` tries it once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import coterie
from coterie.hub.system_calls import refusals

#: The system. Where /bin and the like are folders of their own, they are bound, else they are the links they were.
_SYSTEM = Path("/usr")
SYSTEM_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
#: Of /etc, never as a whole: it has accounts, keys and passwords of services.
SETTINGS = (
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "fonts",
    "gai.conf",
    "host.conf",
    "hosts",
    "jupyter",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "nsswitch.conf",
    "pki",
    "protocols",
    "resolv.conf",
    "services",
    "ssl",
    "terminfo",
    "timezone",
)
#: Of those, the folders for private keys, which the Hub's user may be able to read for the proxy's sake.
_PRIVATE_SETTINGS = ("ssl/private", "pki/tls/private")
#: Ways from /proc to the whole machine, which belong to root: a process that has root's number could write them.
_MACHINE = ("acpi", "bus", "fs", "irq", "scsi", "sys", "sysrq-trigger")
#: Where everybody inside can make, rename and remove entries: memory, and gone with the sandbox.
_SCRATCH = (Path("/dev/shm"), Path("/tmp"))  # noqa: S108  (both inside)
#: Where a sandbox has its own: what is bound over that from the machine would be closed, or tell of the machine.
_NEVER_SHOWN = (Path("/dev"), Path("/proc"))
#: Seconds that a first sandbox may take.
_TRIED_FOR = 30
#: The user and group inside, where they are only another name for those that the Hub runs as.
_USER_INSIDE = 1000
#: Stays when the Hub ends, so that its servers do; bubblewrap in turn ends with it, and everything inside with that.
_KEEPER = '"$@"; exit $?'


@dataclass(frozen=True, slots=True)
class Limits:
    """What each server may use at most. Sizes in bytes; None: no limit of ours.

    *processes* counts threads too, *scratch* is each of /tmp and /dev/shm, *data* is the memory of one process that
    is its own (RLIMIT_DATA): for the whole workspace there are control groups, see ``coterie.hub.cgroups``.
    """

    processes: int | None = None
    open_files: int | None = None
    file_size: int | None = None
    data: int | None = None
    scratch: int | None = None


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One server's sandbox. *home* is the only folder of the machine that it can write in; *readable* are files and
    folders that it sees beside the system's, at the places where they are.

    *user* is the user and group to become, which only root can. None: the Hub's own, in a user namespace that knows no
    other. *can_end_namespaces*: bubblewrap knows how to keep it from making further user namespaces.
    """

    home: Path
    host_name: str
    readable: tuple[Path, ...]
    limits: Limits
    user: int | None
    can_end_namespaces: bool = True

    @property
    def user_inside(self) -> int:
        """Who the processes see themselves run as."""
        return _USER_INSIDE if self.user is None else self.user

    @property
    def passwd(self) -> str:
        """An /etc/passwd that names nobody of this machine."""
        number = self.user_inside
        return (
            "root:x:0:0:root:/root:/usr/sbin/nologin\n"
            f"jupyter:x:{number}:{number}::{self.home}:/bin/bash\n"
            "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        )

    @property
    def group(self) -> str:
        """The same for /etc/group."""
        return f"root:x:0:\njupyter:x:{self.user_inside}:\nnogroup:x:65534:\n"


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What bubblewrap reads: a sandbox's /etc/passwd and /etc/group, and the filter of system calls, where there is one
    for this machine. Into *told* it writes who the first process inside is, see ``first_inside``."""

    passwd: int
    group: int
    refusals: int | None
    told: int

    @property
    def all(self) -> tuple[int, ...]:
        """Those that the process which is started has to inherit."""
        return tuple(one for one in (self.passwd, self.group, self.told, self.refusals) if one is not None)


def sandbox_command(sandbox: Sandbox, command: Sequence[str], files: Descriptors) -> list[str]:
    """What to start instead of *command* to have it run in *sandbox*."""
    return [
        *("/bin/sh", "-c", _KEEPER, "coterie-sandbox", "bwrap"),
        *_namespaces(sandbox),
        *_system(),
        *_own_places(sandbox),
        *("--perms", "0644", "--file", str(files.passwd), "/etc/passwd"),
        *("--perms", "0644", "--file", str(files.group), "/etc/group"),
        *_of_the_machine(sandbox),
        *([] if files.refusals is None else ["--seccomp", str(files.refusals)]),
        *("--info-fd", str(files.told)),
        *("--remount-ro", "/", "--chdir", "/", "--"),
        *_limited(sandbox.limits),
        *_as_user(sandbox.user),
        *("env", f"--chdir={sandbox.home}"),  # the user's alone, and so for that user to enter
        *command,
    ]


def _namespaces(sandbox: Sandbox) -> list[str]:
    shared = [
        *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--die-with-parent", "--new-session", "--hostname", sandbox.host_name, "--cap-drop", "ALL"),
    ]
    if sandbox.user is not None:
        # Just enough to become that user, who then has none of it.
        return [*shared, *(f for c in ("SETUID", "SETGID", "SETPCAP") for f in ("--cap-add", f"CAP_{c}"))]
    own = ["--unshare-user", "--uid", str(_USER_INSIDE), "--gid", str(_USER_INSIDE)]
    return [*shared, *own, *(["--disable-userns"] if sandbox.can_end_namespaces else [])]


def _system() -> list[str]:
    arguments = ["--ro-bind", str(_SYSTEM), str(_SYSTEM)]
    for name in SYSTEM_LINKS:
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    arguments += ["--dir", "/etc"]
    for name in SETTINGS:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for name in _PRIVATE_SETTINGS:
        folder = Path("/etc", name)
        if folder.is_dir() and not folder.is_symlink():
            arguments += ["--perms", "0755", "--tmpfs", str(folder), "--remount-ro", str(folder)]
    return arguments


def _own_places(sandbox: Sandbox) -> list[str]:
    size = [] if sandbox.limits.scratch is None else ["--size", str(sandbox.limits.scratch)]
    arguments = ["--proc", "/proc"]
    for name in _MACHINE:
        arguments += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    # Or a process could take back that it goes first when memory is used up (oom_score_adj).
    arguments += ["--remount-ro", "/proc"]
    arguments += ["--dev", "/dev", "--perms", "1777", *size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
    arguments += ["--perms", "1777", *size, "--tmpfs", "/tmp", "--dir", "/run"]  # noqa: S108  (both inside)
    return arguments


def _of_the_machine(sandbox: Sandbox) -> list[str]:
    arguments: list[str] = []
    made: set[Path] = {Path("/"), *_SCRATCH}
    closed: list[Path] = []
    binds = [*(("--ro-bind", path) for path in _outermost(sandbox.readable)), ("--bind", sandbox.home)]
    for bind, path in binds:
        # Made here, or they would be closed to everybody but who makes them.
        for folder in reversed(path.parents):
            if folder in made:
                continue
            made.add(folder)
            if folder.parent in _SCRATCH:
                # Else whoever owns the folders there could rename them and put another deployment in its place.
                closed.append(folder)
                arguments += ["--perms", "0755", "--tmpfs", str(folder)]
            else:
                arguments += ["--dir", str(folder)]
        arguments += [bind, str(path), str(path)]
    return [*arguments, *(word for folder in closed for word in ("--remount-ro", str(folder)))]


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """In order and without what lies in another one of them or in the system."""
    kept: list[Path] = []
    for path in sorted(set(paths)):
        if not any(path.is_relative_to(other) for other in (_SYSTEM, *kept)):
            kept.append(path)
    return kept


def _limited(limits: Limits) -> list[str]:
    chosen = {
        "core": 0,
        "nproc": limits.processes,
        "nofile": limits.open_files,
        "fsize": limits.file_size,
        "data": limits.data,
    }
    # From inside: the number of processes then counts for this sandbox and not for everything the Hub's user runs.
    return ["prlimit", *(f"--{name}={value}:{value}" for name, value in chosen.items() if value is not None)]


def _as_user(user: int | None) -> list[str]:
    if user is None:
        return []
    ids = ("--reuid", str(user), "--regid", str(user), "--clear-groups")
    return ["setpriv", *ids, "--inh-caps=-all", "--bounding-set=-all", "--"]


def deployment_folders() -> tuple[Path, ...]:
    """What a server of this deployment reads: its Python, with all that is installed in it, and Coterie itself.

    Of a source checkout that is the package and, if it is there, the virtual environment: not the rest.
    """
    package = Path(coterie.__file__).parent
    extension = Path(sys.prefix, "share/jupyter/labextensions/@coterie/lab")
    found = [Path(sys.prefix), Path(sys.exec_prefix), Path(sys.base_prefix), Path(sys.base_exec_prefix), package]
    if extension.exists():
        found.append(extension)
    # Links are followed from where they stand, so both ends have to be there.
    return tuple(dict.fromkeys(path for one in found for path in (one, one.resolve())))


def shows(folder: Path, readable: Iterable[Path]) -> Path | None:
    """The one of the *readable* folders, or of the system's, that would show *folder* to every server; None: none.
    Links are followed on both sides, as bubblewrap does."""
    system = (*(Path("/", name) for name in SYSTEM_LINKS), *(Path("/etc", name) for name in SETTINGS))
    places = _both_ends(folder)
    for path in (_SYSTEM, *readable, *system):
        if any(place.is_relative_to(end) for place in places for end in _both_ends(path)):
            return path
    return None


def why_not_shown(path: Path) -> str | None:
    """Why servers cannot be given *path* to read, in a sentence; None where they can."""
    if not path.is_absolute():
        return f"{str(path)!r} is not an absolute path."
    for never in _NEVER_SHOWN:
        if any(end.is_relative_to(never) for end in _both_ends(path)):
            return f"{path} lies in {never}, of which every sandbox has its own."
    return None


def _both_ends(path: Path) -> set[Path]:
    return {path.absolute(), path.resolve()}


@cache
def can_end_namespaces() -> bool:
    """Whether this machine's bubblewrap is new enough to keep a sandbox from making user namespaces of its own."""
    told = subprocess.run(["bwrap", "--help"], capture_output=True, text=True, check=False)
    return "--disable-userns" in told.stdout


@cache
def why_no_sandbox(user: int | None = None) -> str | None:
    """Why servers cannot be confined on this machine, in a sentence; None where they can. Tried once, as *user*."""
    if sys.platform != "linux":
        return "bubblewrap, which confines servers, exists for Linux only."
    missing = [name for name in ("bwrap", "prlimit", *(() if user is None else ("setpriv",))) if not shutil.which(name)]
    if missing:
        packages = "bubblewrap" if missing == ["bwrap"] else "bubblewrap and util-linux"
        return f"{' and '.join(missing)} cannot be found: install {packages}."
    refusal = _try(user, ["true"])
    if refusal is not None:
        advice = "This container may not make namespaces" if user is not None else "User namespaces may be switched off"
        return f"bubblewrap is installed but cannot be used here ({refusal}). {advice}."
    refusal = _try(user, [sys.executable, "-I", "-c", "import coterie"])
    if refusal is not None:
        return f"Servers could not read the Python that they run on ({refusal}). It has to be readable for everybody."
    return None


def _try(user: int | None, command: Sequence[str]) -> str | None:
    with tempfile.TemporaryDirectory(prefix="coterie-") as folder:
        if user is not None:
            os.chown(folder, user, user)
        readable = tuple(path for path in deployment_folders() if path.exists())
        sandbox = Sandbox(Path(folder), "try", readable, Limits(), user, can_end_namespaces())
        with descriptors_for(sandbox) as files:
            try:
                tried = subprocess.run(
                    sandbox_command(sandbox, command, files),
                    pass_fds=files.all,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=_TRIED_FOR,
                )
            except subprocess.TimeoutExpired:
                return f"it did not end within {_TRIED_FOR} seconds"
    if tried.returncode == 0:
        return None
    said = tried.stderr.strip().splitlines()
    return said[-1] if said else f"it ended with {tried.returncode}"


@contextmanager
def descriptors_for(sandbox: Sandbox) -> Iterator[Descriptors]:
    """What bubblewrap reads to make *sandbox*, open while in the block. Each can be read once."""
    with ExitStack() as stack:

        def opened(content: bytes) -> int:
            descriptor = _in_memory(content)
            stack.callback(os.close, descriptor)
            return descriptor

        calls = refusals()
        yield Descriptors(
            passwd=opened(sandbox.passwd.encode()),
            group=opened(sandbox.group.encode()),
            refusals=None if calls is None else opened(calls),
            told=opened(b""),
        )


def first_inside(files: Descriptors) -> int | None:
    """The process that all others in a sandbox descend from and end with, as the machine numbers it; None as long as
    bubblewrap has not said it, which it does before anything else runs inside."""
    told = os.pread(files.told, 4096, 0)
    return int(json.loads(told)["child-pid"]) if b"}" in told else None


def _in_memory(content: bytes) -> int:
    descriptor = os.memfd_create("coterie")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
