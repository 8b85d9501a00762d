"""Keeps the server's own tokens from what runs beside it: kernels and terminals inherit the environment."""

from __future__ import annotations

import ctypes
import json
import os
from typing import Any

from coterie.wire.names import SECRETS_DESCRIPTOR

_PR_SET_DUMPABLE = 4


def hide_process() -> None:
    """Let no process of the same user read this one's memory, environment or open files (prctl(2), PR_SET_DUMPABLE).
    Where the system knows no prctl, nothing happens."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def take_secrets() -> None:
    """Read what the spawner hands over by pipe, once, into this process's own copy of the environment: what others see
    of a process's environment is what it was started with. Where there is no pipe, nothing happens."""
    descriptor = os.environ.pop(SECRETS_DESCRIPTOR, None)
    if descriptor is not None:
        with os.fdopen(int(descriptor), "rb") as pipe:
            os.environ.update(json.load(pipe))


def forget_environment(*hub_auths: Any) -> None:
    """Take every token out of the environment after *hub_auths*, which read it on first use, have read theirs."""
    for hub_auth in hub_auths:
        for setting in ("api_token", "oauth_client_id", "access_scopes", "oauth_redirect_uri"):
            getattr(hub_auth, setting)
    for name in [name for name in os.environ if "TOKEN" in name]:
        del os.environ[name]
