"""Files of a workspace as the person who asks may have them."""

from __future__ import annotations

from typing import Any

from jupyter_server import CallContext
from jupyter_server.services.contents.handlers import ContentsHandler
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from coterie.policy import Role
from coterie.server.gate import access_of


class WorkspaceContents(AsyncLargeFileManager):
    """Tells a Viewer that files are not writable, so that JupyterLab offers neither saving nor checkpoints."""

    async def get(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The model, ``writable`` as it is for the person behind the request.

        Only for the contents API itself: rooms read files too, in tasks that inherit the context of whoever opened
        them, and save for everybody.
        """
        model: dict[str, Any] = await super().get(*args, **kwargs)
        handler = CallContext.get(CallContext.JUPYTER_HANDLER)
        access = access_of(handler) if isinstance(handler, ContentsHandler) else None
        if access is not None and not access.allows(Role.EDITOR):
            model["writable"] = False
        return model
