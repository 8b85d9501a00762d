"""The page of an invitation: what it offers, accepting and declining it.

The secret stands behind the # of the address, which no browser sends. Script takes it from there and sends it in the
body of a form, so that no log, no page and no history has it.
"""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from coterie.actions.accept import OwnInvitation, accept_invitation, preview_invitation
from coterie.actions.errors import Refused
from coterie.service import problems
from coterie.service.attempts import noting
from coterie.service.dependencies import InWorld, WithSettings
from coterie.service.pages.rendering import SignedIn, addresses_of, answer
from coterie.service.pages.requests import Field
from coterie.service.sign_in import GuardedForm, KnownTokens, SignedInOnPage, SignInFirst, page_caller
from coterie.wire.invitations import Secret
from coterie.wire.problems import ProblemCode

router = APIRouter(prefix="/invite", include_in_schema=False)

#: Not even where somebody came from: the address of this page says that they were invited.
_HEADERS = {"Referrer-Policy": "no-referrer"}

#: What may be tried again with the same link, once something has been done about it or time has passed.
_MAY_CHANGE = (ProblemCode.SERVER_NOT_RUNNING, ProblemCode.TOO_MANY_GUESSES, ProblemCode.INVITATION_BLOCKED)


@router.get("/")
async def show_invitation(request: Request, world: InWorld, settings: WithSettings, tokens: KnownTokens) -> Response:
    """The page that invitations' links lead to; the same for all of them. Nobody is sent to sign in from here: the
    secret, which the service does not have, would be lost on the way or go along to the Hub."""
    try:
        caller = await page_caller(request, world, settings, tokens)
    except SignInFirst:
        caller = None
    return answer(request, "accepting/page.html", caller, headers=_HEADERS)


@router.get("/sign-in")
async def sign_in(request: Request, _: SignedInOnPage) -> Response:
    """Signs in by being a page that needs it, and leads back to the invitation."""
    return RedirectResponse(addresses_of(request).path("invite", ""), 303, headers=_HEADERS)


@router.post("/preview")
async def preview(request: Request, caller: GuardedForm, world: InWorld, secret: Field = "") -> Response:
    """What the invitation with this secret offers the caller, or why it refuses them. Changes nothing."""
    try:
        offer = await preview_invitation(world, caller.person, _plausible(secret))
    except Refused as refused:
        return _refuse(request, caller, refused)
    return answer(request, "accepting/offer.html", caller, headers=_HEADERS, offer=offer)


@router.post("/accept")
async def accept(request: Request, caller: GuardedForm, world: InWorld, secret: Field = "") -> Response:
    """Makes the caller a guest, and says where to go on."""
    try:
        accepted = await accept_invitation(world, caller.actor, _plausible(secret))
    except Refused as refused:
        return _refuse(request, caller, refused)
    to = addresses_of(request).path("w", accepted.workspace)
    return Response(status_code=204, headers=_HEADERS | {"HX-Redirect": to})


def _plausible(secret: str) -> str:
    """*secret* where it could be one. Raises Refused, without a word of what was sent."""
    try:
        return Secret.model_validate({"secret": secret}).secret.get_secret_value()
    except ValidationError:
        raise Refused(
            ProblemCode.INVITATION_UNKNOWN, "This link is not complete. Copy all of it, or ask for a new one."
        ) from None


def _refuse(request: Request, caller: SignedIn, refused: Refused) -> Response:
    problem = problems.problem(refused.code, refused.detail)
    page = answer(
        request,
        "accepting/refused.html",
        caller,
        status=problem.status,
        headers=_HEADERS,
        problem=problem,
        leads_to=refused.workspace if isinstance(refused, OwnInvitation) else None,
        may_change=refused.code in _MAY_CHANGE,
    )
    page.background = noting(request, refused)
    return page
