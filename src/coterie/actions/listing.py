"""What somebody has: their workspaces, one of them, and themselves."""

from __future__ import annotations

from coterie import policy
from coterie.actions import show
from coterie.actions.errors import Refused, unknown_workspace
from coterie.actions.homes import ensure_known
from coterie.actions.sight import see
from coterie.actions.world import World
from coterie.policy import Act
from coterie.store import ListedWorkspace, Malformed, Section, Transaction
from coterie.wire.bodies import Me, Page, SectionWord, Workspace, WorkspaceDetail
from coterie.wire.problems import ProblemCode


async def list_workspaces(
    world: World,
    actor: policy.Person,
    *,
    q: str = "",
    section: SectionWord | None = None,
    after: str | None = None,
    limit: int = 100,
) -> Page[Workspace]:
    """The workspaces in *actor*'s sidebar, newest first: those whose name has *q* in it, whatever the case, and of
    *section* alone where one is named. Raises Refused for a cursor that no list gave."""
    async with world.store.reading() as tx:
        return await _list(world, tx, actor, q, None if section is None else Section(section), after, limit)


async def list_sections(
    world: World, actor: policy.Person, *, q: str = "", limit: int = 100
) -> dict[SectionWord, Page[Workspace]]:
    """The first part of each section of *actor*'s sidebar in which there is something, as they are at one instant."""
    sections: tuple[SectionWord, ...] = ("favourites", "mine", "shared", "global", "archived")
    async with world.store.reading() as tx:
        pages = {each: await _list(world, tx, actor, q, Section(each), None, limit) for each in sections}
    return {section: page for section, page in pages.items() if page.items}


async def get_workspace(world: World, actor: policy.Person, workspace: str, act: Act = Act.VIEW) -> WorkspaceDetail:
    """One workspace or home with the reasons why *actor* has it. Raises Refused where they may not do *act* with it."""
    await ensure_known(world, actor, workspace)
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor, workspace, act)
        item = await tx.get_listed(sight.id, actor, at=world.now())
        if not isinstance(sight.decision, policy.Allow):
            raise unknown_workspace()
        waiting = await tx.count_requests([sight.id] if _answers_requests(sight.decision) else [])
    return show.listed(world, item, sight.decision, waiting.get(sight.id, 0))


def describe_me(actor: policy.Person) -> Me:
    """What the Hub says about the caller."""
    return Me(
        name=actor.name,
        administrator=actor.administrator,
        groups=sorted(actor.groups),
        rights=sorted(actor.rights),
    )


async def _list(
    world: World,
    tx: Transaction,
    actor: policy.Person,
    q: str,
    section: Section | None,
    after: str | None,
    limit: int,
) -> Page[Workspace]:
    try:
        found = await tx.list_workspaces(
            actor, at=world.now(), after=after, limit=limit + 1, q=q.strip(), section=section
        )
    except Malformed as error:
        raise Refused(ProblemCode.INVALID_INPUT, "This cursor does not come from a list of workspaces.") from error
    allowed = [(item, decision) for item in found[:limit] if (decision := _allows(world, actor, item)) is not None]
    waiting = await tx.count_requests([item.workspace.id for item, decision in allowed if _answers_requests(decision)])
    return Page[Workspace](
        items=[show.listed(world, item, decision, waiting.get(item.workspace.id, 0)) for item, decision in allowed],
        next=found[limit - 1].cursor if len(found) > limit else None,
    )


def _allows(world: World, actor: policy.Person, item: ListedWorkspace) -> policy.Allow | None:
    decision = policy.decide(actor, item.facts, at=world.now())
    return decision if isinstance(decision, policy.Allow) and decision.is_listed else None


def _answers_requests(decision: policy.Decision) -> bool:
    return bool(policy.may(decision, Act.MANAGE_ACCESS))
