"""What the Hub said about tokens, kept for as long as JupyterHub keeps it, refusals excepted.

A share is made at the moment in which somebody opens the workspace. A page that is still open from earlier goes on
asking before that, and a refusal that was kept would hold for minutes against a person who may be here by now.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.services.auth import HubOAuth, _ExpiringDict


class Admissions(_ExpiringDict):
    """The cache of *hub_auth*, to be put in the place of its own."""

    def __init__(self, hub_auth: HubOAuth) -> None:
        super().__init__(hub_auth.cache_max_age)
        self._hub_auth = hub_auth

    def forget(self, name: str | None) -> None:
        """Ask anew about every token of the person with this Hub name (None: of everybody)."""
        for key in [key for key, model in self.values.items() if name in (None, model.get("name"))]:
            del self[key]

    def __setitem__(self, key: str, model: dict[str, Any] | None) -> None:
        """Keep *model* if it lets somebody through to this server."""
        if model is not None and self._hub_auth.check_scopes(self._hub_auth.access_scopes, model):
            super().__setitem__(key, model)
