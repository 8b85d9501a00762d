"""System calls that nothing in a sandbox needs and that defects of the machine's kernel are often reached by, and the
filter that refuses them. All others are allowed, since people run whatever they like.

The filter is a program for seccomp(2): classic BPF instructions over ``struct seccomp_data``, as described in the
kernel's Documentation/userspace-api/seccomp_filter.rst. Numbers are those of the kernel's tables for each machine.
"""

from __future__ import annotations

import errno
import platform
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass

_CLONE_NEWUSER = 0x10000000
#: Refused whatever they are given. ENOSYS where programs then do without: C libraries use clone for clone3, whose flags
#: lie in memory where no filter can look, and programs read and write without io_uring, whose requests none sees.
_REFUSED = {
    "clone3": errno.ENOSYS,
    "io_uring_setup": errno.ENOSYS,
    "io_uring_enter": errno.ENOSYS,
    "io_uring_register": errno.ENOSYS,
    "add_key": errno.EPERM,
    "request_key": errno.EPERM,
    "keyctl": errno.EPERM,
    "bpf": errno.EPERM,
    "perf_event_open": errno.EPERM,
    "userfaultfd": errno.EPERM,
}
#: Refused where their first argument asks for a user namespace.
_REFUSED_FOR_NAMESPACES = ("clone", "unshare")

_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # where they are in seccomp_data; of the argument the lower half
_LOAD, _IS_EQUAL, _IS_AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _FAIL_WITH = 0x7FFF0000, 0x00050000


@dataclass(frozen=True, slots=True)
class _Machine:
    """What the kernel calls it in ``seccomp_data.arch``, its numbers, and from which number on they are those of a
    second table that nobody uses."""

    architecture: int
    numbers: Mapping[str, int]
    second_table: int | None = None


_MACHINES = {
    "x86_64": _Machine(
        0xC000003E,
        {
            "clone": 56,
            "add_key": 248,
            "request_key": 249,
            "keyctl": 250,
            "unshare": 272,
            "perf_event_open": 298,
            "bpf": 321,
            "userfaultfd": 323,
            "io_uring_setup": 425,
            "io_uring_enter": 426,
            "io_uring_register": 427,
            "clone3": 435,
        },
        second_table=0x40000000,
    ),
    "aarch64": _Machine(
        0xC00000B7,
        {
            "unshare": 97,
            "add_key": 217,
            "request_key": 218,
            "keyctl": 219,
            "clone": 220,
            "perf_event_open": 241,
            "bpf": 280,
            "userfaultfd": 282,
            "io_uring_setup": 425,
            "io_uring_enter": 426,
            "io_uring_register": 427,
            "clone3": 435,
        },
    ),
}


def refusals(machine: str | None = None) -> bytes | None:
    """The filter for *machine* (as ``uname -m`` says; None: for this one); None where its numbers are not known.

    Programs of another architecture, which the kernel might run too, cannot call anything: their numbers differ.
    """
    known = _MACHINES.get(machine or platform.machine()) if sys.byteorder == "little" else None
    if known is None:
        return None
    program = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_IS_EQUAL, known.architecture, if_so=1),
        _fail(errno.ENOSYS),
        _instruction(_LOAD, _NUMBER),
    ]
    if known.second_table is not None:
        program += [_instruction(_IS_AT_LEAST, known.second_table, if_not=1), _fail(errno.ENOSYS)]
    for call, error in _REFUSED.items():
        program += [_instruction(_IS_EQUAL, known.numbers[call], if_not=1), _fail(error)]
    for call in _REFUSED_FOR_NAMESPACES:
        program += [
            _instruction(_IS_EQUAL, known.numbers[call], if_not=4),
            _instruction(_LOAD, _FIRST_ARGUMENT),
            _instruction(_HAS_BITS, _CLONE_NEWUSER, if_not=1),
            _fail(errno.EPERM),
            _instruction(_RETURN, _ALLOW),
        ]
    return b"".join([*program, _instruction(_RETURN, _ALLOW)])


def _fail(error: int) -> bytes:
    return _instruction(_RETURN, _FAIL_WITH | error)


def _instruction(code: int, operand: int, *, if_so: int = 0, if_not: int = 0) -> bytes:
    """One ``struct sock_filter``. *if_so* and *if_not*: how many instructions a comparison skips."""
    return struct.pack("=HBBI", code, if_so, if_not, operand)
