"""Why somebody has access."""

from __future__ import annotations

from fastapi import APIRouter

from coterie.actions.explain import explain_access
from coterie.service.api.documented import WORKSPACE, refusals
from coterie.service.dependencies import InWorld
from coterie.service.sign_in import Caller
from coterie.wire.bodies import Access

router = APIRouter(tags=["access"], responses=refusals(*WORKSPACE))


@router.get("/workspaces/{workspace}/access/{user}")
async def read_access(world: InWorld, caller: Caller, workspace: str, user: str) -> Access:
    """The decision for a user with all its reasons: your own with any role, others' as Co-owner and up."""
    return await explain_access(world, caller, workspace, user)
