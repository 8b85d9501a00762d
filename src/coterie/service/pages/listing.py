"""The page with a person's workspaces: find them, make one, mark one, stop one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from coterie.actions.change import set_favourite
from coterie.actions.create import create_workspace
from coterie.actions.listing import get_workspace, list_sections, list_workspaces
from coterie.actions.stop import stop_workspace
from coterie.actions.world import World
from coterie.service.dependencies import InWorld
from coterie.service.pages.rendering import SignedIn, addresses_of, answer
from coterie.service.pages.requests import Field, read, wants_fragment
from coterie.service.sign_in import GuardedForm, SignedInOnPage
from coterie.wire.bodies import NewWorkspace, SectionWord

#: What a page says about a change that led to it, by the word in its address.
DONE = {
    "archived": "The workspace has been put into the archive.",
    "copied": "The copy is ready to open.",
    "deleted": "The workspace has been deleted.",
    "marked": "The workspace is one of your favourites.",
    "renamed": "The workspace has been renamed.",
    "unarchived": "The workspace is back from the archive.",
    "unmarked": "The workspace is no longer one of your favourites.",
}

#: How many workspaces a section shows at first.
FIRST = 50

router = APIRouter(include_in_schema=False)


@router.get("/")
async def show_workspaces(
    request: Request,
    caller: SignedInOnPage,
    world: InWorld,
    q: str = "",
    section: SectionWord | None = None,
    after: str | None = None,
    done: str = "",
) -> Response:
    """The caller's workspaces by section, those alone whose name has *q* in it; with *section* that one alone, from
    *after* on."""
    if section is not None:
        part = await list_workspaces(world, caller.person, q=q, section=section, after=after, limit=FIRST)
        if wants_fragment(request):
            # The button that asked is gone.
            first = part.items[0].id if part.items else None
            return answer(request, "listing/part.html", caller, section=section, page=part, q=q, takes_focus=first)
        return answer(request, "listing/page.html", caller, sections={section: part}, q=q, done=None, is_whole=False)
    if wants_fragment(request):
        return await _list(request, caller, world, "listing/found.html", q)
    return await _list(request, caller, world, "listing/page.html", q, done=DONE.get(done), is_whole=True)


@router.post("/workspaces")
async def create(request: Request, caller: GuardedForm, world: InWorld, name: Field = "") -> Response:
    """Creates a workspace and shows it in the list."""
    workspace = await create_workspace(world, caller.actor, read(NewWorkspace, name=name).name)
    if not wants_fragment(request):
        return RedirectResponse(addresses_of(request).path(), 303)
    return await _list(request, caller, world, "listing/created.html", workspace=workspace)


@router.post("/w/{workspace_id}/favourite")
async def mark(
    request: Request, workspace_id: str, caller: GuardedForm, world: InWorld, on: Field = "", q: Field = ""
) -> Response:
    """Puts the caller's mark on the workspace, or takes it off where *on* is not ``true``; *q* is what the list in
    the page is searched for."""
    is_on = on == "true"
    await set_favourite(world, caller.person, workspace_id, is_on)
    if not wants_fragment(request):
        return RedirectResponse(addresses_of(request).path(done="marked" if is_on else "unmarked"), 303)
    workspace = await get_workspace(world, caller.person, workspace_id)
    return await _list(request, caller, world, "listing/marked.html", q, workspace=workspace)


@router.get("/w/{workspace_id}/row")
async def show_row(request: Request, workspace_id: str, caller: SignedInOnPage, world: InWorld) -> Response:
    """One workspace as the list shows it. A row asks again while its server starts or stops."""
    workspace = await get_workspace(world, caller.person, workspace_id)
    return answer(request, "listing/row.html", caller, workspace=workspace)


@router.post("/w/{workspace_id}/stop")
async def stop(request: Request, workspace_id: str, caller: GuardedForm, world: InWorld) -> Response:
    """Stops the workspace's server, and shows its row, or the list where no row was asked for."""
    await stop_workspace(world, caller.actor, workspace_id)
    if not wants_fragment(request):
        return RedirectResponse(addresses_of(request).path(), 303)
    workspace = await get_workspace(world, caller.person, workspace_id)
    return answer(request, "listing/stopped.html", caller, workspace=workspace)


async def _list(
    request: Request, caller: SignedIn, world: World, template: str, q: str = "", **context: Any
) -> Response:
    sections = await list_sections(world, caller.person, q=q, limit=FIRST)
    return answer(request, template, caller, sections=sections, q=q.strip(), **context)
