"""Passwords in files that a copy needs: git's and pip's settings keep them in addresses and headers.

Words of this module: *parts* are the names from the top of the copied folder down to a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_PASSWORD = re.compile(rb"(?i)(https?://)[^\s/@\"']+@")
#: A line of git's settings, perhaps behind the name of its section, that sets a header to send with a password.
_HEADER = re.compile(
    rb"""(?i)(\s*\[.*\])?\s*(?:(?:extraheader|authorization)\s*=|[\w-]+\s*=\s*["']?authorization\s*:)"""
)


def may_hold_passwords(parts: Sequence[str]) -> bool:
    """Whether the file at *parts* is needed in a copy but often has passwords in addresses or headers: git's and pip's
    settings and git's logs, as in ``https://me:secret@example.org/``."""
    *folders, name = (part.casefold() for part in parts)
    if name in ("pip.conf", ".gitmodules"):
        return True
    is_gits = any(folder.endswith(".git") for folder in folders)
    return is_gits and (name in ("config", "config.worktree", "fetch_head") or "logs" in folders)


def without_passwords(content: bytes) -> bytes:
    """*content* whose http addresses name nobody and no password, without git's settings of headers to send."""
    return _PASSWORD.sub(rb"\1", b"\n".join(_without_headers(content.split(b"\n"))))


def _without_headers(lines: Sequence[bytes]) -> Iterator[bytes]:
    is_continued = False  # whether the line before was dropped and went on in this one
    for line in lines:
        header = None if is_continued else _HEADER.match(line)
        if header is None and not is_continued:
            yield line
            continue
        if header is not None and header[1]:
            yield header[1]
        is_continued = line.rstrip(b"\r").endswith(b"\\")
