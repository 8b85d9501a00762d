"""The Jupyter Server extension that serves the rooms."""

from __future__ import annotations

from typing import Any

from jupyter_server.extension.application import ExtensionApp

from coterie.server.rooms.handlers import DocSessionHandler, RoomHandler
from coterie.server.rooms.registry import Rooms


class RoomsExtension(ExtensionApp):
    """Needs jupyter_server_fileid beside it, and the gate in front of it."""

    name = "coterie_rooms"

    def initialize_handlers(self) -> None:
        self.rooms = Rooms(self.serverapp.web_app.settings, self.log)
        arguments: dict[str, Any] = {"rooms": self.rooms}
        self.handlers.extend(
            [
                (r"/api/collaboration/session/(.*)", DocSessionHandler, arguments),
                (r"/api/collaboration/room/(.*)", RoomHandler, arguments),
            ]
        )

    async def stop_extension(self) -> None:
        """Nothing unsaved is lost when the server is stopped in order."""
        await self.rooms.close()
