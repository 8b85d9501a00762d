"""Change a workspace itself: its name, its general access, its place in the archive, one's own mark; delete it."""

from __future__ import annotations

import logging

from coterie import policy
from coterie.actions.actor import Actor, record
from coterie.actions.listing import get_workspace
from coterie.actions.seen import general_access_changed
from coterie.actions.sight import insist, see, see_alone
from coterie.actions.stop import ensure_stopped
from coterie.actions.world import World
from coterie.hubapi import HubError
from coterie.policy import Act, GeneralAccess
from coterie.wire.audit import AuditAct
from coterie.wire.bodies import WorkspaceChange, WorkspaceDetail
from coterie.wire.events import EventKind

log = logging.getLogger(__name__)


async def change_workspace(
    world: World, actor: Actor, workspace: str, change: WorkspaceChange, seen: GeneralAccess | None = None
) -> WorkspaceDetail:
    """Apply *change*, all of it or nothing. Fields that are None stay as they are. With *seen* general access changes
    only if it is as it was seen."""
    async with world.store.writing() as tx:
        sight = await see_alone(world, tx, actor.person, workspace, Act.VIEW)
        is_home = sight.facts.is_home
        if change.name is not None:
            insist(policy.may(sight.decision, Act.RENAME, is_home=is_home), sight.decision)
            await tx.rename_workspace(sight.id, change.name)
            await record(world, tx, actor, AuditAct.RENAMED, sight.stored, name=change.name)
        if change.archived is not None:
            insist(policy.may(sight.decision, Act.ARCHIVE, is_home=is_home), sight.decision)
            await tx.set_archived(sight.id, world.now() if change.archived else None)
            act = AuditAct.ARCHIVED if change.archived else AuditAct.UNARCHIVED
            await record(world, tx, actor, act, sight.stored)
        if change.general_access is not None:
            wanted = GeneralAccess(change.general_access)
            insist(policy.may_set_general_access(actor.person, sight.decision, sight.facts, wanted), sight.decision)
            if seen is not None and sight.facts.general_access is not seen:
                raise await general_access_changed(world, tx, actor.person, sight)
            await tx.set_general_access(sight.id, wanted)
            before = sight.facts.general_access.value
            await record(world, tx, actor, AuditAct.GENERAL_ACCESS_SET, sight.stored, before=before, level=wanted.value)
            await tx.append_event(sight.id, EventKind.ACCESS, None, world.now())
    return await get_workspace(world, actor.person, workspace)


async def set_favourite(world: World, actor: policy.Person, workspace: str, on: bool) -> None:
    """Put *actor*'s own mark on the workspace, or take it off. Doing so twice is the same as once."""
    async with world.store.writing() as tx:
        sight = await see(world, tx, actor, workspace, Act.FAVOURITE)
        await tx.set_favourite(sight.id, actor.id, on)


async def delete_workspace(world: World, actor: Actor, workspace: str) -> None:
    """Stop the server, then remove the workspace, its grants and its account in the Hub. The account's spawner removes
    the files when the Hub deletes it."""
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor.person, workspace, Act.DELETE)
    account = sight.stored.account
    await ensure_stopped(world, sight.stored)
    async with world.store.writing() as tx:
        sight = await see_alone(world, tx, actor.person, workspace, Act.DELETE)
        await tx.remove_workspace(sight.id)
        await tx.note_removal(account, world.now())
        await record(world, tx, actor, AuditAct.DELETED, sight.stored)
        await tx.append_event(sight.id, EventKind.REMOVED, None, world.now())
    try:
        await world.hub.remove_user(account)
    except HubError as error:
        # The workspace is gone all the same; an account that no workspace belongs to starts nothing and admits nobody.
        log.warning("The account %s, with its files, is removed later: %s", account, error)
