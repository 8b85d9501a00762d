"""Share a workspace by role, and take it back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from coterie import policy
from coterie.actions import show
from coterie.actions.actor import Actor, record
from coterie.actions.errors import Refused
from coterie.actions.principals import resolve
from coterie.actions.reach import look_up_reach
from coterie.actions.seen import Seen, changed_meanwhile, insist_seen
from coterie.actions.sight import Sight, insist, see, see_alone
from coterie.actions.stop import stop_workspace
from coterie.actions.world import World
from coterie.hubapi import HubError
from coterie.policy import DIRECT, Act, Person, PrincipalKind, Role
from coterie.store import GrantPlace, Malformed, StoredGrant, StoredPerson, Transaction
from coterie.wire.audit import AuditAct
from coterie.wire.bodies import Grant, GrantChange, KindWord, Page, Principal, Reason
from coterie.wire.events import EventKind
from coterie.wire.problems import ProblemCode

#: The cursor of what follows the Creator, who comes first and has no grant.
_AFTER_CREATOR = "0"


@dataclass(frozen=True, slots=True)
class Removal:
    """What a removal left. *remaining* is what still lets the user in. *left_running* says that the server runs and
    that what was removed could run code in it; *stopping* says whether the server was asked to stop, None where nobody
    wanted that."""

    remaining: list[Reason]
    left_running: bool
    stopping: bool | None = None


async def list_grants(
    world: World,
    actor: Person,
    workspace: str,
    *,
    after: str | None = None,
    limit: int = 100,
    matching: str = "",
    with_guests: bool = True,
) -> Page[Grant]:
    """Who has access by name, right or group, or as a guest, the Creator first; those whose name has *matching* in it.

    Raises Refused for a cursor that no list gave.
    """
    place = read_place(after)
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor, workspace, Act.MANAGE_ACCESS)
        first: list[Grant] = []
        if after is None:
            creator = (await tx.get_people([sight.facts.creator]))[sight.facts.creator]
            first = [show.creator(sight.stored, creator)] if matching.lower() in creator.name.lower() else []
        room = limit - len(first)
        of_guests = None if with_guests else False
        stored = await tx.list_grants(sight.id, after=place, limit=room + 1, matching=matching, of_guests=of_guests)
        people = await _people(tx, stored)
    following = None
    if len(stored) > room:
        stored = stored[:room]
        following = stored[-1].place.text if stored else _AFTER_CREATOR
    return Page[Grant](items=[*first, *await _shown(world, stored, people)], next=following)


async def list_present(world: World, actor: Person, workspace: str, asked: Collection[Principal]) -> list[Grant]:
    """The direct grants that those of *asked* have already who are still there."""
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor, workspace, Act.MANAGE_ACCESS)
        stored: list[StoredGrant] = []
        for kind in PrincipalKind:
            names = [principal.name for principal in asked if principal.kind == kind.value]
            stored += await tx.list_grants_naming(sight.id, kind, names) if names else []
        people = await _people(tx, stored)
    direct = [grant for grant in stored if grant.source == DIRECT and not _is_over(world, grant)]
    return [grant for grant in await _shown(world, direct, people) if not grant.is_gone]


async def set_grant(
    world: World,
    actor: Actor,
    workspace: str,
    kind: KindWord,
    name: str,
    change: GrantChange,
    seen: Seen | None = None,
) -> Grant:
    """Give the principal its direct grant, or change the one it has; with *seen* only if it is as it was seen."""
    async with world.store.reading() as tx:
        await see(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)  # before anything is asked about anybody
    named = await resolve(world, actor.person, PrincipalKind(kind), name)
    now = world.now()
    async with world.store.writing() as tx:
        sight = await see_alone(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)
        role = Role.parse(change.role)
        insist(policy.may_grant(sight.decision, sight.facts, named.principal, role), sight.decision)
        insist(policy.may_name(actor.person, named.principal, exists=named.exists, groups=named.groups), sight.decision)
        if seen is not None:
            await insist_seen(world, tx, actor.person, sight, named.principal, seen)
        if change.expires_at is not None and change.expires_at <= now:
            raise Refused(ProblemCode.INVALID_INPUT, "The end has passed already. Choose a day to come, or none.")
        stored = await tx.put_grant(sight.id, named.principal, role, expires_at=change.expires_at, by=actor.id, at=now)
        if named.principal.kind is PrincipalKind.USER:
            await tx.remove_request(sight.id, named.principal.key)  # whatever they asked is answered by this
        until = None if stored.expires_at is None else stored.expires_at.isoformat()
        await record(
            world, tx, actor, AuditAct.GRANTED, sight.stored, named.principal, role=role.word, expires_at=until
        )
        await tx.append_event(sight.id, EventKind.ACCESS, named.principal, now)
        people = await _people(tx, [stored])
    return (await _shown(world, [stored], people))[0]


async def remove_grants(
    world: World, actor: Actor, workspace: str, kind: KindWord, name: str, seen: Seen | None = None
) -> Removal:
    """Remove every grant that names this principal, whatever its source; with *seen* only if one of them is as it was
    seen.

    Looks the principal up among the grants, not in the Hub, so that an account or group that is gone can be removed.
    Where several people were called *name*, it removes all of them, or with *seen* the one whose grant that is.
    """
    async with world.store.writing() as tx:
        sight = await see_alone(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)
        naming = await _naming(tx, sight, PrincipalKind(kind), name)
        if seen is not None and seen.version not in [grant.version for grant in naming]:
            raise await changed_meanwhile(world, tx, actor.person, sight, PrincipalKind(kind), name)
        if not naming:
            raise Refused(ProblemCode.NOT_FOUND, f"No grant here names this {kind}.")
        principals = {grant.principal for grant in naming if seen is None or grant.version == seen.version}
        for principal in principals:
            insist(policy.may_remove(sight.decision, sight.facts, principal), sight.decision)
            await tx.remove_grants(sight.id, principal)
            await record(world, tx, actor, AuditAct.REMOVED, sight.stored, principal)
            await tx.append_event(sight.id, EventKind.ACCESS, principal, world.now())
    could_run = any(policy.may_run(grant.role) for grant in naming if grant.principal in principals)
    runs = sight.stored.session is not None
    return Removal(await what_remains(world, sight, name) if kind == "user" else [], could_run and runs)


async def remove_and_restart(
    world: World, actor: Actor, workspace: str, kind: KindWord, name: str, seen: Seen | None = None
) -> Removal:
    """Remove the principal, then stop the server, so that nothing goes on that they left running. It starts again when
    somebody opens the workspace. The removal stands also where the Hub does not stop the server."""
    removal = await remove_grants(world, actor, workspace, kind, name, seen)
    try:
        await stop_workspace(world, actor, workspace)
    except HubError:
        return replace(removal, stopping=False)
    return replace(removal, stopping=True, left_running=False)


async def loses_control(
    world: World, actor: Person, workspace: str, kind: KindWord, name: str, change: GrantChange | None
) -> bool:
    """Whether *actor* would no longer manage access after *change* of the principal's grant (None: its removal)."""
    key = actor.id if kind == "user" and name == actor.name else name
    principal = policy.Principal(PrincipalKind(kind), key)
    if not actor.is_named_by(principal):
        return False
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor, workspace, Act.MANAGE_ACCESS)
    goes = [g for g in sight.facts.grants if g.principal == principal and (change is None or g.source == DIRECT)]
    stays = [grant for grant in sight.facts.grants if grant not in goes]
    if change is not None:
        stays.append(policy.Grant(principal, Role.parse(change.role), expires_at=change.expires_at))
    after = policy.decide(actor, replace(sight.facts, grants=tuple(stays)), at=world.now())
    return not policy.may(after, Act.MANAGE_ACCESS, is_home=sight.facts.is_home)


async def _naming(tx: Transaction, sight: Sight, kind: PrincipalKind, name: str) -> list[StoredGrant]:
    """The grants to whoever is called *name*, who may be a namesake of the Creator. Raises Refused where only the
    Creator is called so."""
    naming = await tx.list_grants_naming(sight.id, kind, [name])
    if not naming and kind is PrincipalKind.USER:
        creator = (await tx.get_people([sight.facts.creator]))[sight.facts.creator]
        if name == creator.name:
            principal = policy.Principal(kind, creator.id)
            insist(policy.may_remove(sight.decision, sight.facts, principal), sight.decision)
    return naming


async def what_remains(world: World, sight: Sight, name: str) -> list[Reason]:
    """What lets whoever is called *name* in now."""
    person = await world.people.find(name)
    if person is None:
        return []
    async with world.store.reading() as tx:
        facts = await tx.facts(sight.id, person)
    return show.reasons(policy.decide(person, facts, at=world.now()))


async def _people(tx: Transaction, grants: list[StoredGrant]) -> dict[str, StoredPerson]:
    """Everybody whom *grants* name or who gave them, by id."""
    named = {grant.principal.key for grant in grants if grant.principal.kind is PrincipalKind.USER}
    return await tx.get_people(named.union(grant.created_by for grant in grants))


async def _shown(world: World, stored: list[StoredGrant], people: dict[str, StoredPerson]) -> list[Grant]:
    reach = await look_up_reach(world, [grant.principal for grant in stored], people)
    return [show.grant(grant, people, reach[grant.principal]) for grant in stored]


def _is_over(world: World, grant: StoredGrant) -> bool:
    return grant.expires_at is not None and grant.expires_at <= world.now()


def read_place(cursor: str | None) -> GrantPlace | None:
    """The place in a list of grants that *cursor* is of; None for its beginning. Raises Refused for a cursor that no
    list gave."""
    if cursor in (None, _AFTER_CREATOR):
        return None
    try:
        return GrantPlace.parse(cursor)
    except Malformed as error:
        raise Refused(ProblemCode.INVALID_INPUT, "This cursor does not come from a list of grants.") from error
