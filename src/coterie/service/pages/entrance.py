"""The page of one workspace, its own link: the way into JupyterLab."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from coterie.actions.errors import Refused
from coterie.actions.listing import get_workspace
from coterie.actions.open import open_workspace
from coterie.service.dependencies import InWorld
from coterie.service.pages.rendering import answer
from coterie.service.pages.requests import wants_fragment
from coterie.service.sign_in import GuardedForm, SignedInOnPage
from coterie.wire.problems import ProblemCode

router = APIRouter(include_in_schema=False)


@router.get("/w/{workspace_id}")
async def show_workspace(request: Request, workspace_id: str, caller: SignedInOnPage, world: InWorld) -> Response:
    """The workspace's page. Looking at it changes nothing: the page itself asks to open, with the caller's token.

    Whoever may not see the workspace gets the page on which to ask for access, which is the same whether it exists.
    """
    try:
        workspace = await get_workspace(world, caller.person, workspace_id)
    except Refused as error:
        if error.code is not ProblemCode.WORKSPACE_NOT_FOUND:
            raise
        return answer(request, "entrance/no_access.html", caller, status=404, workspace_id=workspace_id)
    return answer(request, "entrance/page.html", caller, workspace=workspace, opened=None)


@router.post("/w/{workspace_id}/open")
async def open_(request: Request, workspace_id: str, caller: GuardedForm, world: InWorld) -> Response:
    """Makes sure that the caller gets in and the server runs; says where to follow the start."""
    opened = await open_workspace(world, caller.actor, workspace_id)
    if wants_fragment(request):
        return answer(request, "entrance/opened.html", caller, opened=opened)
    workspace = await get_workspace(world, caller.person, workspace_id)
    return answer(request, "entrance/page.html", caller, workspace=workspace, opened=opened)
