"""Look people up by name, for administrators: accounts of the Hub, and people whose account is gone."""

from __future__ import annotations

from dataclasses import dataclass

from coterie.actions.sight import insist_administrator
from coterie.actions.world import World
from coterie.policy import Person
from coterie.wire.names import is_reserved

_FOUND_MAX = 50


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """Somebody of this name. *has_account* says whether the Hub has an account of it now, *earlier* how many people
    Coterie knows whose account of that name is gone. A pseudonym is the name of somebody who has been anonymised."""

    name: str
    has_account: bool
    is_administrator: bool = False
    is_anonymised: bool = False
    earlier: int = 0


async def look_up_people(world: World, actor: Person, text: str) -> list[FoundPerson]:
    """The first 50 by name of those whose name has *text* in it, whatever the case. Raises Refused for whoever is no
    administrator."""
    insist_administrator(actor)
    wanted = text.casefold()
    accounts = {
        account.name: account
        for account in await world.directory.everybody()
        if wanted in account.name.casefold() and not is_reserved(account.name)
    }
    async with world.store.reading() as tx:
        stored = await tx.search_people(text, limit=_FOUND_MAX)
    found = {name: FoundPerson(name, True, account.administrator) for name, account in accounts.items()}
    for person in stored:
        account = accounts.get(person.name)
        if account is None or account.created != person.hub_created:
            had = found.get(person.name, FoundPerson(person.name, False))
            found[person.name] = FoundPerson(
                person.name, had.has_account, had.is_administrator, person.is_anonymised, had.earlier + 1
            )
    return sorted(found.values(), key=lambda one: (one.name.casefold(), one.name))[:_FOUND_MAX]
