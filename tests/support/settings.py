"""Settings of a service whose Hub is stood in for by an object, so that nobody asks the one they name."""

from __future__ import annotations

from typing import Any

from coterie.service.settings import Settings


def without_a_hub(**given: Any) -> Settings:
    """*given*, of which ``database_url`` has to be, and for all else what does as long as nobody uses it."""
    rest = {
        "listen_host": "127.0.0.1",
        "listen_port": 1,
        "hub_api_url": "http://127.0.0.1:1/",
        "api_token": "unused",
        "client_id": "service-coterie",
        "public_url": "http://127.0.0.1:1/services/coterie/",
        "hub_url": "http://hub.localhost/",
    }
    return Settings(**{**rest, **given})
