"""Whom a token speaks for, asked of the Hub and kept for seconds.

A token counts as a person only if it may access this service: the token that a workspace's page holds may not, and a
page is readable by everybody who can run code there.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable

from coterie.hubapi import Hub, HubError, TokenOwner
from coterie.wire.names import is_reserved

_MAX_AGE = 5.0
_PRUNE_AT = 10_000
#: What the texts for servers, as callers, begin with.
SERVER = "server "


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
        return owner.name if owner is not None and self._is_person(owner) else None

    async def server_behind(self, token: str) -> str | None:
        """The account whose server *token* was given to, None for every other token.

        A browser's token for a home has the same owner and scopes as the home's own; it differs by belonging to a
        browser's session.
        """
        owner = await self._owner(token)
        return owner.name if owner is not None and self._is_server(owner) else None

    async def is_known(self, token: str) -> bool:
        """Whether the Hub knows *token* at all."""
        return await self._owner(token) is not None

    async def caller_behind(self, token: str) -> str | None:
        """A text that is the same for all requests that count as one caller's, None for a token that the Hub does not
        know. Raises HubError.

        A person, their home's server, and the pages that hold tokens of theirs are three: whoever runs code in a
        workspace can take the tokens of the pages there, and must not use up what their owners may ask.
        """
        owner = await self._owner(token)
        return None if owner is None else self._caller(owner)

    def last_caller_behind(self, token: str) -> str | None:
        """The same without asking the Hub: as it was when *token* was last seen. None where it was not, or not good."""
        kept = self._owners.get(_key(token))
        return None if kept is None or kept[1] is None else self._caller(kept[1])

    def _caller(self, owner: TokenOwner) -> str:
        kind = "person " if self._is_person(owner) else SERVER if self._is_server(owner) else "page "
        return f"{kind}{owner.name}"

    def _is_person(self, owner: TokenOwner) -> bool:
        if owner.kind != "user" or is_reserved(owner.name):
            return False
        return bool(self._access_scopes.intersection(owner.scopes))

    def _is_server(self, owner: TokenOwner) -> bool:
        if owner.kind != "user" or owner.session_id is not None or self._access_scopes.intersection(owner.scopes):
            return False
        return f"access:servers!server={owner.name}/" in owner.scopes

    async def end(self, token: str) -> None:
        """Have *token* speak for nobody here from now on, whatever the Hub says. That lasts as long as this process, or
        until it has met thousands of others: the Hub is expected to end it meanwhile."""
        try:
            may_be_known = await self.is_known(token)
        except HubError:
            may_be_known = True
        # What is made up needs no end, and would have others forgotten.
        if may_be_known:
            self._keep(_key(token), math.inf, None)

    async def _owner(self, token: str) -> TokenOwner | None:
        key = _key(token)
        kept = self._owners.get(key)
        if kept is not None and self._clock() - kept[0] < _MAX_AGE:
            return kept[1]
        asked_at = self._clock()
        owner = await self._hub.token_owner(token)
        if self._owners.get(key, (asked_at, None))[0] == math.inf:
            return None  # ended while the Hub was asked
        self._keep(key, asked_at, owner)
        return owner

    def _keep(self, key: bytes, asked_at: float, owner: TokenOwner | None) -> None:
        if len(self._owners) >= _PRUNE_AT:
            # Whoever makes up tokens must not have those forgotten that are good.
            self._owners = {each: kept for each, kept in self._owners.items() if kept[1] or kept[0] == math.inf}
        if len(self._owners) >= _PRUNE_AT:
            self._owners.clear()
        self._owners[key] = asked_at, owner


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
