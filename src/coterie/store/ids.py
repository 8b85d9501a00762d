"""Opaque ids: 16 random characters of ``a-z2-7`` (80 bits), for persons, workspaces and accounts; and pseudonyms."""

from __future__ import annotations

import re
import secrets

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_FORM = re.compile(r"[a-z2-7]{16}")

LENGTH = 16


def new_id() -> str:
    """An id nobody has and nobody can guess."""
    return _random(LENGTH)


def new_account() -> str:
    """The name of a workspace's account in the Hub. Random by itself, so that it does not give the id away."""
    return f"ws-{new_id()}"


def new_pseudonym() -> str:
    """What somebody is called who has been anonymised. Another one may be called the same, so try again then."""
    return f"anonymised-{_random(8)}"


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def is_id(text: str) -> bool:
    """Whether *text* has the form of an id; nothing else is ever stored as one."""
    return _FORM.fullmatch(text) is not None
