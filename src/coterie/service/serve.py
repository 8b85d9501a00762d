"""Run the service under uvicorn, as the Hub starts it."""

from __future__ import annotations

import logging

import uvicorn

from coterie.service.app import create_app, make_world
from coterie.service.settings import Settings


def main() -> None:
    """Serve until told to stop. Addresses are not logged with their queries: sign-in puts a code there."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = Settings.from_environment()
    uvicorn.run(
        create_app(settings, make_world(settings)),
        host=settings.listen_host,
        port=settings.listen_port,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
