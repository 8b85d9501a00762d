"""Stop a workspace's server, or a home's by its owner."""

from __future__ import annotations

import asyncio

from coterie.actions.actor import Actor, record
from coterie.actions.sessions import end_if_over
from coterie.actions.sight import see
from coterie.actions.world import World
from coterie.hubapi import HubRefused, HubUnavailable
from coterie.policy import Act
from coterie.store import StoredWorkspace
from coterie.wire.audit import AuditAct

_STOP_WITHIN = 60.0
_LOOK_EVERY = 0.5


async def stop_workspace(world: World, actor: Actor, workspace: str) -> None:
    """Ask the Hub to stop the server. One that does not run is fine."""
    async with world.store.writing() as tx:
        sight = await see(world, tx, actor.person, workspace, Act.STOP)
        await record(world, tx, actor, AuditAct.STOPPED, sight.stored)
    await _ask_to_stop(world, sight.stored)


async def ensure_stopped(world: World, stored: StoredWorkspace) -> None:
    """Stop the server and wait until it is gone. Raises HubUnavailable when it is not within a minute."""
    await _ask_to_stop(world, stored)
    await wait_until_gone(world, stored)


async def wait_until_gone(world: World, stored: StoredWorkspace) -> None:
    """Wait for a server that is stopping. Raises HubUnavailable when it is not gone within a minute."""
    try:
        async with asyncio.timeout(_STOP_WITHIN):
            while not await end_if_over(world, stored):  # noqa: ASYNC110  (only the Hub knows, and it rings no bell)
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError as error:
        raise HubUnavailable("the server did not stop in time") from error


async def _ask_to_stop(world: World, stored: StoredWorkspace) -> None:
    try:
        await world.hub.stop_server(stored.account)
    except HubRefused as error:
        if error.status != 404:  # no such account: the workspace was never opened
            raise
    if not await end_if_over(world, stored):
        world.on_their_way[stored.account] = "stopping"
