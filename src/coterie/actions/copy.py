"""Copy a workspace: a new one of the actor's, which starts with the same files and packages.

The copy is a row at once. Its files are copied where its server starts, by the Hub's spawner, which asks for the source
then; so a copy whose first start comes late is a copy of what the source is by then, and whether its Creator may copy
it is asked again.
"""

from __future__ import annotations

import logging

from coterie import policy
from coterie.actions.actor import Actor, record
from coterie.actions.errors import Refused
from coterie.actions.listing import get_workspace
from coterie.actions.sight import Sight, insist, see, see_alone
from coterie.actions.world import World
from coterie.hubapi import HubError
from coterie.policy import Act, Principal, PrincipalKind, Role
from coterie.store import StoredWorkspace, Transaction
from coterie.wire.audit import AuditAct
from coterie.wire.bodies import CopySource, WorkspaceDetail
from coterie.wire.copying import CopyOrder
from coterie.wire.problems import ProblemCode

log = logging.getLogger(__name__)


async def copy_workspace(world: World, actor: Actor, workspace: str, order: CopyOrder) -> WorkspaceDetail:
    """A new workspace as *order* says, whose Creator is *actor*, and a first start of its server, so that its files are
    those of now. Where the Hub does not answer, the copy is made when it is first opened.

    Raises Refused with CONFLICT for a copy that has no files of its own yet.
    """
    async with world.store.writing() as tx:
        # Who is anonymised meanwhile, or removed, is not to be in the copy.
        look = see_alone if order.with_access else see
        source = await look(world, tx, actor.person, workspace, Act.COPY)
        if order.with_access:
            insist(policy.may(source.decision, Act.MANAGE_ACCESS), source.decision)
        if source.stored.copied_from is not None:
            raise Refused(
                ProblemCode.CONFLICT, "This workspace is a copy that has not been opened yet. Open it, then copy it."
            )
        copy = await tx.add_workspace(
            order.name,
            actor.id,
            world.now(),
            copied_from=source.stored.account,
            copies_outputs=order.with_outputs,
        )
        if order.with_access:
            await _copy_access(world, tx, actor, source, copy)
        # Neither record names the other workspace: an id is a link, and who manages one need not know of the other.
        await record(
            world,
            tx,
            actor,
            AuditAct.COPIED,
            source.stored,
            with_access=order.with_access,
            with_outputs=order.with_outputs,
        )
        await record(world, tx, actor, AuditAct.CREATED, copy, as_copy=True)
    await _start(world, copy)
    return await get_workspace(world, actor.person, copy.id)


async def find_source(world: World, stored: StoredWorkspace) -> CopySource | None:
    """Whose files *stored* starts with, None where there are none: it is no copy or has begun; the source was deleted;
    or the Creator of the copy may not copy it any more, or was anonymised."""
    if stored.copied_from is None:
        return None
    async with world.store.reading() as tx:
        source = await tx.find_workspace_by_account(stored.copied_from)
        creator = (await tx.get_people([stored.creator_id]))[stored.creator_id]
    person = await world.people.find(creator.name)
    if source is None or person is None or person.id != creator.id:
        return None
    async with world.store.reading() as tx:
        decision = policy.decide(person, await tx.facts(source.id, person), at=world.now())
    if not policy.may(decision, Act.COPY, is_home=source.is_home):
        return None
    return CopySource(
        workspace=source.id,
        account=source.account,
        creator=creator.name,
        with_outputs=stored.copies_outputs is not False,
    )


async def _copy_access(world: World, tx: Transaction, actor: Actor, source: Sight, copy: StoredWorkspace) -> None:
    """Give *copy* the direct grants and blocks of *source*, its Creator as a Co-owner, and its general access as far as
    *actor* may set it."""
    oneself = Principal(PrincipalKind.USER, actor.id)
    creator = Principal(PrincipalKind.USER, source.stored.creator_id)
    await tx.copy_access(source.id, copy.id, but=oneself, by=actor.id, at=world.now())
    if creator != oneself:
        await tx.put_grant(copy.id, creator, Role.CO_OWNER, expires_at=None, by=actor.id, at=world.now())
    facts = await tx.facts(copy.id, actor.person)
    decision = policy.decide(actor.person, facts, at=world.now())
    wanted = source.facts.general_access
    if policy.may_set_general_access(actor.person, decision, facts, wanted):
        await tx.set_general_access(copy.id, wanted)


async def _start(world: World, copy: StoredWorkspace) -> None:
    try:
        await world.hub.create_user(copy.account)
        await world.hub.start_server(copy.account)
    except HubError as error:
        log.warning("The copy %s is made at its first opening: %s", copy.account, error)
        return
    world.on_their_way[copy.account] = "starting"
