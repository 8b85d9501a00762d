"""What an actor sees of a workspace: the stored facts, the decision, and the verdict on an act."""

from __future__ import annotations

from dataclasses import dataclass

from coterie.actions.errors import refused, unknown_workspace
from coterie.actions.people import is_plausible
from coterie.actions.world import World
from coterie.policy import Act, Decision, Person, Refusal, Verdict, decide, may
from coterie.policy import Workspace as Facts
from coterie.store import StoredWorkspace, Transaction
from coterie.wire.names import home_of, is_workspace_id


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


async def see(world: World, tx: Transaction, actor: Person, workspace: str, act: Act) -> Sight:
    """Look up *workspace* (an id, or ``~name``) for somebody who wants to do *act* with it.

    Raises Refused: the same for an id that is malformed or unknown and for a workspace the actor may not know of.
    """
    stored = await _find(tx, workspace)
    if stored is None:
        raise unknown_workspace()
    facts = await tx.facts(stored.id, actor)
    decision = decide(actor, facts, at=world.now())
    insist(may(decision, act, is_home=facts.is_home), decision)
    return Sight(stored, facts, decision)


async def _find(tx: Transaction, workspace: str) -> StoredWorkspace | None:
    owner = home_of(workspace)
    if owner is None:
        return await tx.find_workspace(workspace) if is_workspace_id(workspace) else None
    home = await tx.find_workspace_by_account(owner) if is_plausible(owner) else None
    return home if home is not None and home.is_home else None
