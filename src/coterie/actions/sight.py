"""What an actor sees of a workspace: the stored facts, the decision, and the verdict on an act."""

from __future__ import annotations

from dataclasses import dataclass

from coterie.actions.errors import Refused, refused, unknown_workspace
from coterie.actions.people import is_plausible
from coterie.actions.world import World
from coterie.policy import Act, Decision, Person, Refusal, Verdict, decide, may, may_administer
from coterie.policy import Workspace as Facts
from coterie.store import StoredWorkspace, Transaction
from coterie.wire.names import home_of, is_workspace_id
from coterie.wire.problems import ProblemCode


@dataclass(frozen=True, slots=True)
class Sight:
    """One workspace as one actor sees it inside one transaction. *facts* hold what reaches the actor: decide for nobody
    else with them."""

    stored: StoredWorkspace
    facts: Facts
    decision: Decision

    @property
    def id(self) -> str:
        """The id under which the store knows the workspace."""
        return self.stored.id


def insist(verdict: Verdict, decision: Decision) -> None:
    """Raise Refused unless *verdict* permits the act."""
    if isinstance(verdict, Refusal):
        raise refused(verdict, decision)


def insist_administrator(person: Person) -> None:
    """Raise Refused unless *person* may look at everybody. Call it before anything is looked up."""
    if not may_administer(person):
        raise Refused(
            ProblemCode.ADMINISTRATORS_ONLY,
            "Only administrators look at people and at the whole audit log, and anonymise somebody.",
        )


async def see(world: World, tx: Transaction, actor: Person, workspace: str, act: Act) -> Sight:
    """Look up *workspace* (an id, or ``~name``) for somebody who wants to do *act* with it.

    Raises Refused: the same for an id that is malformed or unknown and for a workspace the actor may not know of.
    """
    sight = await look(world, tx, actor, workspace)
    if sight is None:
        raise unknown_workspace()
    insist(may(sight.decision, act, is_home=sight.facts.is_home), sight.decision)
    return sight


async def see_alone(world: World, tx: Transaction, actor: Person, workspace: str, act: Act) -> Sight:
    """The same for somebody who changes it, while nobody else does: what was seen before that, the actor's own access
    too, may be over by then."""
    sight = await see(world, tx, actor, workspace, act)
    await tx.hold(sight.id)
    return await see(world, tx, actor, workspace, act)


async def look(world: World, tx: Transaction, actor: Person, workspace: str) -> Sight | None:
    """*workspace* as it is for *actor*, who may have no access: then nothing of it may be told, not even that it is
    there. None where it is not."""
    stored = await _find(tx, workspace)
    if stored is None:
        return None
    facts = await tx.facts(stored.id, actor)
    return Sight(stored, facts, decide(actor, facts, at=world.now()))


async def _find(tx: Transaction, workspace: str) -> StoredWorkspace | None:
    owner = home_of(workspace)
    if owner is None:
        return await tx.find_workspace(workspace) if is_workspace_id(workspace) else None
    home = await tx.find_workspace_by_account(owner) if is_plausible(owner) else None
    return home if home is not None and home.is_home else None
