"""What somebody has: their workspaces, one of them, and themselves."""

from __future__ import annotations

from coterie import policy
from coterie.actions import show
from coterie.actions.errors import Refused, unknown_workspace
from coterie.actions.sight import see
from coterie.actions.world import World
from coterie.store import Malformed
from coterie.wire.bodies import Me, Page, Workspace, WorkspaceDetail
from coterie.wire.problems import ProblemCode


async def list_workspaces(
    world: World, actor: policy.Person, *, after: str | None = None, limit: int = 100
) -> Page[Workspace]:
    """The workspaces in *actor*'s sidebar, newest first. Raises Refused for a cursor that no list gave."""
    async with world.store.reading() as tx:
        try:
            listed = await tx.list_workspaces(actor, at=world.now(), after=after, limit=limit + 1)
        except Malformed as error:
            raise Refused(ProblemCode.INVALID_INPUT, "This cursor does not come from a list of workspaces.") from error
    items: list[Workspace] = []
    for one in listed[:limit]:
        decision = policy.decide(actor, one.facts, at=world.now())
        if isinstance(decision, policy.Allow) and decision.is_listed:
            items.append(
                show.workspace(world, one.workspace, decision, creator=one.creator.name, favourite=one.is_favourite)
            )
    following = listed[limit - 1].cursor if len(listed) > limit else None
    return Page[Workspace](items=items, next=following)


async def get_workspace(world: World, actor: policy.Person, workspace: str) -> WorkspaceDetail:
    """One workspace with the reasons why *actor* has it."""
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor, workspace, policy.Act.VIEW)
        creator = (await tx.get_people([sight.facts.creator]))[sight.facts.creator]
        favourite = await tx.is_favourite(sight.id, actor.id)
    if not isinstance(sight.decision, policy.Allow):
        raise unknown_workspace()
    return show.workspace(world, sight.stored, sight.decision, creator=creator.name, favourite=favourite)


def describe_me(actor: policy.Person) -> Me:
    """What the Hub says about the caller."""
    return Me(
        name=actor.name,
        administrator=actor.administrator,
        groups=sorted(actor.groups),
        rights=sorted(actor.rights),
    )
