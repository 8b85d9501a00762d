"""Workspaces: the sidebar's list, one of them, and what is done with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from coterie.actions.change import change_workspace, delete_workspace, set_favourite
from coterie.actions.create import create_workspace
from coterie.actions.listing import get_workspace, list_workspaces
from coterie.actions.open import follow_progress, open_workspace
from coterie.actions.stop import stop_workspace
from coterie.service.api.documented import CHANGE, CHANGE_IN_WORKSPACE, PERSON, WORKSPACE, refusals
from coterie.service.dependencies import InWorld
from coterie.service.sign_in import ActingCaller, Caller
from coterie.wire.bodies import (
    NAME_MAX,
    NewWorkspace,
    Opened,
    Page,
    Progress,
    SectionWord,
    Workspace,
    WorkspaceChange,
    WorkspaceDetail,
)
from coterie.wire.problems import ProblemCode

router = APIRouter(tags=["workspaces"], responses=refusals(*PERSON))

_STEPS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "One `Progress` object per event."}
}

Typed = Annotated[str, Query(max_length=NAME_MAX, description="A part of the name, whatever the case.")]
Limit = Annotated[int, Query(ge=1, le=500, description="At most so many items.")]


@router.get("/workspaces")
async def read_workspaces(
    world: InWorld,
    caller: Caller,
    q: Typed = "",
    section: SectionWord | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> Page[Workspace]:
    """The workspaces you have: created by you, shared with you by name, right or group, and Global ones. Newest
    first. Each is in one section: archived, else favourites, else mine, shared or global."""
    return await list_workspaces(world, caller, q=q, section=section, after=cursor, limit=limit)


@router.post("/workspaces", status_code=201, responses=refusals(*CHANGE))
async def add_workspace(world: InWorld, caller: ActingCaller, new: NewWorkspace) -> WorkspaceDetail:
    """Create a workspace; you are its Creator."""
    return await create_workspace(world, caller, new.name)


@router.get("/workspaces/{workspace}", responses=refusals(*WORKSPACE))
async def read_workspace(world: InWorld, caller: Caller, workspace: str) -> WorkspaceDetail:
    """One workspace with your role and the reasons for it."""
    return await get_workspace(world, caller, workspace)


@router.patch("/workspaces/{workspace}", responses=refusals(*CHANGE_IN_WORKSPACE, ProblemCode.ADMINISTRATORS_ONLY))
async def patch_workspace(
    world: InWorld, caller: ActingCaller, workspace: str, change: WorkspaceChange
) -> WorkspaceDetail:
    """Change the name or put it into the archive (Editor and up), or the general access (Co-owner and up; Global by
    administrators alone). All of it happens or nothing."""
    return await change_workspace(world, caller, workspace, change)


@router.delete("/workspaces/{workspace}", status_code=204, responses=refusals(*CHANGE_IN_WORKSPACE))
async def remove_workspace(world: InWorld, caller: ActingCaller, workspace: str) -> Response:
    """Stop the server and remove the workspace (Co-owner and up)."""
    await delete_workspace(world, caller, workspace)
    return Response(status_code=204)


@router.put("/workspaces/{workspace}/favourite", status_code=204, responses=refusals(*CHANGE_IN_WORKSPACE))
async def mark_favourite(world: InWorld, caller: Caller, workspace: str) -> Response:
    """Mark the workspace as a favourite of yours."""
    await set_favourite(world, caller, workspace, True)
    return Response(status_code=204)


@router.delete("/workspaces/{workspace}/favourite", status_code=204, responses=refusals(*CHANGE_IN_WORKSPACE))
async def unmark_favourite(world: InWorld, caller: Caller, workspace: str) -> Response:
    """Take your mark off."""
    await set_favourite(world, caller, workspace, False)
    return Response(status_code=204)


@router.post("/workspaces/{workspace}/open", responses=refusals(*CHANGE_IN_WORKSPACE, ProblemCode.SERVER_NOT_RUNNING))
async def open_(world: InWorld, caller: ActingCaller, workspace: str) -> Opened:
    """Make sure that the server runs and that you can get in. Follow `progress_url` until it is ready."""
    return await open_workspace(world, caller, workspace)


@router.post(
    "/workspaces/{workspace}/stop", status_code=202, response_class=Response, responses=refusals(*CHANGE_IN_WORKSPACE)
)
async def stop(world: InWorld, caller: ActingCaller, workspace: str) -> Response:
    """Stop the server (Editor and up; of a home its owner alone)."""
    await stop_workspace(world, caller, workspace)
    return Response(status_code=202)


@router.get(
    "/workspaces/{workspace}/progress",
    response_class=StreamingResponse,
    responses=_STEPS | refusals(*WORKSPACE, ProblemCode.TOO_MANY_STREAMS),
)
async def progress(world: InWorld, caller: Caller, workspace: str) -> StreamingResponse:
    """How the start goes, as server-sent events; the last one is `ready` with the address, or `failed`."""
    steps = follow_progress(world, caller, workspace)
    first = await anext(steps)  # a refusal is raised here, while it can still be an answer of its own
    return StreamingResponse(
        _event_stream(first, steps), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _event_stream(first: Progress, following: AsyncIterator[Progress]) -> AsyncIterator[str]:
    yield f"data: {first.model_dump_json()}\n\n"
    async for step in following:
        yield f"data: {step.model_dump_json()}\n\n"
