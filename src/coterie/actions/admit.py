"""The outbox's consumer: keeps the Hub's shares in step with decisions.

Nothing else changes a share. Events are taken in the order of their revisions, so that what is done for one person is
done in order. A share is made only while the gate of the current session has reported, for somebody who opened the
workspace and whose decision allows it; it is withdrawn when the decision no longer does, and for everybody when the
session ends.
"""

from __future__ import annotations

import asyncio
import logging
import time

from coterie import policy
from coterie.actions.bell import heard
from coterie.actions.sessions import end_session
from coterie.actions.world import World
from coterie.hubapi import HubUnavailable
from coterie.policy import Person, Principal, PrincipalKind
from coterie.policy import Workspace as Facts
from coterie.store import EntryState, StoredEntry, StoredEvent, StoredWorkspace, Unavailable
from coterie.wire.events import EventKind

_CONSUMER = "hub-shares"
_BATCH = 100
_RETRY_AFTER = 2.0
#: How often everybody is looked at again without an event (seconds): groups, rights and dates change silently.
_REVIEW_EVERY = 5.0
#: How long whoever needs the shares to be in step waits for it (seconds).
_STEP_WITHIN = 30.0

log = logging.getLogger(__name__)


async def keep_shares_in_step(world: World) -> None:
    """Run for ever: take events as they come, and review all sessions every few seconds however many come."""
    review_at = time.monotonic()  # at once: servers may have stopped while this process was away
    while True:
        ticket = world.outbox_bell.ticket()
        try:
            if time.monotonic() >= review_at:
                await review_sessions(world)
                review_at = time.monotonic() + _REVIEW_EVERY
            if not await take_events(world):
                await heard(ticket, within=max(0.0, review_at - time.monotonic()))
        except (HubUnavailable, Unavailable) as error:
            log.warning("The Hub's shares wait: %s", error)
            await asyncio.sleep(_RETRY_AFTER)
        except Exception:
            # Whatever it was, no share would be made or withdrawn any more if this ended.
            log.exception("The Hub's shares wait.")
            await asyncio.sleep(_RETRY_AFTER)


async def take_events(world: World) -> bool:
    """Act on the events that follow the last one acted on. False when there was none.

    Raises HubUnavailable or the store's Unavailable, and takes the same event again the next time.
    """
    async with world.store.reading() as tx:
        events = await tx.read_after(await tx.get_position(_CONSUMER), limit=_BATCH)
    for event in events:
        try:
            await _take(world, event)
        except (HubUnavailable, Unavailable):
            raise
        except Exception:
            # One event that cannot be acted on must not hold up everybody else's; the review tries again.
            log.exception("The event %s was passed over.", event.revision)
        async with world.store.writing() as tx:
            await tx.set_position(_CONSUMER, event.revision)
        world.entry_bell.ring()
    return bool(events)


async def review_sessions(world: World) -> None:
    """Compare every session on record with the Hub's word, and every entry with its decision.

    Raises HubUnavailable or the store's Unavailable.
    """
    async with world.store.reading() as tx:
        on_record = await tx.list_sessions()
    on_their_way = list(world.on_their_way)
    servers = {user.name: user.server for user in await world.hub.list_users(active=True)}
    for account in on_their_way:
        server = servers.get(account)
        if server is None or server.pending is None:
            world.on_their_way.pop(account, None)
    for workspace in on_record:
        try:
            if servers.get(workspace.account) is None:
                await end_session(world, workspace)
            else:
                await _review(world, workspace, None)
        except (HubUnavailable, Unavailable):
            raise
        except Exception:
            log.exception("A workspace was not looked at; the next review tries again.")


async def _take(world: World, event: StoredEvent) -> None:
    if event.kind in (EventKind.REQUESTED, EventKind.INVITED):
        return  # nobody has more or less access than before
    async with world.store.reading() as tx:
        workspace = await tx.find_by_id(event.workspace_id)
    if workspace is None:
        return  # removed with its account, and the Hub drops an account's shares with it
    if event.kind == EventKind.ENDED:
        async with world.store.writing() as tx:
            await tx.reset_entries(workspace.id)
        await world.hub.withdraw_all(workspace.account)
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
    if principal is None:
        await world.directory.prepare([person.name for person in people.values()])
    if principal is not None and principal.key not in {entry.person_id for entry in entries}:
        await _look_at_gone(world, workspace, principal)
    for entry in entries:
        if principal is None or principal.kind is not PrincipalKind.USER or principal.key == entry.person_id:
            name = people[entry.person_id].name
            person = await world.people.find(name, remember=False)
            if person is not None and person.id != entry.person_id:
                # An account that was made anew under the same name is somebody else, with an entry of their own; the
                # share that the Hub had for the earlier one went with the account.
                async with world.store.writing() as tx:
                    await tx.remove_entry(workspace.id, entry.person_id)
                continue
            if not _may_enter(world, person, facts):
                await _keep_out(world, workspace, entry, name, person)
            elif entry.state is EntryState.WANTED and workspace.session is not None:
                await _let_in(world, workspace, entry, name)


async def _look_at_gone(world: World, workspace: StoredWorkspace, principal: Principal) -> None:
    """Where *principal* is somebody who has been anonymised, whom the Hub knew by a name that nobody here knows now."""
    if principal.kind is PrincipalKind.USER:
        async with world.store.reading() as tx:
            person = (await tx.get_people([principal.key]))[principal.key]
        if person.is_anonymised:
            await _withdraw_strays(world, workspace)


async def _withdraw_strays(world: World, workspace: StoredWorkspace) -> None:
    """Withdraw every share that no entry stands behind, of whomever it is."""
    for name in await world.hub.list_shared_with(workspace.account):
        person = await world.people.find(name, remember=False)
        async with world.store.reading() as tx:
            entered = {entry.person_id for entry in await tx.list_entries(workspace.id)}
        if person is None or person.id not in entered:
            await world.hub.withdraw(workspace.account, name)


def _may_enter(world: World, person: Person | None, facts: Facts) -> bool:
    return person is not None and bool(policy.decide(person, facts, at=world.now()))


async def _let_in(world: World, workspace: StoredWorkspace, entry: StoredEntry, name: str) -> None:
    if workspace.is_home:
        # One that was made at the Hub itself may let its user do more than come in, and is only added to.
        await world.hub.withdraw(workspace.account, name)
    await world.hub.share(workspace.account, name)
    async with world.store.writing() as tx:
        is_wanted = await tx.mark_admitted(workspace.id, entry.person_id)
    if not is_wanted:  # taken away while the Hub was asked
        await world.hub.withdraw(workspace.account, name)


async def _keep_out(
    world: World, workspace: StoredWorkspace, entry: StoredEntry, name: str, person: Person | None
) -> None:
    """The entry goes before the share: whoever opens from now on waits for a share of their own instead of going in by
    one that is about to be withdrawn. Somebody who was granted access again meanwhile keeps both."""
    async with world.store.writing() as tx:
        await tx.remove_entry(workspace.id, entry.person_id)
        if _may_enter(world, person, await tx.facts(workspace.id)):
            await tx.want_entry(workspace.id, entry.person_id, entry.at)
            if entry.state is EntryState.ADMITTED:
                await tx.mark_admitted(workspace.id, entry.person_id)
            return
    if person is None:  # the Hub has the account under another name, if it has it
        await _withdraw_strays(world, workspace)
    else:
        await world.hub.withdraw(workspace.account, name)


async def wait_for_shares(world: World) -> None:
    """Wait until every event that is written by now has been acted on. Raises HubUnavailable when that takes too
    long."""
    async with world.store.reading() as tx:
        latest = await tx.latest_revision()
    try:
        async with asyncio.timeout(_STEP_WITHIN):
            while True:
                ticket = world.entry_bell.ticket()
                async with world.store.reading() as tx:
                    if await tx.get_position(_CONSUMER) >= latest:
                        return
                await heard(ticket, within=1.0)  # another process's consumer rings no bell here
    except TimeoutError as error:
        raise HubUnavailable("the Hub's shares are not in step yet") from error
