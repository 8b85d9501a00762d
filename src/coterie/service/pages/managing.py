"""Small pages that each do one thing to one workspace: rename, mark, copy, archive, delete. They work in a window of
their own and without script; each leads back to the list."""

from __future__ import annotations

import unicodedata
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from coterie.actions.change import change_workspace, delete_workspace
from coterie.actions.copy import copy_workspace
from coterie.actions.errors import Refused
from coterie.actions.listing import get_workspace
from coterie.actions.share import list_grants
from coterie.actions.world import World
from coterie.policy import Act
from coterie.service.dependencies import InWorld
from coterie.service.pages.rendering import SignedIn, addresses_of, answer
from coterie.service.pages.requests import Field, read, wants_fragment
from coterie.service.sign_in import GuardedForm, SignedInOnPage
from coterie.wire.bodies import NAME_MAX, WorkspaceChange
from coterie.wire.copying import CopyOrder
from coterie.wire.problems import ProblemCode

router = APIRouter(prefix="/w/{workspace_id}", include_in_schema=False)

_COPY_OF = "Copy of "
#: How many of those who lose access the page names.
_LOSING = 10


@router.get("/rename")
async def show_rename(request: Request, workspace_id: str, caller: SignedInOnPage, world: InWorld) -> Response:
    """Asks for another name."""
    workspace = await get_workspace(world, caller.person, workspace_id, Act.RENAME)
    return answer(request, "managing/rename.html", caller, workspace=workspace, name=workspace.name)


@router.post("/rename")
async def rename(
    request: Request, workspace_id: str, caller: GuardedForm, world: InWorld, name: Field = ""
) -> Response:
    """Gives the workspace another name."""
    workspace = await get_workspace(world, caller.person, workspace_id, Act.RENAME)
    try:
        await change_workspace(world, caller.actor, workspace_id, read(WorkspaceChange, name=name))
    except Refused as error:
        return _ask_again(request, caller, error, "managing/rename.html", workspace=workspace, name=name)
    return _done(request, "renamed")


@router.get("/favourite")
async def show_favourite(request: Request, workspace_id: str, caller: SignedInOnPage, world: InWorld) -> Response:
    """Asks whether to put the caller's mark on the workspace, or to take it off."""
    workspace = await get_workspace(world, caller.person, workspace_id, Act.FAVOURITE)
    return answer(request, "managing/favourite.html", caller, workspace=workspace)


@router.get("/copy")
async def show_copy(request: Request, workspace_id: str, caller: SignedInOnPage, world: InWorld) -> Response:
    """Asks how to copy the workspace."""
    workspace = await get_workspace(world, caller.person, workspace_id, Act.COPY)
    order = {"name": f"{_COPY_OF}{workspace.name}"[:NAME_MAX], "with_outputs": True, "with_access": False}
    return answer(request, "managing/copy.html", caller, workspace=workspace, order=order)


@router.post("/copy")
async def copy(
    request: Request,
    workspace_id: str,
    caller: GuardedForm,
    world: InWorld,
    name: Field = "",
    with_outputs: Field = "",
    with_access: Field = "",
) -> Response:
    """Copies the workspace. A box that is not ticked is not sent."""
    workspace = await get_workspace(world, caller.person, workspace_id, Act.COPY)
    order: dict[str, str | bool] = {"name": name, "with_outputs": bool(with_outputs), "with_access": bool(with_access)}
    try:
        await copy_workspace(world, caller.actor, workspace_id, read(CopyOrder, **order))
    except Refused as error:
        return _ask_again(request, caller, error, "managing/copy.html", workspace=workspace, order=order)
    return _done(request, "copied")


@router.get("/archive")
async def show_archive(request: Request, workspace_id: str, caller: SignedInOnPage, world: InWorld) -> Response:
    """Asks whether to put the workspace into the archive, or to take it out."""
    workspace = await get_workspace(world, caller.person, workspace_id, Act.ARCHIVE)
    return answer(request, "managing/archive.html", caller, workspace=workspace)


@router.post("/archive")
async def archive(
    request: Request, workspace_id: str, caller: GuardedForm, world: InWorld, archived: Field = ""
) -> Response:
    """Puts the workspace into the archive, or takes it out where *archived* is not ``true``."""
    is_archived = archived == "true"
    await change_workspace(world, caller.actor, workspace_id, WorkspaceChange(archived=is_archived))
    return _done(request, "archived" if is_archived else "unarchived")


@router.get("/delete")
async def show_delete(request: Request, workspace_id: str, caller: SignedInOnPage, world: InWorld) -> Response:
    """Says what deleting the workspace takes from whom, and asks for its name."""
    return answer(request, "managing/delete.html", caller, **await _about_to_delete(world, caller, workspace_id))


@router.post("/delete")
async def delete(
    request: Request, workspace_id: str, caller: GuardedForm, world: InWorld, confirmation: Field = ""
) -> Response:
    """Deletes the workspace once its name has been typed."""
    about = await _about_to_delete(world, caller, workspace_id)
    if _as_typed(confirmation) != _as_typed(about["workspace"].name):
        error = Refused(ProblemCode.INVALID_INPUT, "This is not the name of the workspace. Nothing has been deleted.")
        return _ask_again(request, caller, error, "managing/delete.html", **about)
    await delete_workspace(world, caller.actor, workspace_id)
    return _done(request, "deleted")


async def _about_to_delete(world: World, caller: SignedIn, workspace_id: str) -> dict[str, Any]:
    workspace = await get_workspace(world, caller.person, workspace_id, Act.DELETE)
    grants = await list_grants(world, caller.person, workspace_id, limit=_LOSING)
    return {"workspace": workspace, "grants": grants.items, "more": grants.next is not None}


def _as_typed(name: str) -> str:
    """*name* without what cannot be told apart on a screen: the width of blanks, and how a letter is composed."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def _done(request: Request, word: str) -> Response:
    """The way back to the list, which says what was done."""
    to = addresses_of(request).path(done=word)
    if wants_fragment(request):
        return Response(status_code=204, headers={"HX-Redirect": to})
    return RedirectResponse(to, 303)


def _ask_again(request: Request, caller: SignedIn, error: Refused, template: str, **context: Any) -> Response:
    """The page as it was filled in, with what was wrong. Raises *error* where htmx shows it, and where the form is not
    what has to be put right."""
    if wants_fragment(request) or error.code is not ProblemCode.INVALID_INPUT:
        raise error
    return answer(request, template, caller, status=422, problem=error.detail, **context)
