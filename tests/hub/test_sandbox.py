"""The sandbox of a server: the command that makes it, and what is inside when bubblewrap runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import coterie
from coterie.cli.demo.processes import descendants
from coterie.hub import sandbox as module
from coterie.hub.confined import why_not_confined
from coterie.hub.plain_users import PLAIN_UIDS, free_user, owner_among
from coterie.hub.processes import Process, line_of_eldest, started_at
from coterie.hub.sandbox import (
    Descriptors,
    Limits,
    Sandbox,
    can_end_namespaces,
    deployment_folders,
    descriptors_for,
    sandbox_command,
    shows,
    why_no_sandbox,
    why_not_shown,
)

USER = PLAIN_UIDS[0] if os.geteuid() == 0 else None
needs_bubblewrap = pytest.mark.skipif(why_no_sandbox(USER) is not None, reason=str(why_no_sandbox(USER)))

HOME = Path("/srv/coterie/servers/ws-a")
LIMITS = Limits(processes=100, open_files=200, file_size=300, data=400, scratch=500)
PLAIN = Sandbox(HOME, "ws-a", (Path("/opt/python"), Path("/opt/python/lib"), Path("/usr/share")), LIMITS, user=None)


def _command(sandbox: Sandbox) -> list[str]:
    return sandbox_command(sandbox, ["server", "--option"], Descriptors(passwd=7, group=8, refusals=9, told=10))


def _has(command: list[str], *part: str) -> bool:
    return any(tuple(command[i : i + len(part)]) == part for i in range(len(command)))


def test_only_the_home_can_be_written() -> None:
    command = _command(PLAIN)

    assert [command[i + 1] for i, word in enumerate(command) if word == "--bind"] == [str(HOME)]
    assert not [word for word in command if word.startswith("--dev-bind")]
    assert _has(command, "--remount-ro", "/")


def test_what_is_readable_is_bound_once_after_the_folders_that_lead_there() -> None:
    command = _command(PLAIN)

    assert _has(command, "--dir", "/opt", "--ro-bind", "/opt/python", "/opt/python")
    assert "/opt/python/lib" not in command
    assert "/usr/share" not in command


def test_without_root_it_has_a_user_namespace_and_may_make_no_other() -> None:
    command = _command(PLAIN)

    assert _has(command, "--unshare-user", "--uid", "1000", "--gid", "1000", "--disable-userns")
    assert "setpriv" not in command
    assert "--disable-userns" not in _command(replace(PLAIN, can_end_namespaces=False))


def test_root_becomes_the_user_before_the_server_starts() -> None:
    command = _command(replace(PLAIN, user=61184))

    assert "--unshare-user" not in command
    after = command[command.index("setpriv") :]
    assert after[1:6] == ["--reuid", "61184", "--regid", "61184", "--clear-groups"]
    assert after[-2:] == ["server", "--option"]


def test_limits_are_set_inside() -> None:
    command = _command(PLAIN)

    inside = command[command.index("--") :]
    expected = ["--core=0:0", "--nproc=100:100", "--nofile=200:200", "--fsize=300:300", "--data=400:400"]
    assert inside[1:7] == ["prlimit", *expected]
    assert _has(command, "--size", "500", "--tmpfs", "/tmp")
    assert _has(_command(replace(PLAIN, limits=Limits())), "--", "prlimit", "--core=0:0", "env")


def test_folders_that_lead_to_a_deployment_below_tmp_are_closed() -> None:
    command = _command(replace(PLAIN, readable=(Path("/tmp/a/b/python"), Path("/tmp/a/c"), Path("/tmp/d"))))

    assert _has(command, "--perms", "0755", "--tmpfs", "/tmp/a", "--dir", "/tmp/a/b", "--ro-bind", "/tmp/a/b/python")
    assert _has(command, "--ro-bind", "/tmp/d", "/tmp/d")
    assert command.index("/tmp/a/c") < len(command) - command[::-1].index("/tmp/a")
    assert _has(command, "--remount-ro", "/tmp/a")
    assert not _has(command, "--remount-ro", "/tmp/d")


def test_no_account_of_the_machine_is_named() -> None:
    assert [line.split(":")[0] for line in PLAIN.passwd.splitlines()] == ["root", "jupyter", "nobody"]
    assert f"jupyter:x:1000:1000::{HOME}:" in PLAIN.passwd


def test_of_a_checkout_only_the_package_and_the_python_are_shown() -> None:
    shown = deployment_folders()
    package = Path(coterie.__file__).parent

    assert package in shown
    assert Path(sys.prefix) in shown
    assert shows(package.parent.parent / "tests", shown) is None
    assert shows(package.parent, shown) is None


def test_a_folder_that_all_could_read_is_found_behind_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, link = tmp_path / "srv" / "coterie", tmp_path / "data"
    state.mkdir(parents=True)
    link.symlink_to(state.parent)

    assert shows(state, [link]) == link
    assert shows(state, [tmp_path / "srv" / ".." / "data"]) is not None
    assert shows(link / "coterie", [state]) == state
    assert f"lies in {link}, which" in str(why_not_confined([state], readable=[link]))
    # As /etc/jupyter may be one.
    monkeypatch.setattr(module, "SETTINGS", (str(link),))
    assert shows(state, ()) == link


def test_what_every_sandbox_has_of_its_own_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "nothing").symlink_to("/dev/null")

    assert why_not_shown(tmp_path) is None
    for path in ("data", "/dev", "/dev/null", "/proc/1/environ", tmp_path / "nothing"):
        assert why_not_shown(Path(path)) is not None


def test_a_folder_that_all_could_read_is_found() -> None:
    assert shows(Path("/usr/local/state"), ()) == Path("/usr")
    assert shows(Path("/opt/python/state"), [Path("/opt/python")]) == Path("/opt/python")
    assert shows(HOME, [Path("/opt/python")]) is None
    assert "which every server may read" in str(why_not_confined([Path(sys.prefix, "state")]))


@pytest.mark.skipif(USER is None, reason="only root gives folders away")
def test_an_account_keeps_the_number_of_its_folder_and_shares_none_that_is_another_ones(tmp_path: Path) -> None:
    numbers = (PLAIN_UIDS[0], PLAIN_UIDS[0] + 2)
    for name, number in (("alice", numbers[0]), ("bob", numbers[1]), ("operator", 0)):
        (tmp_path / name).mkdir()
        os.chown(tmp_path / name, number, number)

    assert owner_among(numbers, tmp_path / "alice") == numbers[0]
    assert [owner_among(numbers, tmp_path / name) for name in ("operator", "carol")] == [None, None]
    assert free_user(numbers, tmp_path) == numbers[0] + 1
    assert free_user((numbers[0], numbers[0]), tmp_path) == numbers[0]
    assert free_user(numbers, tmp_path / "not yet") in range(numbers[0], numbers[1] + 1)


@pytest.fixture
def no_memory() -> Iterator[None]:
    """What was found out about this machine is forgotten before and after."""
    why_no_sandbox.cache_clear()
    yield
    why_no_sandbox.cache_clear()


def test_missing_bubblewrap_is_said_in_a_sentence(no_memory: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "bwrap" else f"/usr/bin/{name}")

    assert why_no_sandbox() == "bwrap cannot be found: install bubblewrap."


@pytest.mark.skipif(not shutil.which("bwrap"), reason="there is no bubblewrap")
def test_namespaces_that_cannot_be_made_are_said_in_a_sentence(
    no_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    can_end_namespaces()
    monkeypatch.setattr(module, "_KEEPER", "echo bwrap: No permissions to create new namespace >&2; exit 1")

    told = why_no_sandbox()

    assert told is not None
    assert told.startswith("bubblewrap is installed but cannot be used here (bwrap: No permissions")


@pytest.mark.skipif(not shutil.which("bwrap"), reason="there is no bubblewrap")
def test_one_that_never_ends_is_said_in_a_sentence(no_memory: None, monkeypatch: pytest.MonkeyPatch) -> None:
    can_end_namespaces()
    monkeypatch.setattr(module, "_KEEPER", "exec sleep 600")
    monkeypatch.setattr(module, "_TRIED_FOR", 0.2)

    told = why_no_sandbox()

    assert told is not None
    assert told.startswith("bubblewrap is installed but cannot be used here (it did not end within 0.2 seconds).")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "servers" / "ws-a"
    folder.mkdir(parents=True)
    if USER is not None:
        os.chown(folder, USER, USER)
    return folder


def _inside(
    home: Path,
    script: str,
    limits: Limits | None = None,
    readable: tuple[Path, ...] = (),
    *,
    user: int | None = USER,
    by: tuple[str, ...] = (),
) -> str:
    """What a shell script printed, all of it. *by*: a command that starts the sandbox as somebody else."""
    sandbox = Sandbox(home, "ws-a", readable, limits or Limits(scratch=1 << 20), user, can_end_namespaces())
    with descriptors_for(sandbox) as files:
        ran = subprocess.run(
            [*by, *sandbox_command(sandbox, ["/bin/bash", "-c", script], files)],
            pass_fds=files.all,
            env={"PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
    return ran.stdout


@needs_bubblewrap
def test_inside_is_what_was_named_and_nothing_else(home: Path) -> None:
    (home.parent / "ws-b").mkdir()
    (home.parents[1] / "coterie.sqlite").write_text("secret")

    printed = _inside(home, f"ls {home.parent} {home.parents[1]}; ls /home /var /srv /sys /etc/shadow; cat /etc/passwd")

    assert "ws-b" not in printed
    assert "sqlite" not in printed
    assert printed.count("No such file or directory") == 5
    assert "jupyter:x:" in printed


@needs_bubblewrap
def test_inside_one_is_nobody_and_alone(home: Path) -> None:
    facts: Any = json.loads(
        _inside(
            home,
            r"""echo "{\"uid\": $(id -u), \"groups\": \"$(id -G)\", \"me\": \"$(whoami)\", \"host\": \"$(hostname)\",
            \"processes\": $(ls -d /proc/[0-9]* | wc -l), \"here\": \"$(pwd)\",
            \"caps\": \"$(grep -c -E 'Cap(Eff|Prm|Bnd|Amb|Inh):.0000000000000000' /proc/self/status)\"}" """,
        ).replace("\n", " ")
    )

    assert facts["uid"] == (USER or 1000)
    assert facts["groups"] == str(facts["uid"])
    assert (facts["me"], facts["host"], facts["here"]) == ("jupyter", "ws-a", str(home))
    assert facts["processes"] < 8
    assert facts["caps"] == ("5" if USER is not None else facts["caps"])


@needs_bubblewrap
@pytest.mark.parametrize("kind", ["user", "pid", "ipc", "uts", "mnt", "cgroup"])
def test_inside_is_a_namespace_of_its_own(home: Path, kind: str) -> None:
    if kind == "user" and USER is not None:
        pytest.skip("root's servers have numbers of their own instead")

    own = _inside(home, f"readlink /proc/self/ns/{kind}").strip()

    assert own.startswith(f"{kind}:")
    assert own != str(Path(f"/proc/self/ns/{kind}").readlink())


@needs_bubblewrap
def test_only_home_tmp_and_shared_memory_take_files(home: Path) -> None:
    places = ["/", "/usr", "/etc", "/run", "/dev", "/proc/sys/kernel", "/tmp", "/dev/shm", str(home)]

    printed = _inside(home, f"for p in {' '.join(places)}; do touch $p/x 2>/dev/null && echo $p; done")

    assert printed.split() == ["/tmp", "/dev/shm", str(home)]


@needs_bubblewrap
@pytest.mark.parametrize("file", ["kernel/core_pattern", "vm/overcommit_memory"])
def test_no_setting_of_the_machine_can_be_changed(home: Path, file: str) -> None:
    path = Path("/proc/sys", file)
    before = path.read_text()

    printed = _inside(home, f"echo '|/bin/false' > {path} || echo refused")

    assert "refused" in printed
    assert path.read_text() == before


@needs_bubblewrap
def test_nobody_takes_back_that_they_go_first_when_memory_is_used_up(home: Path) -> None:
    printed = _inside(home, "echo 999 > /proc/self/oom_score_adj; cat /proc/self/oom_score_adj")
    piped = _inside(home, "(echo out > /dev/stdout) | cat")

    assert "Read-only file system" in printed
    assert printed.split()[-1] == Path("/proc/self/oom_score_adj").read_text().strip()
    assert piped == "out\n"  # what is open can be written to all the same


@needs_bubblewrap
def test_folders_for_private_keys_are_empty(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _inside(home, "ls -A /etc/ssl/certs")
    # A folder that surely has something in it.
    monkeypatch.setattr(module, "_PRIVATE_SETTINGS", (*module._PRIVATE_SETTINGS, "ssl/certs"))

    hidden = _inside(home, "for f in ssl/private pki/tls/private ssl/certs; do ls -A /etc/$f; touch /etc/$f/x; done")

    assert shown.strip()
    assert [line for line in hidden.splitlines() if not line.startswith(("ls:", "touch:"))] == []


@needs_bubblewrap
@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "as it would be otherwise"])
def test_nobody_puts_another_deployment_in_the_place_of_one_below_tmp(
    is_closed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_closed:
        monkeypatch.setattr(module, "_SCRATCH", ())
    # By a Hub that is not root, who owns what is made for the sandbox.
    by = ("setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups") if USER is not None else ()
    with tempfile.TemporaryDirectory(prefix="coterie-", dir="/tmp") as folder:
        top = Path(folder)
        python, home = top / "checkout" / "python", top / "servers" / "ws-a"
        for made in (python, home):
            made.mkdir(parents=True)
        (python / "library").write_text("ours")
        if USER is not None:
            subprocess.run(["chown", "-R", f"{USER}", folder], check=True)
        library = python / "library"
        script = f"""echo mine > {home}/file; mv {top} {top}-away; mv {top}/checkout {top}/away
            mkdir -p {python}; echo theirs > {library}; cat {library}"""

        printed = _inside(home, script, readable=(python,), user=None, by=by)

        if "No permissions to create new namespace" in printed:
            pytest.skip(printed)
        assert printed.split()[-1] == ("ours" if is_closed else "theirs")
        assert (home / "file").exists()


@needs_bubblewrap
def test_the_python_and_coterie_can_be_imported_inside(home: Path) -> None:
    code = "import coterie.server, sys; print(sys.prefix)"

    printed = _inside(home, f"{sys.executable} -I -c '{code}'", readable=deployment_folders())

    assert printed.strip() == sys.prefix


@needs_bubblewrap
def test_processes_and_sizes_are_limited(home: Path) -> None:
    limits = Limits(processes=20, file_size=1 << 20, scratch=1 << 20)
    script = f"""for i in $(seq 60); do sleep 5 & done 2>&1 | grep -c 'Resource temporarily'
        wait; kill $(jobs -p) 2>/dev/null
        head -c 2M /dev/zero > {home}/large; stat -c %s {home}/large
        head -c 900K /dev/zero > /tmp/a; head -c 900K /dev/zero > /tmp/b; cat /tmp/a /tmp/b | wc -c"""

    printed = _inside(home, script, limits)

    lines = printed.split()
    assert "1048576" in lines
    assert int(lines[-1]) <= 1 << 20


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@needs_bubblewrap
@pytest.mark.parametrize("ended", [0, 1, 2, 3], ids=["the keeper", "bubblewrap", "its process inside", "the command"])
def test_everything_inside_ends_with(home: Path, ended: int) -> None:
    sandbox = Sandbox(home, "ws-a", (), Limits(), USER, can_end_namespaces())
    # Leaves two processes that belong to nobody any more, in a session of their own.
    script = "(setsid sh -c 'sleep 600 & sleep 600 &') ; echo there; exec sleep 600"
    with descriptors_for(sandbox) as files, tempfile.TemporaryFile() as said:
        keeper = subprocess.Popen(
            sandbox_command(sandbox, ["/bin/sh", "-c", script], files),
            pass_fds=files.all,
            stdout=said,
            start_new_session=True,
        )
        _wait_for(lambda: os.pread(said.fileno(), 10, 0) == b"there\n")
    line = line_of_eldest(keeper.pid, 3)
    inside = descendants(line[2])
    assert len(inside) == 3

    os.kill(line[ended], 9)

    keeper.wait(10)
    _wait_for(lambda: not any(started_at(pid) for pid in inside))


_WITHOUT_ITS_FIRST_THREAD = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def _looks_ended(pid: int) -> bool:
    return ") Z " in Path(f"/proc/{pid}/stat").read_text()


def test_a_process_whose_first_thread_has_ended_still_runs_and_can_be_killed() -> None:
    started = subprocess.Popen([sys.executable, "-c", _WITHOUT_ITS_FIRST_THREAD])
    try:
        _wait_for(lambda: _looks_ended(started.pid))
        process = Process.of(started.pid)
        assert process is not None
        assert process.runs
        process.kill()
        assert -9 == started.wait(10)
    finally:
        started.kill()
        started.wait()
    assert not process.runs
    assert Process.of(started.pid) is None
