"""Who the Hub says is calling, and what the page in their browser is told."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.identity import User
from jupyter_server.base.handlers import JupyterHandler
from jupyterhub.singleuser.extension import JupyterHubIdentityProvider
from traitlets import default

from coterie.policy import Role
from coterie.server.gate import access_of
from coterie.server.place import Place
from coterie.server.plugins import OFF_FOR_EVERYBODY, OFF_FOR_GUESTS, OFF_FOR_OWNERS, OFF_FOR_VIEWERS
from coterie.server.rooms.connection import describe

#: Says in a page's address as which role it is to be shown.
VIEW_PARAMETER = "coterie-view"


class CoterieIdentityProvider(JupyterHubIdentityProvider):
    """JupyterHub's identity provider, telling the page the person's role.

    ``place`` is set by the server application before the first request.
    """

    place: Place

    @property
    def token(self) -> str:
        """None: with a token of its own a Jupyter server writes it, readable for kernels, into its runtime folder."""
        return ""

    @default("updatable_fields")
    def _updatable_fields(self) -> list[str]:
        return []  # who somebody is, the Hub says

    def identity_model(self, user: User) -> dict[str, Any]:
        """The person as the others in a room are shown them, so that everybody has one colour and one set of
        initials."""
        return {**super().identity_model(user), **describe(user)}

    def page_config_hook(self, handler: JupyterHandler, page_config: dict[str, Any]) -> dict[str, Any]:
        """Add what ``lab`` needs. Works on a copy: the dictionary is shared by everybody's requests, and what it is
        given here is one person's."""
        config: dict[str, Any] = super().page_config_hook(handler, dict(page_config))
        access = access_of(handler)
        if access is None:
            return config
        is_owner = self.place.owner is not None and access.allows(Role.CREATOR)
        # A view, not protection: the page shows less, and the gate decides as ever.
        is_view = handler.get_query_argument(VIEW_PARAMETER, "") == Role.VIEWER.word
        is_viewer = is_view or not access.allows(Role.EDITOR)
        config |= {
            # Nothing is built here, so no page needs to ask whether something should be.
            "buildAvailable": False,
            "buildCheck": False,
            "coterieRole": access.role.word,
            "coterieView": Role.VIEWER.word if is_view else "",
            "coterieWorkspace": self.place.workspace,
            "coterieWorkspaceName": self.place.name,
            "coterieSession": self.place.session,
            "coterieServiceUrl": self.place.public_url,
            "coterieShareUrl": self.place.share_url,
            "disabledExtensions": [
                *config.get("disabledExtensions", []),
                *OFF_FOR_EVERYBODY,
                *(OFF_FOR_OWNERS if is_owner else OFF_FOR_GUESTS),
                *(OFF_FOR_VIEWERS if is_viewer else ()),
            ],
        }
        return config
