"""People: accounts of the Hub joined with the opaque ids under which the store knows them."""

from __future__ import annotations

import unicodedata
from datetime import datetime

from coterie.hubapi import Account, Directory
from coterie.policy import Person
from coterie.store import Store
from coterie.wire.names import is_reserved

_NAME_MAX = 255


def is_plausible(name: str) -> bool:
    """Whether the Hub could know an account, a group or a right of this name at all. Keeps text that neither a path nor
    a database takes away from both."""
    if not name or len(name) > _NAME_MAX or name in (".", ".."):
        return False
    return all(unicodedata.category(character) not in ("Cc", "Cs") for character in name)


class People:
    """Finds people by their current Hub name."""

    def __init__(self, store: Store, directory: Directory) -> None:
        self._store = store
        self._directory = directory
        self._ids: dict[tuple[str, datetime], str] = {}

    async def find(self, name: str) -> Person | None:
        """The person called *name* now; None where the Hub has no such account or it is a workspace's. Raises
        HubError."""
        if not is_plausible(name) or is_reserved(name):
            return None
        account = await self._directory.find(name)
        return None if account is None else await self._person(account)

    async def _person(self, account: Account) -> Person:
        key = account.name, account.created
        if key not in self._ids:
            async with self._store.reading() as tx:
                known = await tx.find_person_named(*key)
            if known is None:
                async with self._store.writing() as tx:
                    known = await tx.see_person(*key)
            self._ids[key] = known.id
        return Person(self._ids[key], account.name, account.groups, account.rights, account.administrator)
