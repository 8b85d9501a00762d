"""Who gets into what without JupyterHub's Authorize page."""

from __future__ import annotations

from collections.abc import Iterable

from coterie.wire.names import is_reserved

_SERVER_CLIENT = "jupyterhub-user-"


class NoConfirm(set[str]):
    """The OAuth clients whose sign-in needs no confirmation: those it was made with, and every workspace's server.

    A home keeps the page: there it tells whose server learns who one is.
    """

    def __init__(self, clients: Iterable[str] = ()) -> None:
        super().__init__(clients)

    def __contains__(self, client: object) -> bool:
        if super().__contains__(client):
            return True
        if not isinstance(client, str) or not client.startswith(_SERVER_CLIENT):
            return False
        return is_reserved(client.removeprefix(_SERVER_CLIENT))
