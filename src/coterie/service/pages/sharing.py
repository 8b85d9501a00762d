"""The share window of a workspace: who has access, and changing it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from coterie.actions.change import change_workspace
from coterie.actions.errors import Refused
from coterie.actions.listing import get_workspace
from coterie.actions.principals import search_principals
from coterie.actions.share import list_grants, remove_grants, set_grant
from coterie.actions.world import World
from coterie.service.dependencies import InWorld
from coterie.service.pages.rendering import SignedIn, addresses_of, answer, offers
from coterie.service.pages.requests import Field, read, wants_fragment
from coterie.service.sign_in import GuardedForm, SignedInOnPage
from coterie.wire.bodies import GrantChange, KindWord, Principal, WorkspaceChange
from coterie.wire.problems import ProblemCode

router = APIRouter(prefix="/w/{workspace_id}/share", include_in_schema=False)


@router.get("")
async def show_window(request: Request, workspace_id: str, caller: SignedInOnPage, world: InWorld) -> Response:
    """The share window; for whoever may not manage access, their own role and whom to ask."""
    workspace = await get_workspace(world, caller.person, workspace_id)
    if not offers(workspace, "manage-access"):
        return answer(request, "sharing/own_access.html", caller, workspace=workspace)
    grants = await list_grants(world, caller.person, workspace_id)
    return answer(request, "sharing/window.html", caller, workspace=workspace, grants=grants.items)


@router.get("/principals")
async def suggest(request: Request, workspace_id: str, caller: SignedInOnPage, world: InWorld, q: str = "") -> Response:
    """Whom the caller may share with, as options of the combobox."""
    await get_workspace(world, caller.person, workspace_id)
    found = await search_principals(world, caller.person, q.strip())
    return answer(request, "sharing/suggestions.html", caller, principals=found.items, typed=q.strip())


@router.post("/grants")
async def grant(
    request: Request,
    workspace_id: str,
    caller: GuardedForm,
    world: InWorld,
    q: Field = "",
    kind: Field = "",
    name: Field = "",
    role: Field = "",
) -> Response:
    """Gives a role to a principal: the one chosen (*kind* and *name*), or the one whose name was typed (*q*).

    Where several kinds go by the typed name, asks which one is meant and changes nothing.
    """
    change = read(GrantChange, role=role)
    chosen = [_principal(kind, name)] if kind else await _called(world, caller, q.strip())
    if len(chosen) > 1:
        return answer(
            request,
            "notice/which.html" if wants_fragment(request) else "sharing/which.html",
            caller,
            headers={"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"},
            workspace_id=workspace_id,
            principals=chosen,
            role=change.role,
        )
    principal = chosen[0]
    granted = await set_grant(world, caller.actor, workspace_id, principal.kind, principal.name, change)
    return await _changed(request, caller, world, workspace_id, "sharing/granted.html", grant=granted)


@router.post("/remove")
async def remove(
    request: Request,
    workspace_id: str,
    caller: GuardedForm,
    world: InWorld,
    kind: Field = "",
    name: Field = "",
) -> Response:
    """Removes all that names a principal, and says what still lets them in."""
    principal = _principal(kind, name)
    left = await remove_grants(world, caller.actor, workspace_id, principal.kind, principal.name)
    return await _changed(
        request, caller, world, workspace_id, "sharing/removed.html", principal=principal, remaining=left.remaining
    )


@router.post("/general-access")
async def set_general_access(
    request: Request, workspace_id: str, caller: GuardedForm, world: InWorld, general_access: Field = ""
) -> Response:
    """Sets who reaches the workspace without a grant."""
    change = read(WorkspaceChange, general_access=general_access)
    await change_workspace(world, caller.actor, workspace_id, change)
    return await _changed(request, caller, world, workspace_id, "sharing/general_access_set.html")


def _principal(kind: str, name: str) -> Principal:
    if not name:
        raise Refused(ProblemCode.INVALID_INPUT, "Type or choose whom to share with.")
    return read(Principal, kind=kind, name=name)


async def _called(world: World, caller: SignedIn, typed: str) -> list[Principal]:
    """Everybody the caller may share with who is called *typed*; a user of that name where nobody is."""
    kinds: tuple[KindWord, ...] = ("user", "right", "group")
    found = [await search_principals(world, caller.person, typed, kind) for kind in kinds if typed]
    exact = [principal for page in found for principal in page.items if principal.name == typed]
    return exact or [_principal("user", typed)]


async def _changed(
    request: Request, caller: SignedIn, world: World, workspace_id: str, template: str, **context: Any
) -> Response:
    """The answer to a change that was made: *template* with the list as it is now.

    Whoever has just taken the right to see the list from themselves gets the whole window anew.
    """
    if not wants_fragment(request):
        return RedirectResponse(addresses_of(request).path("w", workspace_id, "share"), 303)
    try:
        workspace = await get_workspace(world, caller.person, workspace_id)
        grants = await list_grants(world, caller.person, workspace_id)
    except Refused:
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    return answer(request, template, caller, workspace=workspace, grants=grants.items, **context)
