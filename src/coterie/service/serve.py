"""Run the service under uvicorn, as the Hub starts it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from types import FrameType

import uvicorn

from coterie.actions.world import World
from coterie.service.app import create_app, make_world
from coterie.service.connections import BACKLOG, impatient, make_room
from coterie.service.settings import Settings
from coterie.store import password_of
from coterie.wire.redaction import redact_logs

#: How long a connection may be idle (seconds): longer than clients and proxies keep theirs, traefik 90, so that none
#: sends a request into one that is being closed.
_KEEP_ALIVE = 120


class _Server(uvicorn.Server):
    """Ends the event streams when it is told to stop; left alone they would be waited for and then cut."""

    def __init__(self, config: uvicorn.Config, world: World) -> None:
        super().__init__(config)
        self._world = world
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end_streams)
        super().handle_exit(sig, frame)

    def _end_streams(self) -> None:
        self._world.closing.set()
        self._world.outbox_bell.ring()


def main() -> None:
    """Serve until told to stop. Addresses are not logged with their queries: sign-in puts a code there."""
    settings = Settings.from_environment()
    redact_logs(settings.api_token, password_of(settings.database_url))
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if logging.getLogger().level > logging.DEBUG:
        logging.getLogger("httpx").setLevel(logging.WARNING)
    world = make_world(settings)
    config = uvicorn.Config(
        create_app(settings, world),
        host=settings.listen_host,
        port=settings.listen_port,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=_KEEP_ALIVE,
        http=impatient(settings.limits.body_seconds, make_room(settings.limits.connections)),
        ws="none",
        backlog=BACKLOG,
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has shut down in order, and raises it once more
        _Server(config, world).run()
