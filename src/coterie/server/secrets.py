"""Keeps the server's own tokens from what runs beside it: kernels and terminals inherit the environment."""

from __future__ import annotations

import json
import os
from typing import Any

from coterie.wire.names import SECRETS_DESCRIPTOR, is_secret_variable


def take_secrets() -> list[str]:
    """Read what the spawner hands over by pipe, once, into this process's own copy of the environment: what others see
    of a process's environment is what it was started with. Where there is no pipe, the environment stays as it is.
    Answers every token that is in it now."""
    descriptor = os.environ.pop(SECRETS_DESCRIPTOR, None)
    if descriptor is not None:
        with os.fdopen(int(descriptor), "rb") as pipe:
            os.environ.update(json.load(pipe))
    return [value for name, value in os.environ.items() if is_secret_variable(name)]


def forget_environment(*hub_auths: Any) -> None:
    """Take every token out of the environment after *hub_auths*, which read it on first use, have read theirs."""
    for hub_auth in hub_auths:
        for setting in ("api_token", "oauth_client_id", "access_scopes", "oauth_redirect_uri"):
            getattr(hub_auth, setting)
    for name in [name for name in os.environ if is_secret_variable(name)]:
        del os.environ[name]
