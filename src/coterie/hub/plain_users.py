"""User numbers that servers run as in place of a Hub that is root: an account's is the one its folder belongs to."""

from __future__ import annotations

import secrets
from pathlib import Path

#: User numbers that belong to nobody on most machines: systemd gives them out for a while, to services of its own.
PLAIN_UIDS = (61184, 65519)


def owner_among(numbers: tuple[int, int], folder: Path) -> int | None:
    """The user that *folder* belongs to, if that is one of *numbers* (the first and the last of them)."""
    first, last = numbers
    try:
        owner = folder.lstat().st_uid
    except FileNotFoundError:
        return None
    return owner if first <= owner <= last else None


def free_user(numbers: tuple[int, int], below: Path) -> int:
    """One of *numbers* that no folder *below* belongs to; where each does, any. It is drawn, so that nobody can choose
    their account's name to share somebody's: a user's processes are counted together."""
    first, last = numbers
    folders = below.iterdir() if below.exists() else ()
    taken = {owner_among(numbers, folder) for folder in folders}
    free = [number for number in range(first, last + 1) if number not in taken]
    return secrets.choice(free or range(first, last + 1))
