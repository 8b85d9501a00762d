"""The caller."""

from __future__ import annotations

from fastapi import APIRouter

from coterie.actions.listing import describe_me
from coterie.service.api.documented import PERSON, refusals
from coterie.service.sign_in import Caller
from coterie.wire.bodies import Me

router = APIRouter(tags=["me"], responses=refusals(*PERSON))


@router.get("/me")
async def read_me(caller: Caller) -> Me:
    """Who you are to Coterie: your name, whether you are an administrator, your groups and your rights."""
    return describe_me(caller)
