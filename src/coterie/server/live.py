"""The live channel: tells a page its person's role, when it changes, and, by how it closes, that access has ended."""

from __future__ import annotations

import json
from contextlib import suppress

from jupyter_server.base.handlers import JupyterHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from coterie.server.access import Access


class LiveHandler(WebSocketHandler, JupyterHandler):
    """``coterie/live``. Sends ``{"role": word, "reasons": [sentence, ...]}`` now and at each change; what a client
    sends is not looked at. The gate in front lets in whoever has any role, and ends it."""

    coterie_access: Access

    async def get(self, *args: str, **kwargs: str) -> None:
        """Upgrade to a WebSocket."""
        await super().get(*args, **kwargs)

    def open(self, *_: str, **__: str) -> None:
        """Say how things stand."""
        self.access_changed(self.coterie_access)

    def on_message(self, message: str | bytes) -> None:
        """Nothing a client says here means anything."""

    def access_changed(self, access: Access) -> None:
        """Say so. Before the channel is open, opening it will; after it has closed, nobody wants to know."""
        with suppress(WebSocketClosedError):
            self.write_message(json.dumps({"role": access.role.word, "reasons": access.reasons}))
