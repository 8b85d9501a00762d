"""The filter of system calls: what it answers, instruction by instruction, and what it refuses in a real sandbox."""

from __future__ import annotations

import errno
import json
import os
import platform
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from coterie.hub.plain_users import PLAIN_UIDS
from coterie.hub.sandbox import (
    Limits,
    Sandbox,
    can_end_namespaces,
    deployment_folders,
    descriptors_for,
    sandbox_command,
    why_no_sandbox,
)
from coterie.hub.system_calls import refusals

USER = PLAIN_UIDS[0] if os.geteuid() == 0 else None
NEW_USER = 0x10000000
THREAD = 0x3D0F00  # the flags of a thread, as the C library makes one
ALLOWED = 0x7FFF0000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CALLS = {
    "x86_64": {"read": 0, "clone": 56, "keyctl": 250, "unshare": 272, "bpf": 321},
    "aarch64": {"read": 63, "clone": 220, "keyctl": 219, "unshare": 97, "bpf": 280},
}
for calls_of_both in CALLS.values():
    calls_of_both |= {"io_uring_setup": 425, "clone3": 435}


def _answer(program: bytes, architecture: int, number: int, first_argument: int = 0) -> int:
    """What the kernel would be told to do with a call: runs the few instructions there are."""
    data = struct.pack("=IIQQ5Q", number, architecture, 0, first_argument, *[0] * 5)
    instructions = list(struct.iter_unpack("=HBBI", program))
    held, at = 0, 0
    while True:
        code, if_so, if_not, operand = instructions[at]
        at += 1
        match code:
            case 0x20:
                (held,) = struct.unpack_from("=I", data, operand)
            case 0x06:
                return operand
            case 0x15 | 0x35 | 0x45:
                is_so = {0x15: held == operand, 0x35: held >= operand, 0x45: bool(held & operand)}[code]
                at += if_so if is_so else if_not
            case _:
                raise AssertionError(hex(code))


def _refused(error: int) -> int:
    return 0x00050000 | error


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_what_is_refused_and_what_is_not(machine: str) -> None:
    program = refusals(machine)
    assert program is not None
    arch, calls = ARCHITECTURES[machine], CALLS[machine]
    answers = {
        (name, argument): _answer(program, arch, calls[name], argument)
        for name, argument in [(name, 0) for name in calls]
        + [("clone", THREAD), ("clone", NEW_USER | 17), ("unshare", 0x20000), ("unshare", NEW_USER | 0x20000)]
    }

    refused = {key: answer for key, answer in answers.items() if answer != ALLOWED}
    assert {
        ("keyctl", 0): _refused(errno.EPERM),
        ("bpf", 0): _refused(errno.EPERM),
        ("io_uring_setup", 0): _refused(errno.ENOSYS),
        ("clone3", 0): _refused(errno.ENOSYS),
        ("clone", NEW_USER | 17): _refused(errno.EPERM),
        ("unshare", NEW_USER | 0x20000): _refused(errno.EPERM),
    } == refused


def test_numbers_of_another_table_are_refused_altogether() -> None:
    program = refusals("x86_64")
    assert program is not None

    assert _refused(errno.ENOSYS) == _answer(program, 0x40000003, 310)  # unshare of 32 bits
    assert _refused(errno.ENOSYS) == _answer(program, ARCHITECTURES["x86_64"], 0x40000000 | 272)


def test_for_a_machine_that_is_not_known_there_is_no_filter() -> None:
    assert refusals("riscv64") is None


_TRY = """
import ctypes, errno, json, subprocess, threading
libc = ctypes.CDLL(None, use_errno=True)
def tried(name, number, *arguments):
    found[name] = "done" if libc.syscall(number, *arguments) >= 0 else errno.errorcode[ctypes.get_errno()]
found = {}
tried("keyctl", CALLS["keyctl"], 0, -3, 1)
tried("bpf", CALLS["bpf"], 0, 0, 0)
tried("io_uring_setup", CALLS["io_uring_setup"], 1, 0)
tried("clone3", CALLS["clone3"], 0, 0)
tried("unshare", CALLS["unshare"], 0x10000000)
thread = threading.Thread(target=found.setdefault, args=("thread", "done"))
thread.start()
thread.join()
found["child"] = subprocess.run(["echo", "done"], capture_output=True, text=True).stdout.strip()
print(json.dumps(found))
"""


def _tried(folder: Path, *, with_filter: bool) -> dict[str, str]:
    sandbox = Sandbox(folder, "ws-a", deployment_folders(), Limits(), USER, can_end_namespaces())
    with descriptors_for(sandbox) as files:
        command = [sys.executable, "-I", "-c", f"CALLS = {CALLS[platform.machine()]!r}{_TRY}"]
        ran = subprocess.run(
            sandbox_command(sandbox, command, files if with_filter else replace(files, refusals=None)),
            pass_fds=files.all,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, str] = json.loads(ran.stdout)
    return found


@pytest.mark.skipif(why_no_sandbox(USER) is not None, reason=str(why_no_sandbox(USER)))
@pytest.mark.skipif(platform.machine() not in CALLS, reason="there is no filter for this machine")
def test_inside_nobody_makes_a_user_namespace(tmp_path: Path) -> None:
    if USER is not None:
        os.chown(tmp_path, USER, USER)

    found = _tried(tmp_path, with_filter=True)

    refused = dict.fromkeys(("keyctl", "bpf", "unshare"), "EPERM")
    refused |= dict.fromkeys(("clone3", "io_uring_setup"), "ENOSYS")
    assert {"thread": "done", "child": "done", **refused} == found
    if USER is not None:  # root's sandbox has nothing else that keeps it from it
        assert "done" == _tried(tmp_path, with_filter=False)["unshare"]
