"""Names that belong to workspaces' accounts. Nobody signs in with one.

Word of this module: a *reserved* name is ``ws-`` and 16 characters ``a-z2-7``, in any case.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.auth import Authenticator

from coterie.wire.names import is_reserved


class ReservedNames(Authenticator):
    """Put before any Authenticator: reserved names are refused as a wrong password is, whatever the class below says.

    ``check_blocked_users`` runs after normalisation and before every allow rule; with ``allowed_users`` set JupyterHub
    would otherwise let in every account that was made by API.
    """

    def check_blocked_users(self, username: str, authentication: dict[str, Any] | None = None) -> Any:
        if is_reserved(username):
            self.log.warning("Refused a sign-in with the reserved name %r.", username)
            return False
        return super().check_blocked_users(username, authentication)


def refuse_reserved_names(authenticator: type[Authenticator]) -> type[Authenticator]:
    """*authenticator* with ReservedNames before it; its own configuration section goes on working."""
    if issubclass(authenticator, ReservedNames):
        return authenticator
    return type(f"Reserved{authenticator.__name__}", (ReservedNames, authenticator), {})
