"""What a guest of a home will be able to reach: told to its owner, before they invite anybody.

Nothing of it passes the service. The share window's page asks the home itself, so that this is the one address here
that a page of another origin may read.
"""

from __future__ import annotations

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Final

from jupyter_server.base.handlers import JupyterHandler
from tornado import web
from tornado.iostream import StreamClosedError

from coterie.server.access import Access
from coterie.server.place import PLACE_SETTING, Place
from coterie.server.scan import TIME_LIMIT, Scan

#: Seconds between two lines of an answer.
LINE_EVERY: Final = 0.25

#: Seconds for which a scan that is over its time, because a disk does not answer, is still waited for.
_GRACE: Final = 1.0

#: The home folder of this process, and so of the kernels and terminals that Editors use. Where none is known there is
#: nothing at this path; pathlib would raise.
_HOME: Final = Path(os.path.abspath(os.path.expanduser("~")))  # noqa: PTH100, PTH111

#: Where the application's settings hold the scan that runs, if one does.
_SCAN_SETTING: Final = "coterie_scan"

#: One thread: a disk that does not answer takes no more than that, however often somebody asks.
_THREAD: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scan")


class ReachHandler(JupyterHandler):
    """``GET coterie/reach``: an ``application/x-ndjson`` of ``{"files", "found", "is_over", "is_complete"}``.

    ``files`` counts the files so far, ``found`` has ``{"path", "kind"}`` of what is new since the line before. The last
    line has ``is_over``; ``is_complete`` says that nothing was left out: for want of time, because there is too much or
    it lies too deep, or because it cannot be read. A scan that begins ends the one before it, whose answer then ends
    incomplete.

    404 in a workspace. The gate in front lets in the owner alone, and its refusals carry the same headers, so that the
    share window can tell why it was refused.
    """

    coterie_access: Access | None = None
    _scan: Scan | None = None

    def set_default_headers(self) -> None:
        """Let the service's page read the answer, and nobody else's."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("Vary", "Origin")
        if self._is_asked_by_service:
            self.set_header("Access-Control-Allow-Origin", self._place.service_origin)
            self.set_header("Access-Control-Allow-Credentials", "true")

    def set_cors_headers(self) -> None:
        """Nothing beyond that: what holds for other addresses, whatever a deployment sets, does not hold here."""

    def check_xsrf_cookie(self) -> None:
        """The service's page is of another origin and cannot know a token of this one. Where browsers say that it is
        the one that reads, none is needed."""
        if not (self.request.method == "GET" and self._is_asked_by_service):
            super().check_xsrf_cookie()

    async def prepare(self) -> None:
        if self.coterie_access is None:
            # Without a page that says so: it would ask who the person is, which nobody has found out.
            self.set_status(HTTPStatus.FORBIDDEN)
            self.finish()
            return
        await super().prepare()

    @web.authenticated
    async def get(self) -> None:
        """Scan the home folder but for the kernels' packages. If what JupyterLab shows lies elsewhere, scan that too.

        Paths are relative to the home folder; of what lies elsewhere, to the folder that JupyterLab shows.
        """
        if self._place.owner is None:
            raise web.HTTPError(HTTPStatus.NOT_FOUND)
        scan = self._scan = Scan(_HOME, Path(self.contents_manager.root_dir), without=self._place.environment)
        before: Scan | None = self.settings.get(_SCAN_SETTING)
        if before is not None:
            before.stop()
        self.settings[_SCAN_SETTING] = scan
        self.set_header("Content-Type", "application/x-ndjson")
        try:
            await self._tell(scan)
        except StreamClosedError:
            pass  # nobody is there to be told
        finally:
            scan.stop()

    def on_connection_close(self) -> None:
        """Whoever asked has left."""
        if self._scan is not None:
            self._scan.stop()
        super().on_connection_close()

    async def _tell(self, scan: Scan) -> None:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + TIME_LIMIT + _GRACE
        running = loop.run_in_executor(_THREAD, scan.run)
        while not running.done() and loop.time() < give_up_at and not scan.is_stopped:
            await self._write_line(scan, is_over=False)
            await asyncio.wait([running], timeout=LINE_EVERY)
        scan.stop()
        await self._write_line(scan, is_over=True)

    async def _write_line(self, scan: Scan, *, is_over: bool) -> None:
        is_complete = is_over and scan.is_complete  # looked at before what was found, of which nothing comes later then
        found = [{"path": each.path, "kind": each.kind} for each in scan.take()]
        line = {"files": scan.files, "found": found, "is_over": is_over, "is_complete": is_complete}
        self.write(json.dumps(line) + "\n")  # ASCII, and so one line whatever is in a name
        await self.flush()

    @property
    def _place(self) -> Place:
        place: Place = self.settings[PLACE_SETTING]
        return place

    @property
    def _is_asked_by_service(self) -> bool:
        origin: str | None = self.request.headers.get("Origin")
        return origin == self._place.service_origin
