"""Whom somebody may share with: looking one principal up, and searching them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from coterie import policy
from coterie.actions.people import is_plausible
from coterie.actions.reach import reach_of_group
from coterie.actions.world import World
from coterie.hubapi import HubGroup
from coterie.policy import Person, PrincipalKind
from coterie.wire.bodies import KindWord, Page, Principal
from coterie.wire.names import is_reserved

_FOUND_MAX = 50


@dataclass(frozen=True, slots=True)
class Named:
    """A principal that somebody named. *exists* is False where the Hub knows none; *groups* are a user's groups."""

    principal: policy.Principal
    exists: bool
    groups: frozenset[str] = frozenset()


async def resolve(world: World, actor: Person, kind: PrincipalKind, name: str) -> Named:
    """The principal called *name*. Raises HubError."""
    if not is_plausible(name):
        return Named(policy.Principal(kind, ""), exists=False)
    match kind:
        case PrincipalKind.USER:
            person = await world.people.find(name)
            if person is None:
                return Named(policy.Principal(kind, ""), exists=False)
            return Named(policy.Principal(kind, person.id), exists=True, groups=person.groups)
        case PrincipalKind.GROUP:
            return Named(policy.Principal(kind, name), exists=name in await world.directory.groups())
        case PrincipalKind.RIGHT:
            return Named(policy.Principal(kind, name), exists=name in await _rights(world, actor))


async def search_principals(world: World, actor: Person, query: str, kind: KindWord | None = None) -> Page[Principal]:
    """Whom *actor* may share with and whose name contains *query*, whatever the case; the first 50 of them by name."""
    found: list[Principal] = []
    wanted = query.strip().casefold()
    for each, names in (
        (PrincipalKind.USER, await _users(world, actor)),
        (PrincipalKind.RIGHT, await _rights(world, actor)),
        (PrincipalKind.GROUP, await world.directory.groups()),
    ):
        if kind in (None, each.value):
            matching = sorted(name for name in names if wanted in name.casefold())
            found.extend(Principal(kind=each.value, name=name) for name in matching[:_FOUND_MAX])
    found.sort(key=lambda principal: (not principal.name.casefold().startswith(wanted), principal.name.casefold()))
    groups = await world.directory.groups()
    return Page[Principal](items=[_with_reach(principal, groups) for principal in found[:_FOUND_MAX]])


async def knows_nobody(world: World, actor: Person) -> bool:
    """Whether there is no user at all whom *actor* may share with."""
    return next(iter(await _users(world, actor)), None) is None


def _with_reach(principal: Principal, groups: dict[str, HubGroup]) -> Principal:
    if principal.kind != PrincipalKind.GROUP.value:
        return principal
    reach = reach_of_group(principal.name, groups)
    return principal.model_copy(update={"people": reach.people, "subgroups": list(reach.subgroups)})


async def _users(world: World, actor: Person) -> Iterable[str]:
    if actor.administrator:
        names = {account.name for account in await world.directory.everybody()}
    else:
        groups = await world.directory.groups()
        names = {name for group in actor.groups if group in groups for name in groups[group].users}
    return (name for name in names - {actor.name} if not is_reserved(name))


async def _rights(world: World, actor: Person) -> frozenset[str]:
    if not actor.administrator:
        return actor.rights
    return frozenset[str]().union(*(account.rights for account in await world.directory.everybody()))
