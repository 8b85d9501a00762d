"""What administrators do about people."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from coterie.actions.anonymise import anonymise, plan_anonymisation
from coterie.service.api.documented import CHANGE, refusals
from coterie.service.dependencies import InWorld
from coterie.service.sign_in import ActingCaller
from coterie.wire.anonymising import Anonymisation
from coterie.wire.problems import ProblemCode

router = APIRouter(tags=["users"])

Preview = Annotated[bool, Query(description="Tell what it would do, and do nothing.")]
Earlier = Annotated[bool, Query(description="Whoever had this name before its present account was made.")]


@router.post(
    "/users/{name:path}/anonymise",
    responses=refusals(*CHANGE, ProblemCode.ADMINISTRATORS_ONLY, ProblemCode.ONESELF, ProblemCode.NOT_FOUND),
)
async def anonymise_user(
    world: InWorld, caller: ActingCaller, name: str, preview: Preview = False, earlier: Earlier = False
) -> Anonymisation:
    """Remove every grant that names the person, take over what they created, stop their home and forget their name
    (administrators). Where the Hub has no account of this name any more, it is about everybody who ever had it. Doing
    it again changes nothing."""
    if preview:
        plan = await plan_anonymisation(world, caller.person, name, earlier=earlier)
        return plan.answer(preview=True)
    return await anonymise(world, caller, name, earlier=earlier)
