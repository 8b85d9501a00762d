"""Share a workspace by role, and take it back."""

from __future__ import annotations

from coterie import policy
from coterie.actions import show
from coterie.actions.actor import Actor, record
from coterie.actions.errors import Refused
from coterie.actions.principals import resolve
from coterie.actions.sight import Sight, insist, see
from coterie.actions.world import World
from coterie.policy import Act, Person, PrincipalKind, Role
from coterie.store import StoredGrant, StoredPerson, Transaction
from coterie.wire.audit import AuditAct
from coterie.wire.bodies import Grant, GrantChange, KindWord, Page, Reason, Remaining
from coterie.wire.events import EventKind
from coterie.wire.problems import ProblemCode


async def list_grants(world: World, actor: Person, workspace: str) -> Page[Grant]:
    """Who has access by name, right or group; the Creator first."""
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor, workspace, Act.MANAGE_ACCESS)
        creator = (await tx.get_people([sight.facts.creator]))[sight.facts.creator]
        stored = await tx.list_grants(sight.id)
        people = await _people(tx, stored)
    return Page[Grant](items=[show.creator(sight.stored, creator), *(show.grant(grant, people) for grant in stored)])


async def set_grant(
    world: World, actor: Actor, workspace: str, kind: KindWord, name: str, change: GrantChange
) -> Grant:
    """Give the principal its direct grant, or change the one it has."""
    async with world.store.reading() as tx:
        await see(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)  # before anything is asked about anybody
    named = await resolve(world, actor.person, PrincipalKind(kind), name)
    now = world.now()
    async with world.store.writing() as tx:
        sight = await see(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)
        role = Role.parse(change.role)
        insist(policy.may_grant(sight.decision, sight.facts, named.principal, role), sight.decision)
        insist(policy.may_name(actor.person, named.principal, exists=named.exists, groups=named.groups), sight.decision)
        if change.expires_at is not None and change.expires_at <= now:
            raise Refused(ProblemCode.INVALID_INPUT, "expires_at: The date has passed; choose one to come, or none.")
        stored = await tx.put_grant(sight.id, named.principal, role, expires_at=change.expires_at, by=actor.id, at=now)
        until = None if stored.expires_at is None else stored.expires_at.isoformat()
        await record(
            world, tx, actor, AuditAct.GRANTED, sight.stored, named.principal, role=role.word, expires_at=until
        )
        await tx.append_event(sight.id, EventKind.ACCESS, named.principal, now)
        people = await _people(tx, [stored])
    return show.grant(stored, people)


async def remove_grants(world: World, actor: Actor, workspace: str, kind: KindWord, name: str) -> Remaining:
    """Remove every grant that names this principal, whatever its source. Answers what still lets a user in.

    Looks the principal up among the grants, not in the Hub, so that an account or group that is gone can be removed.
    """
    async with world.store.writing() as tx:
        sight = await see(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)
        principals = {grant.principal for grant in await _naming(tx, sight, PrincipalKind(kind), name)}
        for principal in principals:
            insist(policy.may_remove(sight.decision, sight.facts, principal), sight.decision)
            await tx.remove_grants(sight.id, principal)
            await record(world, tx, actor, AuditAct.REMOVED, sight.stored, principal)
            await tx.append_event(sight.id, EventKind.ACCESS, principal, world.now())
    return Remaining(remaining=await _remaining(world, sight, name) if kind == "user" else [])


async def _naming(tx: Transaction, sight: Sight, kind: PrincipalKind, name: str) -> list[StoredGrant]:
    creator = (await tx.get_people([sight.facts.creator]))[sight.facts.creator]
    if kind is PrincipalKind.USER and name == creator.name:
        insist(
            policy.may_remove(sight.decision, sight.facts, policy.Principal(kind, sight.facts.creator)), sight.decision
        )
    grants = [grant for grant in await tx.list_grants(sight.id) if grant.principal.kind is kind]
    people = await _people(tx, grants)
    found = [grant for grant in grants if show.principal_name(grant.principal, people) == name]
    if not found:
        raise Refused(ProblemCode.NOT_FOUND, f"No grant here names this {kind}.")
    return found


async def _remaining(world: World, sight: Sight, name: str) -> list[Reason]:
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
