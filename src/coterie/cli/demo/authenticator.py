"""How people of the demo sign in: all with the same password."""

from __future__ import annotations

from hmac import compare_digest
from typing import Any

from jupyterhub.auth import Authenticator

from coterie.cli.demo.people import PASSWORD


class DemoAuthenticator(Authenticator):
    """Takes everybody in ``allowed_users`` who knows the password."""

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:  # noqa: ARG002
        name = data["username"]
        if not compare_digest(data["password"].encode(), PASSWORD.encode()):
            return None
        return {"name": name, "user_info": {"name": name, "display_name": name.capitalize()}}
