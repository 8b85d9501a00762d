"""Where the owner's browser asks what guests of a home will be able to reach. The home's own server answers it: nothing
about anybody's files passes the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

from coterie.actions.world import World
from coterie.hubapi import HubError
from coterie.policy import Person


@dataclass(frozen=True, slots=True)
class Reach:
    """*url* is what to ask and *server* the home's own address, where it runs; *state* says why there is none."""

    state: Literal["running", "stopped", "unknown"]
    server: str | None = None

    @property
    def url(self) -> str | None:
        """What to ask, None where nobody would answer."""
        return None if self.server is None else f"{self.server}coterie/reach"

    @property
    def origin(self) -> str | None:
        """The home's own origin (RFC 6454)."""
        if self.server is None:
            return None
        parts = urlsplit(self.server)
        return f"{parts.scheme}://{parts.netloc}"


async def find_reach(world: World, owner: Person) -> Reach:
    """Where *owner*'s home answers. A Hub that does not answer is a state like others."""
    try:
        user = await world.hub.find_user(owner.name)
    except HubError:
        return Reach("unknown")
    server = None if user is None else user.server
    if server is None or not server.ready:
        return Reach("stopped")
    return Reach("running", f"{(server.full_url or urljoin(world.hub_url, server.url)).rstrip('/')}/")
