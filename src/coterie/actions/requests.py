"""Ask for access to a workspace, and answer those who ask.

Nobody learns by asking whether a workspace exists: every request gets the same answer, and after the same time.
"""

from __future__ import annotations

import asyncio
import logging
import time

from coterie import policy
from coterie.actions.actor import Actor, record
from coterie.actions.errors import Refused
from coterie.actions.sight import Sight, insist, look, see, see_alone
from coterie.actions.world import World
from coterie.policy import Act, Person, Principal, PrincipalKind, Role
from coterie.store import NotFound, StoreError, Transaction
from coterie.wire.audit import AuditAct
from coterie.wire.bodies import GrantableWord, Page
from coterie.wire.events import EventKind
from coterie.wire.problems import ProblemCode
from coterie.wire.requests import AccessRequest

#: A request is answered this long after it came (seconds), whether there was anything to write or not.
_ANSWERED_AFTER = 0.1

log = logging.getLogger(__name__)


async def request_access(world: World, actor: Actor, workspace: str, note: str) -> None:
    """Let those who manage access know that *actor* asks for it, with *note* (checked already).

    Nothing tells whether that happened: not for a workspace that does not exist, nor for a home, nor for somebody who
    is blocked. Who asks twice has asked once, with the first note. Raises Refused for somebody who manages access.
    """
    answer_at = time.monotonic() + _ANSWERED_AFTER
    async with world.store.reading() as tx:
        sight = await look(world, tx, actor.person, workspace)
    is_heard = sight is not None and policy.may_request(actor.person, sight.facts)
    if sight is not None and is_heard and policy.may(sight.decision, Act.MANAGE_ACCESS):
        raise Refused(ProblemCode.CONFLICT, "You manage access here yourself: there is nobody to ask.")
    # Writing waits for others who change the workspace. Nobody is to see that from how long the answer takes.
    asking = asyncio.create_task(_ask(world, actor, workspace, note))
    world.asking.add(asking)
    asking.add_done_callback(world.asking.discard)
    await asyncio.sleep(answer_at - time.monotonic())


async def _ask(world: World, actor: Actor, workspace: str, note: str) -> None:
    try:
        async with world.store.writing() as tx:
            sight = await look(world, tx, actor.person, workspace)
            if sight is None or not policy.may_request(actor.person, sight.facts):
                return
            if await tx.add_request(sight.id, actor.id, note, world.now()):
                await record(world, tx, actor, AuditAct.REQUESTED, sight.stored)
                await tx.append_event(sight.id, EventKind.REQUESTED, _user(actor.id), world.now())
    except NotFound:
        pass  # removed while it was asked for
    except StoreError as error:
        log.warning("A request for access was lost: %s", error)


async def list_requests(world: World, actor: Person, workspace: str) -> Page[AccessRequest]:
    """Who waits for an answer, the first who asked first. For those who manage access."""
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor, workspace, Act.MANAGE_ACCESS)
        waiting = await tx.list_requests(sight.id)
        roles = await tx.roles_by_name(sight.id, world.now())
        people = await tx.get_people([request.person_id for request in waiting])
    items = [
        AccessRequest.model_validate(
            {
                "user": people[request.person_id].name,
                "role": roles[request.person_id].word if request.person_id in roles else None,
                "note": request.note,
                "at": request.at,
            }
        )
        for request in waiting
    ]
    return Page[AccessRequest](items=items)


async def answer_request(world: World, actor: Actor, workspace: str, user: str, role: GrantableWord | None) -> None:
    """Give the person called *user*, who asked, the direct grant with *role*, or decline (None).

    Whether the actor could have named them otherwise is not asked: they named themselves. Raises Refused where nobody
    of that name waits, and for a role for somebody whose account is gone.
    """
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)
        waiting = await _waiting(tx, sight, user)
    person = None if role is None else await _present(world, user, waiting)
    async with world.store.writing() as tx:
        sight = await see_alone(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)
        answered = [person_id for person_id in waiting if await tx.remove_request(sight.id, person_id)]
        if not answered or (person is not None and person.id not in answered):
            raise _nobody_waits()
        if role is not None and person is not None:
            await _grant(world, tx, actor, sight, _user(person.id), Role.parse(role))
        else:
            await _decline(world, tx, actor, sight, answered)


async def _waiting(tx: Transaction, sight: Sight, user: str) -> list[str]:
    """The ids of those called *user* who wait. More than one where an account was made anew under the name: they are
    answered together, because the earlier one can never come."""
    waiting = [request.person_id for request in await tx.list_requests(sight.id)]
    people = await tx.get_people(waiting)
    found = [person_id for person_id in waiting if people[person_id].name == user]
    if not found:
        raise _nobody_waits()
    return found


async def _present(world: World, user: str, waiting: list[str]) -> Person:
    """Whom the Hub calls *user* now, if it is one of those who wait."""
    person = await world.people.find(user)
    if person is None or person.id not in waiting:
        raise Refused(
            ProblemCode.CONFLICT, "The account that asked is no longer in the Hub, so it can only be declined."
        )
    return person


async def _grant(world: World, tx: Transaction, actor: Actor, sight: Sight, principal: Principal, role: Role) -> None:
    insist(policy.may_grant(sight.decision, sight.facts, principal, role), sight.decision)
    now = world.now()
    await tx.put_grant(sight.id, principal, role, expires_at=None, by=actor.id, at=now)
    await record(world, tx, actor, AuditAct.GRANTED, sight.stored, principal, role=role.word, request=True)
    await tx.append_event(sight.id, EventKind.ACCESS, principal, now)


async def _decline(world: World, tx: Transaction, actor: Actor, sight: Sight, person_ids: list[str]) -> None:
    for person_id in person_ids:
        await record(world, tx, actor, AuditAct.DECLINED, sight.stored, _user(person_id))
    for person_id in person_ids:
        await tx.append_event(sight.id, EventKind.REQUESTED, _user(person_id), world.now())


def _user(person_id: str) -> Principal:
    return Principal(PrincipalKind.USER, person_id)


def _nobody_waits() -> Refused:
    return Refused(
        ProblemCode.NOT_FOUND, "Nobody of that name waits for an answer here. Somebody else may have answered just now."
    )
