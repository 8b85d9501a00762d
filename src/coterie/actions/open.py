"""Open a workspace: make sure that its server runs and that the person is let through, and tell how it goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote, urljoin

from coterie import policy
from coterie.actions.actor import Actor, record
from coterie.actions.bell import heard
from coterie.actions.errors import Refused
from coterie.actions.homes import ensure_known
from coterie.actions.sight import Sight, insist, see
from coterie.actions.stop import wait_until_gone
from coterie.actions.world import World
from coterie.hubapi import HubServer
from coterie.policy import Act, Person, Principal, PrincipalKind, Through
from coterie.store import EntryState, StoredWorkspace
from coterie.wire.audit import AuditAct, Via
from coterie.wire.bodies import Opened, Progress
from coterie.wire.events import EventKind
from coterie.wire.problems import ProblemCode

#: How long an open of a running server waits for the Hub's share before it answers "starting" (seconds).
_LET_IN_WITHIN = 5.0
#: How long after the Hub calls a server ready its gate may take to report (seconds).
_REPORT_WITHIN = 60.0
#: How many starts one person may follow at once.
_FOLLOWED_MAX = 10
#: How much of what a spawner says is passed on (characters).
_SENTENCE_MAX = 500


async def open_workspace(world: World, actor: Actor, workspace: str) -> Opened:
    """Start the server unless it runs, and have *actor* let through the Hub. Calling it twice does no harm. Raises
    Refused where a home does not run that is not *actor*'s own."""
    sight = await _want_in(world, actor, workspace)
    stored = sight.stored
    user = await world.hub.find_user(stored.account)
    if user is None and not stored.is_home:
        await world.hub.create_user(stored.account)
    server = None if user is None else user.server
    if server is not None and server.pending == "stop":
        await wait_until_gone(world, stored)
        server = None
    if server is not None and server.ready and await _is_let_in(world, stored, actor.person, within=_LET_IN_WITHIN):
        return _opened(world, workspace, "running", _lab_url(world, server))
    if server is None:
        insist(policy.may_start(actor.person, sight.facts), sight.decision)
        await world.hub.start_server(stored.account)
        world.on_their_way[stored.account] = "starting"
    return _opened(world, workspace, "starting", None)


async def follow_progress(world: World, actor: Person, workspace: str) -> AsyncIterator[Progress]:
    """How the start goes, up to a last step that is ``ready`` with the address, or ``failed``. For whoever may open.

    Raises Refused also where *actor* follows ten already: each holds a connection to the Hub.
    """
    async with world.store.reading() as tx:
        stored = (await see(world, tx, actor, workspace, Act.OPEN)).stored
    if world.followers[actor.id] >= _FOLLOWED_MAX:
        raise Refused(ProblemCode.TOO_MANY_STREAMS, "You follow too many starts at once. Close a page and try again.")
    world.followers[actor.id] += 1
    try:
        async for step in _follow(world, actor, stored):
            yield step
    finally:
        world.followers[actor.id] -= 1


async def _follow(world: World, actor: Person, stored: StoredWorkspace) -> AsyncIterator[Progress]:
    async for step in world.hub.follow_progress(stored.account):
        if step.get("failed"):
            world.on_their_way.pop(stored.account, None)
            yield Progress(progress=100, message=_why_failed(step), failed=True)
            return
        if not step.get("ready"):
            # The last tenth is for what comes after the Hub's own "ready".
            percent = min(90, max(0, int(step.get("progress", 0)) * 9 // 10))
            yield Progress(progress=percent, message=str(step.get("message", "")))
    yield Progress(progress=95, message="Letting you in")
    user = await world.hub.find_user(stored.account)
    if user is None or user.server is None or not user.server.ready:
        yield Progress(progress=100, message="The server is not running.", failed=True)
    elif await _is_let_in(world, stored, actor, within=_REPORT_WITHIN):
        yield Progress(progress=100, message="Ready", ready=True, url=_lab_url(world, user.server))
    else:
        yield Progress(progress=100, message="The server runs but does not answer Coterie.", failed=True)


def _why_failed(step: Mapping[str, object]) -> str:
    """The sentence of a start that failed. The Hub sends HTML with it where the spawner wrote it for people; everything
    else is an error's own text, which is the log's."""
    if "html_message" not in step:
        return "The server could not start."
    return str(step.get("message", "")).removeprefix("Spawn failed: ")[:_SENTENCE_MAX]


async def _want_in(world: World, actor: Actor, workspace: str) -> Sight:
    """Note that *actor* waits to be let through; the consumer of the outbox does the rest."""
    await ensure_known(world, actor.person, workspace)
    async with world.store.writing() as tx:
        sight = await see(world, tx, actor.person, workspace, Act.OPEN)
        await tx.note_visit(sight.id, actor.id, world.now())
        if not _owns_account(sight.stored, actor.person):
            entry = await tx.want_entry(sight.id, actor.id, world.now())
            if entry.state is EntryState.WANTED:
                is_by_link = sight.decision.reasons[0].through is Through.LINK
                await record(world, tx, actor.by(Via.LINK) if is_by_link else actor, AuditAct.OPENED, sight.stored)
                principal = Principal(PrincipalKind.USER, actor.id)
                await tx.append_event(sight.id, EventKind.OPENED, principal, world.now())
    return sight


async def _is_let_in(world: World, stored: StoredWorkspace, actor: Person, *, within: float) -> bool:
    """Whether the gate has reported and the Hub lets *actor* through, waiting for it at most *within* seconds."""
    try:
        async with asyncio.timeout(within):
            while True:
                ticket = world.entry_bell.ticket()
                async with world.store.reading() as tx:
                    current = await tx.find_workspace_by_account(stored.account)
                    entry = await tx.find_entry(stored.id, actor.id)
                is_admitted = entry is not None and entry.state is EntryState.ADMITTED
                is_through = is_admitted or _owns_account(stored, actor)
                if current is not None and current.session is not None and is_through:
                    return True
                await heard(ticket, within=1.0)
    except TimeoutError:
        return False


def _owns_account(stored: StoredWorkspace, actor: Person) -> bool:
    """A home's owner needs no share of their own server."""
    return stored.is_home and stored.account == actor.name


def _lab_url(world: World, server: HubServer) -> str:
    base = server.full_url or urljoin(world.hub_url, server.url)
    return f"{base.rstrip('/')}/lab"


def _opened(world: World, workspace: str, state: str, url: str | None) -> Opened:
    progress = f"{world.service_url}api/v1/workspaces/{quote(workspace, safe='~')}/progress"
    return Opened.model_validate({"state": state, "url": url, "progress_url": progress})
