"""Why does somebody have access? For people, who ask about others only if they manage access; and for servers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from coterie import policy
from coterie.actions import show
from coterie.actions.sight import see
from coterie.actions.world import World
from coterie.policy import Act, Person, PrincipalKind
from coterie.store import StoredWorkspace
from coterie.wire.bodies import Access, ServerDecision, ServerDecisions


async def explain_access(world: World, actor: Person, workspace: str, user: str) -> Access:
    """The decision for the person called *user*: for oneself with any role, for others as Co-owner and up.

    Somebody whom the Hub does not know has no access, like anybody who has none. Of somebody whom *actor* may not name
    it holds what this workspace's own grants give, and not what would tell whether there is such a person.
    """
    act = Act.VIEW if user == actor.name else Act.MANAGE_ACCESS
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor, workspace, act)
    person = actor if user == actor.name else await world.people.find(user, remember=False)
    decision: policy.Decision = policy.Deny()
    if person is not None:
        async with world.store.reading() as tx:
            decision = policy.decide(person, await tx.facts(sight.id, person), at=world.now())
        named = policy.Principal(PrincipalKind.USER, person.id)
        if not policy.may_name(actor, named, exists=True, groups=person.groups):
            decision = policy.as_told_to_strangers(decision)
    return Access.model_validate(
        {
            "user": user,
            "role": decision.role.word if decision.role else None,
            "reasons": show.reasons(decision),
            "until": decision.until,
        }
    )


async def decide_for_server(world: World, stored: StoredWorkspace, session: str | None, name: str) -> ServerDecision:
    """The decision for the person called *name* in *stored*, for the gate of its own server in *session*.

    What was given for another session counts for nothing, also while that one is still on record and *session*, which
    began after it, is not yet.
    Somebody without access and somebody who does not exist get the same answer: a server learns nothing of people who
    do not come in.
    """
    person = await world.people.find(name, remember=False)
    if person is None:
        return _nothing_for(name)
    async with world.store.reading() as tx:
        facts = await tx.facts(stored.id, person)
    return await _for_server(world, name, person, _in_session(facts, session))


async def decide_at_once(
    world: World, stored: StoredWorkspace, session: str | None, names: Collection[str]
) -> ServerDecisions:
    """The same for several people, with few questions to the Hub and one look at what is stored about access."""
    await world.directory.prepare(names)
    people = {name: await world.people.find(name, remember=False) for name in names}
    async with world.store.reading() as tx:
        facts = _in_session(await tx.facts(stored.id), session)
    decisions = [
        _nothing_for(name) if (person := people[name]) is None else await _for_server(world, name, person, facts)
        for name in names
    ]
    return ServerDecisions(decisions=decisions)


def _in_session(facts: policy.Workspace, session: str | None) -> policy.Workspace:
    return facts if session == facts.session else replace(facts, session=None)


async def _for_server(world: World, name: str, person: Person, facts: policy.Workspace) -> ServerDecision:
    decision = policy.decide(person, facts, at=world.now())
    if decision.role is None:
        return _nothing_for(name)
    known = person if person.id else await world.people.find(name)
    if known is None:  # removed at this moment
        return _nothing_for(name)
    return ServerDecision.model_validate(
        {
            "person": known.id,
            "name": known.name,
            "role": decision.role.word,
            "reasons": [reason.sentence for reason in decision.reasons],
            "until": decision.until,
        }
    )


def _nothing_for(name: str) -> ServerDecision:
    return ServerDecision(person="", name=name, role=None, reasons=[])
