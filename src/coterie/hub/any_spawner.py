"""What goes before a Spawner class, whichever it is: refusing a start, and deleting a workspace's files with it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from coterie.wire.names import is_reserved

if TYPE_CHECKING:
    from jupyterhub.spawner import Spawner as AnySpawner
else:
    # JupyterHub refuses a subclass of Spawner without start, stop and poll, which are the business of the class behind.
    from traitlets.config import LoggingConfigurable as AnySpawner

__all__ = ["AnySpawner", "CannotStart", "DeletesWorkspaces"]


class CannotStart(Exception):
    """Why a server was not started, in a sentence that the Hub shows on its progress page."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.jupyterhub_message = sentence
        self.jupyterhub_html_message = html.escape(sentence)


class DeletesWorkspaces(AnySpawner):
    """Put before a Spawner class whose servers leave files behind."""

    async def delete_forever(self) -> None:
        """Called by the Hub when the account is deleted. A workspace's files go with it; a person's stay."""
        if not self.name and is_reserved(self.user.name):  # a named server's end is not the account's
            await self.delete_files()

    async def delete_files(self) -> None:
        """Delete what this account's servers have stored. What cannot be deleted is logged."""
        raise NotImplementedError
