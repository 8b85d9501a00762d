"""Anonymise somebody: what names them goes, what they created moves to whoever does it, their name is forgotten.

The person's account stays in the Hub, which is for its administrators to remove: whoever signs in with it afterwards is
a new person, who has nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coterie import policy
from coterie.actions.actor import Actor, record
from coterie.actions.admit import wait_for_shares
from coterie.actions.errors import Refused
from coterie.actions.people import is_plausible
from coterie.actions.sight import insist, insist_administrator
from coterie.actions.stop import ensure_stopped
from coterie.actions.world import World
from coterie.hubapi import HubUser
from coterie.policy import Deny, Person, Principal, PrincipalKind
from coterie.store import Conflict, NotFound, StoredGrant, StoredPerson, StoredWorkspace, Transaction, new_pseudonym
from coterie.wire.anonymising import Anonymisation, MovedWorkspace
from coterie.wire.audit import AuditAct
from coterie.wire.events import EventKind
from coterie.wire.names import is_reserved
from coterie.wire.problems import ProblemCode

#: How often it is tried where somebody changes the same things at the same time.
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class GrantAway:
    """A grant that goes, and where it is. *workspace* is a home's public id where it is one."""

    grant: StoredGrant
    workspace: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What anonymising whoever is called *name* comes to. *people* are the persons behind the name that it is about:
    none where nothing is left to do."""

    name: str
    people: tuple[StoredPerson, ...]
    grants: tuple[GrantAway, ...]
    moving: tuple[StoredWorkspace, ...]
    own_grants: int
    invitations: int
    home_runs: bool

    def answer(self, *, preview: bool, pseudonym: str | None = None) -> Anonymisation:
        """The plan as the API tells it."""
        return Anonymisation(
            user=self.name,
            preview=preview,
            pseudonym=pseudonym,
            grants_removed=len(self.grants),
            workspaces_moved=[MovedWorkspace(id=moving.id, name=moving.name) for moving in self.moving],
            own_grants_dropped=self.own_grants,
            invitations_revoked=self.invitations,
            home_stopped=self.home_runs,
        )


async def plan_anonymisation(world: World, performer: Person, name: str, *, earlier: bool = False) -> Plan:
    """What it would do if *performer* anonymised whoever is called *name*; changes nothing.

    That is the person of the Hub's present account, or, where the Hub has none, everybody who was ever known by that
    name here. With *earlier* it is those whose accounts of that name are gone, and not the present one. Raises Refused:
    for whoever is no administrator in the same words whether there is such a person or not.
    """
    insist_administrator(performer)
    account = await _account(world, name)
    async with world.store.reading() as tx:
        people = await _whom(tx, performer, name, account, earlier=earlier)
        return await _plan(world, tx, performer, name, people, home_runs=_home_runs(account, people))


async def anonymise(world: World, actor: Actor, name: str, *, earlier: bool = False) -> Anonymisation:
    """Do it. The home is stopped first; all else happens in one transaction, and the servers and the Hub's shares
    follow its events. Doing it again changes nothing. Raises Refused as plan_anonymisation() does."""
    insist_administrator(actor.person)
    home_ran = False
    for _ in range(_ATTEMPTS):
        account = await _account(world, name)
        async with world.store.reading() as tx:
            people = await _whom(tx, actor.person, name, account, earlier=earlier)
        try:
            if account is not None and not earlier and people:
                home_ran |= await _stop_home(world, account, people[0])
            has_home = account is not None and not earlier
            return await _carry_out(world, actor, name, people, has_home=has_home, home_ran=home_ran)
        except (Conflict, NotFound):
            continue  # something came between; look at everything again
    raise Refused(ProblemCode.CONFLICT, "Somebody changes this person's workspaces at the same time. Try again.")


async def _account(world: World, name: str) -> HubUser | None:
    """The Hub's account of a person called *name*, asked anew. Whoever was renamed to it, or from it, is known by the
    present name afterwards."""
    if not is_plausible(name) or is_reserved(name):
        return None
    account = await world.hub.find_user(name)
    names = {name}
    if account is None:  # whom the store knows by it may have been renamed, and not have been seen since
        async with world.store.reading() as tx:
            known = await tx.list_people_named(name)
        names = {now for person in known for now in await world.directory.names_since(person.hub_created)}
    for each in names:
        await world.people.find(each, remember=False)
    return account


async def _whom(
    tx: Transaction, performer: Person, name: str, account: HubUser | None, *, earlier: bool
) -> list[StoredPerson]:
    """The persons it is about, the earliest first. Raises Refused where nobody was ever called *name*, and for
    oneself."""
    known = await tx.list_people_named(name) if is_plausible(name) else []
    if account is None and not known:
        raise Refused(ProblemCode.NOT_FOUND, "Neither JupyterHub nor Coterie knows anybody of this name.")
    if account is not None:
        is_present = {person.id: person.hub_created == account.created for person in known}
        known = [person for person in known if is_present[person.id] != earlier]
    for person in known:
        insist(policy.may_anonymise(performer, Person(person.id, person.name)), Deny())
    # An account that signs in again after it was anonymised is known by name again, and has nothing.
    leaves_a_name_alone = account is not None and not earlier
    return [
        person
        for person in known
        if not person.is_anonymised and not (leaves_a_name_alone and await tx.is_blank(person.id))
    ]


async def _plan(
    world: World, tx: Transaction, performer: Person, name: str, people: Sequence[StoredPerson], *, home_runs: bool
) -> Plan:
    ids = [person.id for person in people]
    grants = await tx.list_grants_to(ids)
    places = await tx.find_by_ids({grant.workspace_id for grant in grants})
    return Plan(
        name=name,
        people=tuple(people),
        grants=tuple(GrantAway(grant, _called(places[grant.workspace_id])) for grant in grants),
        moving=tuple(await tx.list_created_by(ids)),
        own_grants=len(await tx.list_grants_to([performer.id], workspaces_of=ids)),
        invitations=await tx.count_invitations_by(ids, world.now()),
        home_runs=home_runs,
    )


def _called(place: StoredWorkspace) -> str:
    return place.public_id if place.is_home else place.name


def _home_runs(account: HubUser | None, people: Sequence[StoredPerson]) -> bool:
    """Whether the server of *account* runs and is a home of one of *people*."""
    is_theirs = account is not None and any(person.hub_created == account.created for person in people)
    return is_theirs and account is not None and account.server is not None


async def _stop_home(world: World, account: HubUser, owner: StoredPerson) -> bool:
    """Stop the person's own server and have everybody's way into it closed. Answers whether it ran."""
    async with world.store.reading() as tx:
        home = await tx.find_home(owner.id)
    if home is None and account.server is None:
        return False
    if home is None:  # it starts just now, and has not reported yet
        async with world.store.writing() as tx:
            home = await tx.see_home(owner.id, account.name, world.now())
    await ensure_stopped(world, home)
    # The Hub knows the home by the name that is about to be forgotten, and its shares end by an event of the session.
    await wait_for_shares(world)
    return account.server is not None


async def _carry_out(
    world: World, actor: Actor, name: str, people: Sequence[StoredPerson], *, has_home: bool, home_ran: bool
) -> Anonymisation:
    """The one transaction. *has_home* says that they have an account, whose server may start at any time. Raises
    Conflict or NotFound where something came between."""
    if not people:
        plan = Plan(name, (), (), (), 0, 0, home_runs=home_ran)
        return plan.answer(preview=False)
    async with world.store.writing() as tx:
        await tx.hold_people(people, actor.id)
        for person in people:
            home = await tx.find_home(person.id)
            if has_home and home is not None and home.session is not None:
                raise Conflict("The home was started again.")
        plan = await _plan(world, tx, actor.person, name, people, home_runs=home_ran)
        reached = {person.id: await tx.list_reached_by(person.id) for person in people}
        places = await tx.find_by_ids({id_ for ids in reached.values() for id_ in ids})
        pseudonym = None
        for person in people:
            await tx.move_workspaces(person.id, actor.id)
            pseudonym = new_pseudonym()
            await tx.forget_person(person.id, pseudonym, world.now())
        await _record(world, tx, actor, plan, places)
        for person in people:
            for id_ in reached[person.id]:
                await tx.append_event(id_, EventKind.ACCESS, Principal(PrincipalKind.USER, person.id), world.now())
        for moved in plan.moving:
            await tx.append_event(moved.id, EventKind.ACCESS, None, world.now())
    return plan.answer(preview=False, pseudonym=pseudonym)


async def _record(world: World, tx: Transaction, actor: Actor, plan: Plan, places: dict[str, StoredWorkspace]) -> None:
    """One record for each person, and one in the history of each workspace that has lost a grant or moved."""
    for place, principal in dict.fromkeys((away.grant.workspace_id, away.grant.principal) for away in plan.grants):
        await record(world, tx, actor, AuditAct.REMOVED, places[place], principal, anonymised=True)
    for moved in plan.moving:
        creator = Principal(PrincipalKind.USER, moved.creator_id)
        await record(world, tx, actor, AuditAct.MOVED, moved, creator)
    for person in plan.people:
        await record(
            world,
            tx,
            actor,
            AuditAct.ANONYMISED,
            None,
            Principal(PrincipalKind.USER, person.id),
            grants_removed=len(plan.grants),
            workspaces_moved=len(plan.moving),
            own_grants_dropped=plan.own_grants,
            invitations_revoked=plan.invitations,
            home_stopped=plan.home_runs,
        )
