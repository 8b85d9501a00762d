"""Who is who at the Hub, kept for seconds: accounts with their groups and rights.

Groups and rights never reach the store, so that a change at the Hub counts as soon as what is kept here is old.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from coterie.hubapi.client import Hub
from coterie.hubapi.models import HubGroup, HubUser

#: Roles of JupyterHub that are no rights: they are JupyterHub's own.
HUB_ROLES = frozenset({"admin", "server", "token", "user"})

_PRUNE_AT = 10_000
#: So many accounts are asked for one by one; of more, a list of all is read where that takes fewer questions.
_FEW = 20
#: How many accounts one part of that list has.
_IN_A_PART = 200


@dataclass(frozen=True, slots=True)
class Account:
    """An account as far as access depends on it. *created* tells it from an earlier one of the same name."""

    name: str
    created: datetime
    administrator: bool
    groups: frozenset[str]
    rights: frozenset[str]


class Directory:
    """Accounts and groups of the Hub, each looked up again once it is older than *max_age* seconds."""

    def __init__(
        self,
        hub: Hub,
        *,
        site_administrators: str | None = None,
        own_roles: Iterable[str] = (),
        max_age: float = 3.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*site_administrators* is the group whose members count as administrators; *own_roles* are roles that
        Coterie's configuration adds and that are therefore no rights."""
        self._hub = hub
        self._site_administrators = site_administrators
        self._no_rights = HUB_ROLES.union(own_roles)
        self._max_age = max_age
        self._clock = clock
        self._accounts: dict[str, tuple[float, Account | None]] = {}
        self._groups: tuple[float, dict[str, HubGroup]] = (float("-inf"), {})
        self._count: int | None = None  # of all accounts, when they were last listed
        self._everybody: tuple[float, list[Account]] = (float("-inf"), [])
        self._lock = asyncio.Lock()

    async def find(self, name: str) -> Account | None:
        """The account called *name*, None where the Hub has none. Raises HubError."""
        kept = self._accounts.get(name)
        if kept is not None and self._is_fresh(kept[0]):
            return kept[1]
        asked_at = self._clock()
        user = await self._hub.find_user(name)
        account = None if user is None else self._account(user, await self.groups())
        if len(self._accounts) >= _PRUNE_AT:
            self._accounts.clear()
        self._accounts[name] = (asked_at, account)
        return account

    async def prepare(self, names: Collection[str]) -> None:
        """Have the accounts with these names at hand for the find() that follows, if they are many: in few questions
        instead of one for each. Raises HubError."""
        stale = [name for name in names if name not in self._accounts or not self._is_fresh(self._accounts[name][0])]
        if len(stale) <= _FEW + (self._count or 0) // _IN_A_PART:
            return
        everybody = {account.name: account for account in await self.everybody()}
        for name in stale:
            self._accounts[name] = (self._everybody[0], everybody.get(name))

    async def groups(self) -> dict[str, HubGroup]:
        """All groups by name. Raises HubError."""
        async with self._lock:
            if not self._is_fresh(self._groups[0]):
                asked_at = self._clock()
                self._groups = asked_at, {group.name: group for group in await self._hub.list_groups()}
            return self._groups[1]

    async def everybody(self) -> list[Account]:
        """All accounts, for administrators, who may name anybody. Raises HubError."""
        if not self._is_fresh(self._everybody[0]):
            asked_at = self._clock()
            users, groups = await self._hub.list_users(), await self.groups()
            self._everybody = asked_at, [self._account(user, groups) for user in users]
            self._count = len(users)
        return self._everybody[1]

    async def names_since(self, created: datetime) -> list[str]:
        """The names of all accounts that the Hub made at this very instant, asked anew. Raises HubError."""
        return [user.name for user in await self._hub.list_users() if user.created == created]

    def _is_fresh(self, asked_at: float) -> bool:
        return self._clock() - asked_at < self._max_age

    def _account(self, user: HubUser, groups: dict[str, HubGroup]) -> Account:
        through_groups = (role for name in user.groups if name in groups for role in groups[name].roles)
        return Account(
            name=user.name,
            created=user.created,
            administrator=user.admin or self._site_administrators in user.groups,
            groups=frozenset(user.groups),
            rights=frozenset(user.roles).union(through_groups) - self._no_rights,
        )
