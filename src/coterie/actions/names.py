"""Who is behind an id? For the server of a workspace, whose journals know people by their ids alone."""

from __future__ import annotations

from collections.abc import Collection

from coterie.actions.world import World
from coterie.store import StoredWorkspace
from coterie.wire.bodies import PeopleNames


async def name_people(world: World, stored: StoredWorkspace, people: Collection[str]) -> PeopleNames:
    """The names of those of *people* who have to do with *stored*, or once had.

    All others are left out, whether they exist or not: a server learns nothing of people who never came in.
    """
    async with world.store.reading() as tx:
        known = await tx.list_people_known_in(stored.id, people)
    return PeopleNames(names={person.id: person.name for person in known})
