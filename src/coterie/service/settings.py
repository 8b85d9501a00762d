"""What the service is told at its start, by the Hub and by ``coterie.hub.configure``, in environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from coterie.wire.origins import keeps_secure_cookies


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses, the database and the service's own credentials. *public_url* and *hub_url* are what browsers use and
    end in ``/``; *prefix* is the path of *public_url*."""

    listen_host: str
    listen_port: int
    hub_api_url: str
    api_token: str = field(repr=False)
    client_id: str
    public_url: str
    hub_url: str
    database_url: str = field(repr=False)
    site_administrators: str | None = None

    @property
    def prefix(self) -> str:
        """The path below which everything is served, ``/services/coterie/``."""
        return urlsplit(self.public_url).path

    @property
    def origin(self) -> str:
        """The service's own origin (RFC 6454)."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def redirect_uri(self) -> str:
        """Where the Hub sends a browser back to after sign-in."""
        return urljoin(self.public_url, "oauth_callback")

    @property
    def keeps_secure_cookies(self) -> bool:
        """Whether browsers keep ``Secure`` cookies for this origin."""
        return keeps_secure_cookies(self.public_url)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings. Raises KeyError naming the variable that is missing."""
        listen = urlsplit(environment["JUPYTERHUB_SERVICE_URL"])
        return cls(
            listen_host=listen.hostname or "127.0.0.1",
            listen_port=listen.port or 80,
            hub_api_url=environment["JUPYTERHUB_API_URL"],
            api_token=environment["JUPYTERHUB_API_TOKEN"],
            client_id=environment.get("JUPYTERHUB_CLIENT_ID") or "service-coterie",
            public_url=environment["COTERIE_PUBLIC_URL"],
            hub_url=environment["COTERIE_HUB_PUBLIC_URL"],
            database_url=environment["COTERIE_DATABASE_URL"],
            site_administrators=environment.get("COTERIE_SITE_ADMINISTRATORS") or None,
        )
