"""What the Hub tells now of those whom grants name: how many people a group reaches, and who is no longer there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from coterie.actions.world import World
from coterie.hubapi import HubError, HubGroup
from coterie.policy import Principal, PrincipalKind
from coterie.store import StoredPerson
from coterie.wire.names import is_reserved

#: How many accounts are looked up at once.
_AT_ONCE = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a principal reaches. *people* is None where it is not known; *subgroups* are the groups below a group,
    whose members it does not reach; *is_gone* says that the Hub no longer knows the principal."""

    people: int | None = None
    subgroups: tuple[str, ...] = ()
    is_gone: bool = False


#: Of a right, whose holders only a look at all accounts could count, and of anybody while the Hub does not answer.
UNKNOWN = Reach()


def reach_of_group(name: str, groups: Mapping[str, HubGroup]) -> Reach:
    """How far the group called *name* reaches, out of all *groups*."""
    group = groups.get(name)
    if group is None:
        return Reach(is_gone=True)
    below = f"/{name.strip('/')}/"
    subgroups = sorted(other for other in groups if other != name and f"/{other.strip('/')}/".startswith(below))
    return Reach(sum(not is_reserved(user) for user in group.users), tuple(subgroups))


async def look_up_reach(
    world: World, principals: Collection[Principal], people: Mapping[str, StoredPerson]
) -> dict[Principal, Reach]:
    """How far each of *principals* reaches; *people* are those of them that are users, by id.

    A Hub that does not answer is no reason to show nothing: then all are unknown.
    """
    turns = asyncio.Semaphore(_AT_ONCE)

    async def look_up(principal: Principal) -> Reach:
        match principal.kind:
            case PrincipalKind.USER:
                person = people[principal.key]
                async with turns:
                    account = await world.directory.find(person.name)
                return Reach(is_gone=account is None or account.created != person.hub_created)
            case PrincipalKind.GROUP:
                return reach_of_group(principal.key, await world.directory.groups())
            case PrincipalKind.RIGHT:
                return UNKNOWN

    distinct = list(set(principals))
    try:
        found = await asyncio.gather(*(look_up(principal) for principal in distinct))
    except HubError as error:
        log.info("A list is shown without what the Hub knows: %s", error)
        return dict.fromkeys(distinct, UNKNOWN)
    return dict(zip(distinct, found, strict=True))
