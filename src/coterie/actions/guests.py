"""Guests of a workspace or home: who accepted an invitation, taking that back, and keeping people out for good."""

from __future__ import annotations

from coterie.actions import show
from coterie.actions.actor import Actor, record
from coterie.actions.errors import Refused
from coterie.actions.homes import ensure_known
from coterie.actions.share import Removal, read_place, what_remains
from coterie.actions.sight import see, see_alone
from coterie.actions.world import World
from coterie.policy import DIRECT, Act, Person, Principal, PrincipalKind, may_run
from coterie.store import Transaction
from coterie.wire.audit import AuditAct
from coterie.wire.bodies import Page
from coterie.wire.events import EventKind
from coterie.wire.invitations import Blocked, Guest
from coterie.wire.problems import ProblemCode


async def list_guests(
    world: World, actor: Person, workspace: str, *, after: str | None = None, limit: int = 100
) -> Page[Guest]:
    """Who is here by an invitation, or was admitted, the first who came first. Somebody who accepted two is there
    twice. Raises Refused for a cursor that no list gave."""
    await ensure_known(world, actor, workspace)
    place = read_place(after)
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor, workspace, Act.MANAGE_ACCESS)
        stored = await tx.list_grants(sight.id, after=place, limit=limit + 1, of_guests=True)
        people = await tx.get_people({grant.principal.key for grant in stored} | {grant.created_by for grant in stored})
    return Page[Guest](
        items=[show.guest(grant, people) for grant in stored[:limit]],
        next=stored[limit - 1].place.text if len(stored) > limit else None,
    )


async def remove_guest(world: World, actor: Actor, workspace: str, name: str, *, block: bool = False) -> Removal:
    """Take back what invitations gave whoever is called *name*; with *block* no invitation and no link lets them in
    again, which can also be done once they are no guest any more. What they have by name, group or right stays, and the
    answer says so.

    Raises Refused where nobody of that name is a guest here, or with *block* was one.
    """
    await ensure_known(world, actor.person, workspace)
    async with world.store.reading() as tx:
        await see(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)  # before anything is asked about anybody
    person = await world.people.find(name, remember=False) if block else None
    async with world.store.writing() as tx:
        sight = await see_alone(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)
        naming = await tx.list_grants_naming(sight.id, PrincipalKind.USER, [name])
        guests = [grant for grant in naming if grant.source != DIRECT]
        people = list(dict.fromkeys(grant.principal.key for grant in guests))
        if not guests and person is not None and await _has_accepted(tx, sight.id, person.id):
            people = [person.id]
        if not people:
            raise Refused(ProblemCode.NOT_FOUND, "Nobody of this name has accepted an invitation here.")
        running = sight.stored.session
        could_run = any(may_run(grant.role) and grant.fact.counts(session=running, at=world.now()) for grant in guests)
        await tx.remove_guests(sight.id, people)
        for person_id in people:
            subject = Principal(PrincipalKind.USER, person_id)
            if block:
                await tx.add_block(sight.id, person_id)
            act = AuditAct.BLOCKED if block else AuditAct.GUEST_REMOVED
            await record(world, tx, actor, act, sight.stored, subject)
        for person_id in people:
            await tx.append_event(sight.id, EventKind.ACCESS, Principal(PrincipalKind.USER, person_id), world.now())
    return Removal(await what_remains(world, sight, name), could_run and running is not None)


async def _has_accepted(tx: Transaction, workspace_id: str, person_id: str) -> bool:
    """Whether the person was a guest at any time: nobody is told of others by whether they can be blocked."""
    return bool(
        await tx.list_audit(workspace_id=workspace_id, actor_ids=[person_id], act=AuditAct.ACCEPTED.value, limit=1)
    )


async def remove_all_guests(world: World, actor: Actor, workspace: str) -> Removal:
    """Take back what invitations gave, from everybody, in one act."""
    await ensure_known(world, actor.person, workspace)
    async with world.store.writing() as tx:
        sight = await see_alone(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)
        guests = await tx.list_grants(sight.id, of_guests=True)
        await tx.remove_guests(sight.id)
        for subject in dict.fromkeys(grant.principal for grant in guests):
            await record(world, tx, actor, AuditAct.GUEST_REMOVED, sight.stored, subject)
        if guests:
            await tx.append_event(sight.id, EventKind.ACCESS, None, world.now())
    could_run = any(may_run(grant.role) for grant in guests)
    return Removal([], left_running=could_run and sight.stored.session is not None)


async def list_blocked(world: World, actor: Person, workspace: str) -> Page[Blocked]:
    """Whom invitations and the link refuse here, by name."""
    await ensure_known(world, actor, workspace)
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor, workspace, Act.MANAGE_ACCESS)
        return Page[Blocked](items=[Blocked(name=person.name) for person in await tx.list_blocked(sight.id)])


async def lift_blocks(world: World, actor: Actor, workspace: str, name: str | None = None) -> None:
    """Have invitations and the link work again for whoever is called *name*, or for everybody (None). Raises Refused
    where nobody of that name is blocked."""
    await ensure_known(world, actor.person, workspace)
    async with world.store.writing() as tx:
        sight = await see_alone(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)
        lifted = await tx.remove_blocks(sight.id, name)
        if name is not None and not lifted:
            raise Refused(ProblemCode.NOT_FOUND, "Nobody of this name is blocked here.")
        for person_id in lifted:
            subject = Principal(PrincipalKind.USER, person_id)
            await record(world, tx, actor, AuditAct.UNBLOCKED, sight.stored, subject)
        if lifted:
            await tx.append_event(sight.id, EventKind.ACCESS, None, world.now())
