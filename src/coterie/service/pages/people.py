"""People, for administrators: looking somebody up, and anonymising them."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from coterie.actions.anonymise import anonymise, plan_anonymisation
from coterie.actions.errors import Refused
from coterie.actions.lookup import look_up_people
from coterie.service.dependencies import InWorld
from coterie.service.pages.rendering import answer
from coterie.service.pages.requests import Field, wants_fragment
from coterie.service.sign_in import GuardedForm, SignedInOnPage
from coterie.wire.problems import ProblemCode

router = APIRouter(prefix="/people", include_in_schema=False)


@router.get("")
async def show_people(request: Request, caller: SignedInOnPage, world: InWorld, q: str = "") -> Response:
    """Whoever has the text *q* in their name, once there is one."""
    typed = q.strip()
    found = await look_up_people(world, caller.person, typed)
    return answer(request, "people/page.html", caller, typed=typed, found=found if typed else None)


@router.get("/anonymise")
async def show_plan(
    request: Request, caller: SignedInOnPage, world: InWorld, name: str = "", earlier: bool = False
) -> Response:
    """What anonymising whoever is called *name* comes to, and the form that does it."""
    plan = await plan_anonymisation(world, caller.person, name, earlier=earlier)
    return answer(request, "people/anonymise.html", caller, plan=plan, earlier=earlier)


@router.post("/anonymise")
async def do_anonymise(
    request: Request,
    caller: GuardedForm,
    world: InWorld,
    name: Field = "",
    confirmation: Field = "",
    earlier: Field = "",
) -> Response:
    """Does it, where the name was typed once more."""
    await plan_anonymisation(world, caller.person, name, earlier=bool(earlier))
    if confirmation != name:
        raise Refused(ProblemCode.INVALID_INPUT, "Type the name exactly as it is shown. Nothing was changed.")
    done = await anonymise(world, caller.actor, name, earlier=bool(earlier))
    template = "people/done_in_place.html" if wants_fragment(request) else "people/anonymised.html"
    return answer(request, template, caller, done=done)
