"""Whom the caller may share with."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from coterie.actions.principals import search_principals
from coterie.service.api.documented import PERSON, refusals
from coterie.service.dependencies import InWorld
from coterie.service.sign_in import Caller
from coterie.wire.bodies import KindWord, Page, Principal

router = APIRouter(tags=["principals"], responses=refusals(*PERSON))

Text = Annotated[str, Query(max_length=255, description="A part of the name.")]


@router.get("/principals")
async def find_principals(
    world: InWorld, caller: Caller, q: Text = "", kind: KindWord | None = None
) -> Page[Principal]:
    """People who share a group with you, rights that you hold, and any group; for administrators, all of each."""
    return await search_principals(world, caller, q, kind)
