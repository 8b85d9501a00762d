"""Invitations in the share window: making and revoking links, and the guests who came by them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from coterie.actions.errors import Refused
from coterie.actions.guests import lift_blocks, list_blocked, list_guests, remove_all_guests, remove_guest
from coterie.actions.hub_shares import admit, list_hub_shares, remove_hub_share
from coterie.actions.invite import list_invitations, make_invitation, revoke_invitations
from coterie.actions.listing import get_workspace
from coterie.actions.world import World
from coterie.hubapi import HubError
from coterie.policy import Act, Role
from coterie.service.dependencies import InWorld
from coterie.service.pages.rendering import SignedIn, addresses_of, answer
from coterie.service.pages.requests import Field, count_shown, number, read, wants_fragment
from coterie.service.sign_in import GuardedForm, PageCaller, SignedInOnPage
from coterie.wire.invitations import EXPIRES_MAX, EXPIRES_MIN, USES_MAX, Admission, HubShare, Invitation, NewInvitation
from coterie.wire.problems import ProblemCode

router = APIRouter(prefix="/w/{workspace_id}/share", include_in_schema=False)

#: How many guests are shown before somebody asks for more, and how many at most.
GUESTS_SHOWN = 50
GUESTS_SHOWN_MAX = 500


async def show_invited(
    world: World, caller: SignedIn, workspace_id: str, *, after: str | None = None, shown: int = GUESTS_SHOWN
) -> dict[str, Any]:
    """What templates need to show links, guests from *after* on, at most *shown* of them, and who is blocked. Raises
    Refused for whoever may not see them."""
    limit = max(GUESTS_SHOWN, min(shown, GUESTS_SHOWN_MAX))
    links = (await list_invitations(world, caller.person, workspace_id)).items
    guests = await list_guests(world, caller.person, workspace_id, after=after, limit=limit)
    blocked = await list_blocked(world, caller.person, workspace_id)
    return {
        "links": links,
        "working": {link.id: link for link in links},
        "to_the_second": _alike(links),
        "guests": guests.items,
        "more_guests": guests.next,
        "blocked": blocked.items,
    }


def _alike(links: list[Invitation]) -> set[str]:
    """The ids of those that were made in the same minute as another: the minute does not tell them apart."""
    minutes = {link.id: link.created_at.replace(second=0, microsecond=0) for link in links}
    count = Counter(minutes.values())
    return {link_id for link_id, minute in minutes.items() if count[minute] > 1}


@router.get("/guests")
async def show_guests(
    request: Request, workspace_id: str, caller: SignedInOnPage, world: InWorld, after: str | None = None
) -> Response:
    """The guests from *after* on, as rows that follow those that are there."""
    workspace = await get_workspace(world, caller.person, workspace_id, Act.MANAGE_ACCESS)
    invited = await show_invited(world, caller, workspace_id, after=after)
    return answer(request, "inviting/guests.html", caller, workspace=workspace, **invited)


@router.post("/invitations")
async def invite(
    request: Request,
    workspace_id: str,
    caller: GuardedForm,
    world: InWorld,
    role: Field = "",
    expires: Field = "",
    uses: Field = "",
    lifetime: Field = "",
    guests_shown: Field = "",
) -> Response:
    """Makes a link, and shows it the one time that it can be shown."""
    asked: dict[str, str | int] = {"role": role} if role else {}
    if expires:
        lasts = "How long a link works is not one that can be chosen."
        asked["expires_in"] = number(expires, EXPIRES_MIN, EXPIRES_MAX, lasts)
    if uses.strip():
        many = f"How many may use a link is a number from 1 to {USES_MAX}, or nothing."
        asked["max_uses"] = number(uses, 1, USES_MAX, many)
    if lifetime:
        asked["lifetime"] = lifetime
    made = await make_invitation(world, caller.actor, workspace_id, read(NewInvitation, **asked))
    template = "inviting/made.html" if wants_fragment(request) else "inviting/made_page.html"
    return await _show(request, caller, world, workspace_id, template, guests_shown, made=made)


@router.post("/invitations/revoke")
async def revoke_links(
    request: Request,
    workspace_id: str,
    caller: GuardedForm,
    world: InWorld,
    invitation: Field = "",
    guests_shown: Field = "",
) -> Response:
    """Has one link work no longer, or all of them where none is named."""
    count = await revoke_invitations(world, caller.actor, workspace_id, invitation or None)
    return await _changed(
        request, caller, world, workspace_id, "inviting/links_revoked.html", guests_shown, count=count
    )


@router.post("/guests/revoke")
async def revoke_guest(
    request: Request,
    workspace_id: str,
    caller: GuardedForm,
    world: InWorld,
    name: Field = "",
    block: Field = "",
    guests_shown: Field = "",
) -> Response:
    """Takes back what invitations gave somebody, with *block* for good, and says what still lets them in."""
    if not name:
        raise Refused(ProblemCode.INVALID_INPUT, "The name is missing.")
    removal = await remove_guest(world, caller.actor, workspace_id, name, block=bool(block))
    context = {"name": name, "is_blocked": bool(block), "removal": removal}
    return await _changed(request, caller, world, workspace_id, "inviting/revoked.html", guests_shown, **context)


@router.post("/guests/revoke-all")
async def revoke_guests(
    request: Request, workspace_id: str, caller: GuardedForm, world: InWorld, guests_shown: Field = ""
) -> Response:
    """Takes back what invitations gave, from everybody at once, and says what they may have left running."""
    removal = await remove_all_guests(world, caller.actor, workspace_id)
    template = "inviting/all_revoked.html"
    return await _changed(request, caller, world, workspace_id, template, guests_shown, removal=removal)


@router.post("/guests/unblock")
async def unblock(
    request: Request,
    workspace_id: str,
    caller: GuardedForm,
    world: InWorld,
    name: Field = "",
    guests_shown: Field = "",
) -> Response:
    """Lifts the block of somebody."""
    if not name:
        raise Refused(ProblemCode.INVALID_INPUT, "The name is missing.")
    await lift_blocks(world, caller.actor, workspace_id, name)
    return await _changed(request, caller, world, workspace_id, "inviting/unblocked.html", guests_shown, name=name)


@router.get("/hub-shares")
async def show_hub_shares(request: Request, workspace_id: str, caller: SignedInOnPage, world: InWorld) -> Response:
    """The shares of a home that somebody made at JupyterHub itself."""
    return answer(request, "inviting/hub_shares.html", caller, **await _hub_shares(world, caller, workspace_id))


@router.post("/hub-shares/admit")
async def admit_user(
    request: Request,
    workspace_id: str,
    caller: GuardedForm,
    world: InWorld,
    name: Field = "",
    role: Field = "",
    guests_shown: Field = "",
) -> Response:
    """Lets in, until the session ends, a user with whom the home was shared at JupyterHub itself."""
    given = Role.parse(read(Admission, role=role).role)
    await admit(world, caller.actor, workspace_id, name, given)
    context = await _hub_shares(world, caller, workspace_id) | {"name": name, "role": given.word}
    return await _changed(request, caller, world, workspace_id, "inviting/admitted.html", guests_shown, **context)


@router.post("/hub-shares/remove")
async def remove_share(
    request: Request,
    workspace_id: str,
    caller: GuardedForm,
    world: InWorld,
    kind: Field = "",
    name: Field = "",
    guests_shown: Field = "",
) -> Response:
    """Has JupyterHub withdraw such a share."""
    share = read(HubShare, kind=kind, name=name)
    await remove_hub_share(world, caller.actor, workspace_id, share)
    context = await _hub_shares(world, caller, workspace_id) | {"removed": share}
    return await _changed(
        request, caller, world, workspace_id, "inviting/hub_share_removed.html", guests_shown, **context
    )


async def _hub_shares(world: World, caller: SignedIn, workspace_id: str) -> dict[str, Any]:
    """The shares, or None where JupyterHub does not say: the window is there all the same."""
    workspace = await get_workspace(world, caller.person, workspace_id, Act.MANAGE_ACCESS)
    try:
        shares = (await list_hub_shares(world, caller.person, workspace_id)).items
    except HubError:
        return {"workspace": workspace, "hub_shares": None}
    return {"workspace": workspace, "hub_shares": shares}


async def _changed(
    request: Request,
    caller: PageCaller,
    world: World,
    workspace_id: str,
    template: str,
    guests_shown: str,
    **context: Any,
) -> Response:
    """The answer to a change that was made; without script the window anew."""
    if not wants_fragment(request):
        return RedirectResponse(f"{addresses_of(request).path('w', workspace_id, 'share')}#invitations", 303)
    return await _show(request, caller, world, workspace_id, template, guests_shown, **context)


async def _show(
    request: Request,
    caller: PageCaller,
    world: World,
    workspace_id: str,
    template: str,
    guests_shown: str,
    **context: Any,
) -> Response:
    workspace = await get_workspace(world, caller.person, workspace_id, Act.MANAGE_ACCESS)
    invited = await show_invited(world, caller, workspace_id, shown=count_shown(guests_shown, GUESTS_SHOWN))
    return answer(request, template, caller, **({"workspace": workspace} | invited | context))
