"""Headers that every answer carries, and what a browser may do with our pages."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coterie.service.settings import Settings

#: The origins of servers, as the Hub writes them. What has another form is named in no policy.
_ORIGIN = re.compile(r"https?://(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?")


def content_security_policy(settings: Settings, *, framed_by: str = "'none'", asks: str | None = None) -> str:
    """No script, style or frame but our own, and our pages in no frame but those of pages at *framed_by*, sources as
    policies write them (W3C CSP Level 3). Scripts may ask nobody but the service, and the origin *asks* where one is
    named. Raises ValueError for what is no origin."""
    if asks is not None and not _ORIGIN.fullmatch(asks):
        raise ValueError("This is not the origin of a server.")
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'" if asks is None else f"connect-src 'self' {asks}",
            f"form-action 'self' {settings.hub_url}",
            "base-uri 'none'",
            f"frame-ancestors {framed_by}",
        )
    )


class SecurityHeaders:
    """ASGI middleware that adds them."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._headers = {
            "Content-Security-Policy": content_security_policy(settings),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }
        # The one page that servers of this Hub may show beside their own: it lists and opens, and has nothing in it
        # that changes something. What says that there is no such page at the moment is a page like others.
        self._in_frame = self._headers | {
            "Content-Security-Policy": content_security_policy(settings, framed_by=settings.servers_origins)
        }
        del self._in_frame["X-Frame-Options"]  # it knows no list

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to what comes back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_sidebar = scope["path"] == f"{self._settings.prefix}sidebar"
        is_static = scope["path"].startswith(f"{self._settings.prefix}static/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                added = self._in_frame if is_sidebar and message["status"] == 200 else self._headers
                for name, value in added.items():
                    headers.setdefault(name, value)
                if not is_static:
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)
