"""The live channel: tells a page its person's role, when it changes, what is wrong with documents, and, by how it
closes, that access has ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from coterie.server.access import Access
from coterie.server.rooms.problems import PROBLEMS_SETTING, DocumentNotice, News, Problems


class LiveHandler(WebSocketHandler, JupyterHandler):
    """``coterie/live``. What a client sends is not looked at. The gate in front lets in whoever has any role, and ends
    it. Each message is one of:

    - ``{"role": word, "reasons": [sentence, ...]}``, when the channel opens and at each change;
    - ``{"problems": [{"path", "word", "sentence"}, ...]}``, all of them: at each change, and before the first role if
      there are any, so that a page that comes back knows with the role what still stands;
    - ``{"notice": {"path", "sentence"}}``.

    Without Problems in the application's settings there are none.
    """

    coterie_access: Access
    _unwatch: Callable[[], None] | None = None

    async def get(self, *args: str, **kwargs: str) -> None:
        """Upgrade to a WebSocket."""
        await super().get(*args, **kwargs)

    def open(self, *_: str, **__: str) -> None:
        """Say how things stand."""
        problems: Problems | None = self.settings.get(PROBLEMS_SETTING)
        if problems is not None:
            self._unwatch = problems.watch(self._pass_on)
            if standing := problems.now():
                self._pass_on(standing)
        self.access_changed(self.coterie_access)

    def on_message(self, message: str | bytes) -> None:
        """Nothing a client says here means anything."""

    def on_close(self) -> None:
        if self._unwatch is not None:
            self._unwatch()

    def access_changed(self, access: Access) -> None:
        """Say so. Before the channel is open, opening it will; after it has closed, nobody wants to know."""
        self._say({"role": access.role.word, "reasons": access.reasons})

    def _pass_on(self, news: News) -> None:
        match news:
            case DocumentNotice():
                self._say({"notice": asdict(news)})
            case _:
                self._say({"problems": [asdict(problem) for problem in news]})

    def _say(self, message: dict[str, Any]) -> None:
        with suppress(WebSocketClosedError):
            self.write_message(json.dumps(message))
