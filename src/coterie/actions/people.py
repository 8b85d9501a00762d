"""People: accounts of the Hub joined with the opaque ids under which the store knows them."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

from coterie.hubapi import Account, Directory
from coterie.policy import Person
from coterie.store import Conflict, Store, StoredPerson
from coterie.wire.names import is_reserved

_NAME_MAX = 255


def is_plausible(name: str) -> bool:
    """Whether the Hub could know an account, a group or a right of this name at all. Keeps text that neither a path nor
    a database takes away from both."""
    if not name or len(name) > _NAME_MAX or name in (".", ".."):
        return False
    return all(unicodedata.category(character) not in ("Cc", "Cs") for character in name)


class People:
    """Finds people by their current Hub name. Keeps nothing itself: who is behind an account can change between two
    questions, when somebody is anonymised, and in another process at that."""

    def __init__(self, store: Store, directory: Directory) -> None:
        self._store = store
        self._directory = directory

    async def find(self, name: str, *, remember: bool = True) -> Person | None:
        """The person called *name* now; None where the Hub has no such account or it is a workspace's. Raises
        HubError.

        Somebody who was never seen is remembered, or, without *remember*, has no id: nothing is stored about them.
        """
        if not is_plausible(name) or is_reserved(name):
            return None
        account = await self._directory.find(name)
        if account is None:
            return None
        known = await self._find_known(account)
        if known is None:
            known, is_there = await self._find_renamed(account)
            if not is_there:
                return None
        if known is None and remember:
            async with self._store.writing() as tx:
                known = await tx.see_person(account.name, account.created)
        id_ = "" if known is None else known.id
        return Person(id_, account.name, account.groups, account.rights, account.administrator)

    async def _find_known(self, account: Account) -> StoredPerson | None:
        async with self._store.reading() as tx:
            return await tx.find_person_named(account.name, account.created)

    async def _find_renamed(self, account: Account) -> tuple[StoredPerson | None, bool]:
        """The person whose account got its present name from an administrator of the Hub, who keeps when it was made;
        and whether the Hub still has the account by this name, as far as there is reason to doubt it.

        A rename is believed only where it is the one explanation: a single person is known of that very instant, and
        the Hub now has a single account of it, this one. Whole seconds are no such instant: a database of the Hub that
        keeps no more gives the same to many accounts.
        """
        if account.created.microsecond == 0:
            return None, True
        async with self._store.reading() as tx:
            candidates = await tx.list_people_since(account.created)
        if not candidates:
            return None, True
        names = await self._directory.names_since(account.created)
        if len(candidates) > 1 or names != [account.name]:
            return None, account.name in names
        with suppress(Conflict):  # another process has just come to the same end
            async with self._store.writing() as tx:
                await tx.rename_person(candidates[0], account.name)
        return await self._find_known(account), True
