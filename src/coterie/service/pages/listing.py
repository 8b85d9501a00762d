"""The page with a person's workspaces: see them, make one, stop one."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from coterie.actions.create import create_workspace
from coterie.actions.listing import get_workspace, list_workspaces
from coterie.actions.stop import stop_workspace
from coterie.service.dependencies import InWorld
from coterie.service.pages.rendering import addresses_of, answer
from coterie.service.pages.requests import Field, read, wants_fragment
from coterie.service.sign_in import GuardedForm, SignedInOnPage
from coterie.wire.bodies import NewWorkspace

router = APIRouter(include_in_schema=False)


@router.get("/")
async def show_workspaces(
    request: Request, caller: SignedInOnPage, world: InWorld, after: str | None = None
) -> Response:
    """The caller's workspaces; with *after*, the part of the list that follows."""
    page = await list_workspaces(world, caller.person, after=after)
    template = "listing/part.html" if wants_fragment(request) else "listing/page.html"
    return answer(request, template, caller, page=page)


@router.post("/workspaces")
async def create(request: Request, caller: GuardedForm, world: InWorld, name: Field = "") -> Response:
    """Creates a workspace and shows it in the list."""
    workspace = await create_workspace(world, caller.actor, read(NewWorkspace, name=name).name)
    if not wants_fragment(request):
        return RedirectResponse(addresses_of(request).path(), 303)
    page = await list_workspaces(world, caller.person)
    return answer(request, "listing/created.html", caller, page=page, workspace=workspace)


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
