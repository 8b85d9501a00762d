"""Reaching the demo's own addresses: resolvers of many machines do not know ``*.localhost``, though browsers do."""

from __future__ import annotations

import ssl

import httpx

from coterie.cli.demo.ports import LOOPBACK

#: Trusts nobody: these addresses are plain HTTP, and reading what authorities a system trusts takes 30 ms each time.
_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _LoopbackTransport(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # The Host header was set from the address before, and stays.
        request.url = request.url.copy_with(host=LOOPBACK)
        return await super().handle_async_request(request)


def loopback_client() -> httpx.AsyncClient:
    """A client that goes to this machine whatever host an address names. Proxies of the environment are not used."""
    return httpx.AsyncClient(transport=_LoopbackTransport(verify=_NOBODY), timeout=20, trust_env=False)
