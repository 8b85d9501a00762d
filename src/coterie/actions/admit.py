"""The outbox's consumer: keeps the Hub's shares in step with decisions.

Nothing else changes a share. Events are taken in the order of their revisions, so that what is done for one person is
done in order. A share is made only while the gate of the current session has reported, for somebody who opened the
workspace and whose decision allows it; it is withdrawn when the decision no longer does, and for everybody when the
session ends.
"""

from __future__ import annotations

import asyncio
import logging

from coterie import policy
from coterie.actions.bell import heard
from coterie.actions.sessions import end_if_over
from coterie.actions.world import World
from coterie.hubapi import HubUnavailable
from coterie.policy import Principal, PrincipalKind
from coterie.store import EntryState, StoredEntry, StoredEvent, StoredWorkspace
from coterie.wire.events import EventKind

_CONSUMER = "hub-shares"
_BATCH = 100
_RETRY_AFTER = 2.0
_LOOK_AGAIN_AFTER = 5.0

log = logging.getLogger(__name__)


async def keep_shares_in_step(world: World) -> None:
    """Run for ever: take events as they come, and look at everybody again every few seconds, because groups, rights and
    dates change without an event."""
    is_review_due = True  # servers may have stopped while this process was away
    while True:
        ticket = world.outbox_bell.ticket()
        try:
            if is_review_due:
                await review_sessions(world)
                is_review_due = False
            if not await take_events(world):
                is_review_due = not await heard(ticket, within=_LOOK_AGAIN_AFTER)
        except HubUnavailable:
            log.warning("The Hub does not answer; its shares wait.")
            await asyncio.sleep(_RETRY_AFTER)


async def take_events(world: World) -> bool:
    """Act on the events that follow the last one acted on. False when there was none. Raises HubUnavailable and then
    takes the same event again the next time."""
    async with world.store.reading() as tx:
        events = await tx.read_after(await tx.get_position(_CONSUMER), limit=_BATCH)
    for event in events:
        try:
            await _take(world, event)
        except HubUnavailable:
            raise
        except Exception:
            # One event that cannot be acted on must not hold up everybody else's; the review tries again.
            log.exception("The event %s was passed over.", event.revision)
        async with world.store.writing() as tx:
            await tx.set_position(_CONSUMER, event.revision)
        world.entry_bell.ring()
    return bool(events)


async def review_sessions(world: World) -> None:
    """Compare every session on record with the Hub's word, and every entry with its decision. Raises HubUnavailable."""
    async with world.store.reading() as tx:
        running = await tx.list_sessions()
    for workspace in running:
        try:
            if not await end_if_over(world, workspace):
                await _review(world, workspace, None)
        except HubUnavailable:
            raise
        except Exception:
            log.exception("A workspace was not looked at; the next review tries again.")


async def _take(world: World, event: StoredEvent) -> None:
    async with world.store.reading() as tx:
        workspace = await tx.find_by_id(event.workspace_id)
    if workspace is None:
        return  # removed with its account, and the Hub drops an account's shares with it
    if event.kind == EventKind.ENDED:
        await world.hub.withdraw_all(workspace.account)
        async with world.store.writing() as tx:
            await tx.reset_entries(workspace.id)
        return
    if event.kind == EventKind.OPENED and event.principal is not None:
        # An earlier event may just have taken the entry away that the open had made.
        async with world.store.writing() as tx:
            await tx.want_entry(workspace.id, event.principal.key, event.at)
    await _review(world, workspace, event.principal)


async def _review(world: World, workspace: StoredWorkspace, principal: Principal | None) -> None:
    """Look again at everybody whom *principal* may reach (None: everybody) and who opened the workspace."""
    async with world.store.reading() as tx:
        entries = await tx.list_entries(workspace.id)
        facts = await tx.facts(workspace.id)
        people = await tx.get_people([entry.person_id for entry in entries])
    for entry in entries:
        if principal is None or principal.kind is not PrincipalKind.USER or principal.key == entry.person_id:
            person = await world.people.find(people[entry.person_id].name)
            # An account that was made anew under the same name is somebody else.
            if person is None or person.id != entry.person_id:
                decision: policy.Decision = policy.Deny()
            else:
                decision = policy.decide(person, facts, at=world.now())
            await _settle(world, workspace, entry, people[entry.person_id].name, decision)


async def _settle(
    world: World, workspace: StoredWorkspace, entry: StoredEntry, name: str, decision: policy.Decision
) -> None:
    if not decision:
        await world.hub.withdraw(workspace.account, name)
        async with world.store.writing() as tx:
            await tx.remove_entry(workspace.id, entry.person_id)
    elif entry.state is EntryState.WANTED and workspace.session_reported:
        await world.hub.share(workspace.account, name)
        async with world.store.writing() as tx:
            is_wanted = await tx.mark_admitted(workspace.id, entry.person_id)
        if not is_wanted:  # taken away while the Hub was asked
            await world.hub.withdraw(workspace.account, name)
