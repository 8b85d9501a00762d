"""Shares of a home that were made at JupyterHub itself. No grant stands behind them, so they let nobody in; the owner
is shown them, and admits or removes whoever has one."""

from __future__ import annotations

from datetime import datetime

from coterie import policy
from coterie.actions.actor import Actor, record
from coterie.actions.errors import Refused
from coterie.actions.homes import ensure_known
from coterie.actions.sight import Sight, insist, see, see_alone
from coterie.actions.world import World
from coterie.policy import ADMITTED, Act, Person, Principal, PrincipalKind, Role
from coterie.store import EntryState, Transaction
from coterie.wire.audit import AuditAct
from coterie.wire.bodies import Page
from coterie.wire.events import EventKind
from coterie.wire.invitations import HubShare
from coterie.wire.problems import ProblemCode


async def list_hub_shares(world: World, actor: Person, workspace: str) -> Page[HubShare]:
    """The Hub's shares of the home that let nobody in, as the Hub lists them. Raises Refused for a workspace, whose
    shares are Coterie's own."""
    sight = await _see_home(world, actor, workspace)
    return Page[HubShare](items=await _strays(world, sight))


async def admit(world: World, actor: Actor, workspace: str, name: str, role: Role) -> None:
    """Let the user who has such a share in, as a guest of this session. Raises Refused where nobody has one, where the
    home does not run, and where the user is blocked."""
    sight = await _see_home(world, actor.person, workspace)
    await _insist_stray(world, sight, HubShare(kind="user", name=name))
    person = await world.people.find(name)
    if person is None:
        raise _no_such_share()
    async with world.store.reading() as tx:
        await _insist_admissible(tx, sight, person, role)
    # It may let its user do more than come in. The outbox's consumer makes one that does not.
    await world.hub.withdraw(sight.stored.account, name)
    now = world.now()
    async with world.store.writing() as tx:
        sight = await see_alone(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)
        session = await _insist_admissible(tx, sight, person, role)
        await tx.put_guest(sight.id, person.id, role, source=ADMITTED, session=session, by=actor.id, at=now)
        subject = Principal(PrincipalKind.USER, person.id)
        await _want_anew(tx, sight, person, now)
        await record(world, tx, actor, AuditAct.ADMITTED, sight.stored, subject, role=role.word)
        await tx.append_event(sight.id, EventKind.ACCESS, subject, now)


async def remove_hub_share(world: World, actor: Actor, workspace: str, share: HubShare) -> None:
    """Have the Hub withdraw *share*. Raises Refused where there is none that lets nobody in."""
    sight = await _see_home(world, actor.person, workspace)
    await _insist_stray(world, sight, share)
    person = await world.people.find(share.name) if share.kind == "user" else None
    if share.kind == "group":
        await world.hub.withdraw_from_group(sight.stored.account, share.name)
    else:
        await world.hub.withdraw(sight.stored.account, share.name)
    now = world.now()
    async with world.store.writing() as tx:
        sight = await see_alone(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)
        subject = None if person is None else Principal(PrincipalKind.USER, person.id)
        if share.kind == "group":
            subject = Principal(PrincipalKind.GROUP, share.name)
        await record(world, tx, actor, AuditAct.HUB_SHARE_REMOVED, sight.stored, subject)
        if person is not None and await tx.find_entry(sight.id, person.id) is not None:
            # They were let in meanwhile, by the share that has just been withdrawn perhaps.
            await _want_anew(tx, sight, person, now)
            await tx.append_event(sight.id, EventKind.ACCESS, subject, now)


async def _want_anew(tx: Transaction, sight: Sight, person: Person, at: datetime) -> None:
    """Have the outbox's consumer make a share for *person*, whatever share there was."""
    await tx.remove_entry(sight.id, person.id)
    await tx.want_entry(sight.id, person.id, at)


async def _insist_admissible(tx: Transaction, sight: Sight, person: Person, role: Role) -> str:
    """The session for which *person* may be admitted. Raises Refused."""
    insist(policy.may_invite(sight.decision, role=role, is_home=True), sight.decision)
    if sight.stored.session is None:
        raise Refused(
            ProblemCode.SERVER_NOT_RUNNING, "Your server does not run, and a guest is let in for one session. Start it."
        )
    if person.id in {blocked.id for blocked in await tx.list_blocked(sight.id)}:
        raise Refused(ProblemCode.INVITATION_BLOCKED, "You have blocked this person. Lift the block first.")
    return sight.stored.session


async def _see_home(world: World, actor: Person, workspace: str) -> Sight:
    await ensure_known(world, actor, workspace)
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor, workspace, Act.MANAGE_ACCESS)
        if not sight.facts.is_home:
            raise Refused(ProblemCode.NOT_FOUND, "Only a home has shares besides those that Coterie makes.")
        return sight


async def _strays(world: World, sight: Sight) -> list[HubShare]:
    async with world.store.reading() as tx:
        facts = await tx.facts(sight.id)
        # While the home runs, the outbox's consumer is about to make the share of whoever waits, or to withdraw it.
        runs = sight.stored.session is not None
        entries = await tx.list_entries(sight.id)
        entered = [entry.person_id for entry in entries if runs or entry.state is EntryState.ADMITTED]
        known = {person.name for person in (await tx.get_people(entered)).values()}
    found = []
    for kind, name in await world.hub.list_shares(sight.stored.account):
        if kind == "user" and name in known:
            continue  # Coterie's own, which goes as soon as the access does
        person = await world.people.find(name, remember=False) if kind == "user" else None
        if person is None or not policy.decide(person, facts, at=world.now()):
            found.append(HubShare(kind=kind, name=name))
    return found


async def _insist_stray(world: World, sight: Sight, share: HubShare) -> None:
    if share not in await _strays(world, sight):
        raise _no_such_share()


def _no_such_share() -> Refused:
    return Refused(ProblemCode.NOT_FOUND, "JupyterHub has no such share of this home, or it lets somebody in by now.")
