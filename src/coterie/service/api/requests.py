"""Who asks for access, and what they are answered."""

from __future__ import annotations

from fastapi import APIRouter, Response

from coterie.actions.requests import answer_request, list_requests, request_access
from coterie.service.api.documented import CHANGE, CHANGE_IN_WORKSPACE, WORKSPACE, refusals
from coterie.service.dependencies import InWorld
from coterie.service.sign_in import ActingCaller, Caller
from coterie.wire.bodies import Page
from coterie.wire.problems import ProblemCode
from coterie.wire.requests import AccessRequest, NewRequest, RequestAnswer

router = APIRouter(tags=["requests"], prefix="/workspaces/{workspace}/requests")


@router.post("", status_code=202, response_class=Response, responses=refusals(*CHANGE))
async def add_request(world: InWorld, caller: ActingCaller, workspace: str, new: NewRequest | None = None) -> Response:
    """Ask those who manage access to let you in, or to give you a stronger role. The answer is the same whether there
    is such a workspace or not; asking again changes nothing."""
    await request_access(world, caller, workspace, new.note if new is not None else "")
    return Response(status_code=202)


@router.get("", responses=refusals(*WORKSPACE))
async def read_requests(world: InWorld, caller: Caller, workspace: str) -> Page[AccessRequest]:
    """Who waits for an answer, the first who asked first (Co-owner and up)."""
    return await list_requests(world, caller, workspace)


@router.put(
    "/{user:path}",
    status_code=204,
    responses=refusals(*CHANGE_IN_WORKSPACE, ProblemCode.CREATOR_IS_FIXED, ProblemCode.ROLE_NOT_GRANTABLE),
)
async def give_role(world: InWorld, caller: ActingCaller, workspace: str, user: str, answer: RequestAnswer) -> Response:
    """Give somebody who asked a role by name (Co-owner and up), also where you share no group with them."""
    await answer_request(world, caller, workspace, user, answer.role)
    return Response(status_code=204)


@router.delete("/{user:path}", status_code=204, responses=refusals(*CHANGE_IN_WORKSPACE))
async def decline(world: InWorld, caller: ActingCaller, workspace: str, user: str) -> Response:
    """Decline what somebody asked (Co-owner and up). They may ask again."""
    await answer_request(world, caller, workspace, user, None)
    return Response(status_code=204)
