"""Create a workspace."""

from __future__ import annotations

from coterie import policy
from coterie.actions import show
from coterie.actions.actor import Actor, record
from coterie.actions.world import World
from coterie.wire.audit import AuditAct
from coterie.wire.bodies import WorkspaceDetail


async def create_workspace(world: World, actor: Actor, name: str) -> WorkspaceDetail:
    """A new workspace called *name* (checked already) whose Creator is *actor*. Its account in the Hub is made when
    it is first opened."""
    async with world.store.writing() as tx:
        stored = await tx.add_workspace(name, actor.id, world.now())
        decision = policy.decide(actor.person, await tx.facts(stored.id), at=world.now())
        await record(world, tx, actor, AuditAct.CREATED, stored)
    assert isinstance(decision, policy.Allow)  # noqa: S101  (whoever creates is the Creator)
    return show.workspace(world, stored, decision, creator=actor.person.name, favourite=False)
