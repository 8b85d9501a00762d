"""What the service is told at its start, by the Hub and by ``coterie.hub.configure``, in environment variables."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from coterie.wire.origins import keeps_secure_cookies


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one caller may ask of the service: a person, a server, or, where nobody is signed in, an address on the
    network. 0 is no limit, for each of them.

    *requests_per_second* may go on for ever, *requests_in_a_row* at once after a rest, ten times as many of a server's;
    *requests_at_once* are worked on while the others of the same caller wait. A body has at most *body_bytes* and comes
    within *body_seconds*, as headers do; an answer begins within *answer_seconds*. *connections* are open to the
    process at once, whoever's, before those are closed that have waited longest for their clients.
    """

    requests_per_second: float = 50
    requests_in_a_row: int = 500
    requests_at_once: int = 10
    body_bytes: int = 1024 * 1024
    body_seconds: float = 20
    answer_seconds: float = 120
    connections: int = 4000

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Limits:
        """Read them; what is not set or empty stays as it is by default. Raises ValueError naming the variable that is
        no number from 0 on."""
        usual = cls()
        return cls(
            requests_per_second=_number(environment, "COTERIE_LIMIT_REQUESTS_PER_SECOND", usual.requests_per_second),
            requests_in_a_row=int(_number(environment, "COTERIE_LIMIT_REQUESTS_IN_A_ROW", usual.requests_in_a_row)),
            requests_at_once=int(_number(environment, "COTERIE_LIMIT_REQUESTS_AT_ONCE", usual.requests_at_once)),
            body_bytes=int(_number(environment, "COTERIE_LIMIT_BODY_BYTES", usual.body_bytes)),
            body_seconds=_number(environment, "COTERIE_LIMIT_BODY_SECONDS", usual.body_seconds),
            answer_seconds=_number(environment, "COTERIE_LIMIT_ANSWER_SECONDS", usual.answer_seconds),
            connections=int(_number(environment, "COTERIE_LIMIT_CONNECTIONS", usual.connections)),
        )


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < math.inf:
        raise ValueError(f"{name} has to be a number from 0 on.")
    return number


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses, the database and the service's own credentials. *public_url* and *hub_url* are what browsers use and
    end in ``/``; *prefix* is the path of *public_url*. *trusted_proxies* are the addresses or networks, with commas
    between them, whose word for where a request comes from counts. With *subdomains* each server has an origin of its
    own below the Hub's. *limits* hold for whoever calls, *log_level* for what is logged, as ``logging`` calls it."""

    listen_host: str
    listen_port: int
    hub_api_url: str
    api_token: str = field(repr=False)
    client_id: str
    public_url: str
    hub_url: str
    database_url: str = field(repr=False)
    site_administrators: str | None = None
    trusted_proxies: str = "127.0.0.1"
    subdomains: bool = False
    limits: Limits = field(default_factory=Limits)
    log_level: str = "INFO"

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
    def servers_origins(self) -> str:
        """Where servers of this Hub have their pages, as a list of sources (W3C CSP Level 3, section 2.3.1): below the
        Hub's own name where each has a name of its own, else with the Hub."""
        hub = urlsplit(self.hub_url)
        own = f"{hub.scheme}://{hub.netloc}"
        return f"{own} {hub.scheme}://*.{hub.netloc}" if self.subdomains else own

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
        """Read the settings. Raises KeyError naming the variable that is missing, ValueError naming a limit that is
        none."""
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
            trusted_proxies=environment.get("COTERIE_TRUSTED_PROXIES", "127.0.0.1"),
            subdomains=environment.get("COTERIE_SUBDOMAINS") == "1",
            limits=Limits.from_environment(environment),
            log_level=environment.get("COTERIE_LOG_LEVEL", "").upper() or "INFO",
        )
