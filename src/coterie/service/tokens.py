"""Whom a token speaks for, asked of the Hub and kept for seconds.

A token counts as a person only if it may access this service: the token that a workspace's page holds may not, and a
page is readable by everybody who can run code there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from coterie.hubapi import Hub, TokenOwner
from coterie.wire.names import is_reserved

_MAX_AGE = 5.0
_PRUNE_AT = 10_000


class Tokens:
    """Token owners, each asked again once older than five seconds. Unknown tokens are kept too."""

    def __init__(self, hub: Hub, *, service: str = "coterie", clock: Callable[[], float] = time.monotonic) -> None:
        self._hub = hub
        self._access_scopes = {"access:services", f"access:services!service={service}"}
        self._clock = clock
        self._owners: dict[bytes, tuple[float, TokenOwner | None]] = {}

    async def person_behind(self, token: str) -> str | None:
        """The Hub name of the person *token* speaks for at this service, None for every other token. Raises
        HubError."""
        owner = await self._owner(token)
        if owner is None or owner.kind != "user" or is_reserved(owner.name):
            return None
        return owner.name if self._access_scopes.intersection(owner.scopes) else None

    async def server_behind(self, token: str) -> str | None:
        """The account whose server *token* was given to, None for every other token.

        A browser's token for a home has the same owner and scopes as the home's own; it differs by belonging to a
        browser's session.
        """
        owner = await self._owner(token)
        if owner is None or owner.kind != "user" or owner.session_id is not None:
            return None
        if self._access_scopes.intersection(owner.scopes):
            return None
        return owner.name if f"access:servers!server={owner.name}/" in owner.scopes else None

    async def is_known(self, token: str) -> bool:
        """Whether the Hub knows *token* at all."""
        return await self._owner(token) is not None

    async def _owner(self, token: str) -> TokenOwner | None:
        key = hashlib.sha256(token.encode()).digest()
        kept = self._owners.get(key)
        if kept is not None and self._clock() - kept[0] < _MAX_AGE:
            return kept[1]
        asked_at = self._clock()
        owner = await self._hub.token_owner(token)
        if len(self._owners) >= _PRUNE_AT:
            self._owners.clear()
        self._owners[key] = asked_at, owner
        return owner
