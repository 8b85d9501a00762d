"""Watch who has access to a workspace: the stream that keeps a share window up to date."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from time import monotonic

from coterie.actions.bell import heard
from coterie.actions.errors import Refused
from coterie.actions.sight import see
from coterie.actions.world import World
from coterie.policy import Act, Person
from coterie.wire.events import WINDOW_CHANGED, WINDOW_ENDED, EventKind
from coterie.wire.problems import ProblemCode

#: How many windows of one person are kept up to date at once: each holds a connection of the browser.
_WATCHED_MAX = 10
#: How often is looked for what another process wrote (seconds): its commits ring no bell here.
_LOOK_EVERY = 2.0
#: How often is asked whether the person may still watch, where nothing else gave a reason to (seconds).
_REVIEW_EVERY = 10.0
_BATCH = 500

#: Who watches, asked anew: None for somebody who is no longer signed in.
Watcher = Callable[[], Awaitable[Person | None]]


async def watch_access(world: World, actor: Person, workspace: str, watcher: Watcher) -> AsyncIterator[str]:
    """Server-sent events: "changed" whenever there is something to look at again, "ended" at the end of one's own
    right to look, which is the last. A first comment says that it watches from now on.

    Raises Refused, before anything is sent, for who does not manage access, and for who watches ten windows already.
    """
    async with world.store.reading() as tx:
        stored = (await see(world, tx, actor, workspace, Act.MANAGE_ACCESS)).stored
        after = await tx.latest_revision()
    if world.watchers[actor.id] >= _WATCHED_MAX:
        raise Refused(ProblemCode.TOO_MANY_STREAMS, "Too many share windows are open. Close one and try again.")
    world.watchers[actor.id] += 1
    try:
        async for event in _watch(world, workspace, stored.id, after, watcher):
            yield event
    finally:
        world.watchers[actor.id] -= 1


async def _watch(world: World, workspace: str, workspace_id: str, after: int, watcher: Watcher) -> AsyncIterator[str]:
    next_end = await _next_end(world, workspace_id, world.now())
    yield ": watching\n\n"
    reviewed_at = monotonic()
    while not world.closing.is_set():
        ticket = world.outbox_bell.ticket()
        async with world.store.reading() as tx:
            events = await tx.read_after(after, limit=_BATCH, workspace_id=workspace_id)
        has_news = any(event.kind != EventKind.OPENED for event in events)
        now = world.now()
        is_over = next_end is not None and next_end <= now
        after = events[-1].revision if events else after
        if has_news or is_over or monotonic() - reviewed_at >= _REVIEW_EVERY:
            if not await _may_watch(world, workspace, watcher):
                yield _event(WINDOW_ENDED)
                return
            reviewed_at = monotonic()
            # From the moment looked at above: what ended since, or ends while this is told, is told of next.
            next_end = await _next_end(world, workspace_id, now)
            # A comment finds out about a browser that is gone.
            yield _event(WINDOW_CHANGED) if has_news or is_over else ": watching\n\n"
        if not events:
            await heard(ticket, within=_pause(next_end, world.now()))


async def _may_watch(world: World, workspace: str, watcher: Watcher) -> bool:
    person = await watcher()
    if person is None:
        return False
    try:
        async with world.store.reading() as tx:
            await see(world, tx, person, workspace, Act.MANAGE_ACCESS)
    except Refused:
        return False
    return True


async def _next_end(world: World, workspace_id: str, after: datetime) -> datetime | None:
    async with world.store.reading() as tx:
        return await tx.find_next_end(workspace_id, after)


def _pause(next_end: datetime | None, now: datetime) -> float:
    """How long to wait for the bell (seconds)."""
    return _LOOK_EVERY if next_end is None else max(0.0, min(_LOOK_EVERY, (next_end - now).total_seconds()))


def _event(kind: str) -> str:
    return f"event: {kind}\ndata:\n\n"
