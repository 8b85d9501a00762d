"""Homes become known the first time that anybody has to do with them."""

from __future__ import annotations

from coterie.actions.world import World
from coterie.policy import Person


async def ensure_known(world: World, actor: Person, workspace: str) -> None:
    """Make *actor*'s home known if *workspace* is it. Does nothing for everything else."""
    if workspace != f"~{actor.name}":
        return
    async with world.store.reading() as tx:
        home = await tx.find_home(actor.id)
    if home is None or home.account != actor.name:
        async with world.store.writing() as tx:
            await tx.see_home(actor.id, actor.name, world.now())
