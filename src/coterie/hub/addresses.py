"""Where the Hub and the service are, for browsers and for servers.

Words of this module: the *public* address is what browsers use, with a slash at its end. With subdomains the service
has an origin of its own, which JupyterHub's hook names ``coterie--service.<the Hub's host>``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from jupyterhub.utils import subdomain_hook_idna

from coterie.hub.scopes import SERVICE
from coterie.wire.origins import keeps_secure_cookies

SubdomainHook = Callable[[str, str, str], str]


@dataclass(frozen=True, slots=True)
class Addresses:
    """*hub* and *service* are public; *service_for_servers* is how servers and the Hub reach the service."""

    hub: str
    service: str
    service_for_servers: str
    subdomains: bool

    @property
    def takes_host_cookies(self) -> bool:
        """Whether browsers store ``__Host-`` cookies here."""
        return keeps_secure_cookies(self.hub)


def hub_public_url(*, bind_url: str, base_url: str, public_url: str, subdomain_host: str) -> str:
    """The Hub's public address from what jupyterhub_config.py says, the most explicit first.

    Raises ValueError where none of them names a host that a browser could go to.
    """
    for url in (public_url, subdomain_host, bind_url):
        parts = urlsplit(url if not url or "://" in url else f"https://{url}")
        if parts.hostname and parts.hostname not in ("0.0.0.0", "::", "*"):  # noqa: S104 - compared, not bound
            return f"{parts.scheme}://{parts.netloc}{base_url}"
    raise ValueError(
        "Coterie needs to know the Hub's public address: set c.JupyterHub.public_url, for example to "
        f"'https://hub.example.org{base_url}', or c.JupyterHub.subdomain_host."
    )


def service_public_url(hub_url: str, subdomain_host: str = "", hook: SubdomainHook = subdomain_hook_idna) -> str:
    """The service's public address next to the Hub's. *subdomain_host* empty: on the Hub's own origin."""
    hub = urlsplit(hub_url)
    return f"{_service_origin(hub, subdomain_host, hook)}{hub.path}services/{SERVICE}/"


def _service_origin(hub: SplitResult, subdomain_host: str, hook: SubdomainHook) -> str:
    if not subdomain_host:
        return f"{hub.scheme}://{hub.netloc}"
    host = urlsplit(subdomain_host if "://" in subdomain_host else f"https://{subdomain_host}")
    own = hook(SERVICE, host.hostname or "", "service")
    if own in (host.hostname, f"services.{host.hostname}"):
        raise ValueError(
            "Coterie needs an origin of its own, or pages of servers and other services could act for people: "
            "use JupyterHub's default c.JupyterHub.subdomain_hook, 'idna'."
        )
    return f"{host.scheme}://{own}:{host.port}" if host.port else f"{host.scheme}://{own}"
