"""The Jupyter Server extension that serves the rooms, and through which other extensions get at live documents.

Those look for jupyter-server-ydoc: by its name among the server's extensions, or under it in the application's
settings. Both lead here.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.extension.manager import ExtensionPackage
from jupyter_ydoc import ydocs
from jupyter_ydoc.ybasedoc import YBaseDoc
from pycrdt import Doc
from traitlets import Float, Integer, TraitError, Unicode, validate

from coterie.server.rooms.endings import NOT_FOUND
from coterie.server.rooms.handlers import DocSessionHandler, RoomHandler
from coterie.server.rooms.names import DocumentName, is_kind, is_plain_path
from coterie.server.rooms.people import PEOPLE_SETTING
from coterie.server.rooms.problems import PROBLEMS_SETTING
from coterie.server.rooms.registry import CannotJoin, Rooms
from coterie.server.rooms.settings import Settings
from coterie.server.rooms.version_handlers import VersionsHandler

#: The extension whose place this one takes. Were it installed and switched on, it would serve the same addresses.
STOCK_EXTENSION: Final = "jupyter_server_ydoc"

_WHICH_DOCUMENT = "Name a document either by room_id alone, or by path, content_type and file_format together."

_MEGABYTE = 1024 * 1024


class RoomsExtension(ExtensionApp):
    """Needs jupyter_server_fileid beside it, and the gate in front of it."""

    name = "coterie_rooms"

    journal_folder = Unicode(
        "~/.coterie/journal",
        config=True,
        help="Where the journals are, absolute or beginning with ~. Outside the folder that JupyterLab shows, and no "
        "other server's.",
    )
    journal_sync_seconds = Float(
        1.0,
        min=0.01,
        config=True,
        help="For how many seconds an edit may wait for the disk. Only a power loss can take away what waits.",
    )
    journal_keep_days = Float(30.0, min=0.0, config=True, help="For how many days versions of a document are kept.")
    journal_keep_megabytes = Integer(
        16, min=1, config=True, help="From what size on a document's journal drops old versions before their time."
    )
    forget_after_seconds = Float(
        60.0, min=0.0, config=True, help="For how long a document stays in memory when nobody is in it any more."
    )

    _closing: asyncio.Task[None] | None = None

    @validate("journal_folder")
    def _is_absolute(self, proposal: Any) -> str:
        folder = str(proposal["value"])
        if not Path(folder).expanduser().is_absolute():
            raise TraitError("journal_folder must be an absolute path")
        return folder

    def initialize_settings(self) -> None:
        self.settings[STOCK_EXTENSION] = self

    def initialize_handlers(self) -> None:
        self._take_stock_name()
        settings = Settings(
            journal_folder=Path(self.journal_folder).expanduser(),
            sync_seconds=self.journal_sync_seconds,
            keep_days=self.journal_keep_days,
            keep_bytes=self.journal_keep_megabytes * _MEGABYTE,
            forget_after=self.forget_after_seconds,
        )
        web = self.serverapp.web_app.settings
        self.rooms = Rooms(web, self.log, settings)
        web[PROBLEMS_SETTING] = self.rooms.problems
        web[PEOPLE_SETTING] = self.rooms.people
        self.serverapp.io_loop.add_callback(self.rooms.start)
        arguments: dict[str, Any] = {"rooms": self.rooms}
        self.handlers.extend(
            [
                (r"/api/collaboration/session/(.*)", DocSessionHandler, arguments),
                (r"/api/collaboration/room/(.*)", RoomHandler, arguments),
                (r"/coterie/versions/(.*)", VersionsHandler, arguments),
            ]
        )

    async def stop_extension(self) -> None:
        """Nothing unsaved is lost when the server is stopped in order. Called once for each name there is."""
        if self._closing is None:
            self._closing = asyncio.create_task(self.rooms.close())
        await asyncio.shield(self._closing)

    async def get_document(
        self,
        *,
        path: str | None = None,
        content_type: str | None = None,
        file_format: str | None = None,
        room_id: str | None = None,
        copy: bool = True,
        create: bool = False,
    ) -> YBaseDoc | None:
        """The document of a file, for extensions in this server; None where nobody has it open and *create* is False.

        It is named by *room_id* (``format:type:file-id``), or by *path* as the contents API writes it, *content_type*
        and *file_format*. With *copy* what is done to it stays with the caller; without, it is the document that people
        are in, and every change is journaled, sent and saved as the server's own edit. *create* opens it if need be.

        Raises ValueError for any other combination, and, with *create*, for a kind of document that is not known here;
        CannotJoin for a file that cannot be opened, or is open as another kind of document.
        """
        if room_id is None:
            if path is None or content_type is None or file_format is None:
                raise ValueError(_WHICH_DOCUMENT)
            name = self._name(path, content_type, file_format, create=create)
        elif path is not None or content_type is not None or file_format is not None:
            raise ValueError(_WHICH_DOCUMENT)
        else:
            name = DocumentName.parse(room_id)
            if name is None and create:
                raise ValueError(f"{room_id!r} is not the name of a document's room.")
        document = None if name is None else await self.rooms.document(name, create=create)
        if name is None or document is None:
            return None
        if not copy:
            return document.room.live.ydocument(name.type)
        fork: Doc[Any] = Doc()
        fork.apply_update(document.room.live.state())
        return ydocs[name.type](fork)

    def _name(self, path: str, content_type: str, file_format: str, *, create: bool) -> DocumentName | None:
        """The name of a file's document. None where the file has no id yet, and so cannot be open; with *create* it is
        given one."""
        if not is_kind(file_format, content_type):
            if create:
                raise ValueError(f"There are no documents of the type {content_type!r} and format {file_format!r}.")
            return None
        plain = path.strip("/")
        file_id = None
        if is_plain_path(plain):
            file_ids = self.rooms.file_ids
            file_id = file_ids.index(plain) if create else file_ids.get_id(plain)
        if file_id is None:
            if create:
                raise CannotJoin(NOT_FOUND)
            return None
        return DocumentName(file_format, content_type, file_id)

    def _take_stock_name(self) -> None:
        """Be found under the stock extension's name. The entry counts as switched off, so that nothing is loaded or
        started a second time on its account, nor the stock extension itself."""
        manager = self.serverapp.extension_manager
        alias = ExtensionPackage(name=STOCK_EXTENSION, enabled=False)
        alias.extension_points = {self.name: manager.extension_points[self.name]}
        manager.extensions[STOCK_EXTENSION] = alias
