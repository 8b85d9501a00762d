"""Keeps the server's own tokens from what runs beside it: kernels and terminals inherit the environment."""

from __future__ import annotations

import ctypes
import os
from typing import Any

_PR_SET_DUMPABLE = 4


def hide_process() -> None:
    """Let no process of the same user read this one's memory, environment or open files (prctl(2), PR_SET_DUMPABLE).
    Where the system knows no prctl, nothing happens."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def forget_environment(*hub_auths: Any) -> None:
    """Take every token out of the environment after *hub_auths*, which read it on first use, have read theirs."""
    for hub_auth in hub_auths:
        for setting in ("api_token", "oauth_client_id", "access_scopes", "oauth_redirect_uri"):
            getattr(hub_auth, setting)
    for name in [name for name in os.environ if "TOKEN" in name]:
        del os.environ[name]
