"""Copying a workspace."""

from __future__ import annotations

from fastapi import APIRouter

from coterie.actions.copy import copy_workspace
from coterie.service.api.documented import CHANGE_IN_WORKSPACE, refusals
from coterie.service.dependencies import InWorld
from coterie.service.sign_in import ActingCaller
from coterie.wire.bodies import WorkspaceDetail
from coterie.wire.copying import CopyOrder

router = APIRouter(tags=["workspaces"], responses=refusals(*CHANGE_IN_WORKSPACE))


@router.post("/workspaces/{workspace}/copy", status_code=201)
async def copy(world: InWorld, caller: ActingCaller, workspace: str, order: CopyOrder) -> WorkspaceDetail:
    """A new workspace of yours with the same files and packages, without known secret files (Editor and up; with the
    same access for others, Co-owner and up)."""
    return await copy_workspace(world, caller, workspace, order)
