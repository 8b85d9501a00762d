"""What browsers do with an origin, where the Hub's side and the service's have to agree on it."""

from __future__ import annotations

from urllib.parse import urlsplit


def keeps_secure_cookies(url: str) -> bool:
    """Whether browsers keep ``Secure`` cookies, and with them ``__Host-`` ones, for the origin of *url*: over https,
    and for names below localhost (W3C Secure Contexts, section 3.1)."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.hostname or "").endswith(".localhost")


def origin_of(url: str) -> str:
    """The origin of *url* as browsers write it into ``Origin`` (RFC 6454, section 6.2)."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" if parts.port in (None, usual) else f"{parts.scheme}://{host}:{parts.port}"
