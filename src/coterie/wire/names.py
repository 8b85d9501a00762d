"""The forms of names that both sides of a process border go by: workspaces' ids, their accounts in the Hub, homes, and
environment variables that hold secrets."""

from __future__ import annotations

import re

#: The one role that Coterie's configuration adds to the Hub, for its service. It is no right of anybody's.
SERVICE_ROLE = "coterie-service"

#: The environment variable that tells a server from which of its descriptors to read its secrets: one JSON object of
#: environment variables. An environment can be read by others, a pipe once.
SECRETS_DESCRIPTOR = "COTERIE_SECRETS_FD"

_ID = re.compile(r"[a-z2-7]{16}")
_ACCOUNT = re.compile(r"ws-[a-z2-7]{16}", re.IGNORECASE | re.ASCII)


def is_secret_variable(name: str) -> bool:
    """Whether the environment variable *name* holds a token: it goes by SECRETS_DESCRIPTOR and never to a kernel."""
    return "TOKEN" in name


def is_workspace_id(text: str) -> bool:
    """Whether *text* has the form of a workspace's id."""
    return _ID.fullmatch(text) is not None


def is_reserved(account: str) -> bool:
    """Whether *account* has the form, in any case, of a workspace's account: nobody signs in under such a name."""
    return _ACCOUNT.fullmatch(account) is not None


def home_of(text: str) -> str | None:
    """The owner's name where *text* is a home written ``~name``, else None."""
    return text[1:] if text.startswith("~") and len(text) > 1 else None
