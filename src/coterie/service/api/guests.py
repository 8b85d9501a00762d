"""Guests, blocks, and shares of a home that were made at JupyterHub itself."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from coterie.actions.errors import Refused
from coterie.actions.guests import lift_blocks, list_blocked, list_guests, remove_all_guests, remove_guest
from coterie.actions.hub_shares import admit, list_hub_shares, remove_hub_share
from coterie.policy import Role, usual_role
from coterie.service.api.documented import CHANGE_IN_WORKSPACE, WORKSPACE, refusals
from coterie.service.dependencies import InWorld
from coterie.service.sign_in import ActingCaller, Caller
from coterie.wire.bodies import Page, Remaining
from coterie.wire.invitations import Admission, Blocked, Guest, HubShare
from coterie.wire.problems import ProblemCode

router = APIRouter(prefix="/workspaces/{workspace}", responses=refusals(*WORKSPACE))
guests = APIRouter(tags=["guests"], prefix="/guests")
hub_shares = APIRouter(tags=["hub shares"], prefix="/hub-shares")

Limit = Annotated[int, Query(ge=1, le=500, description="At most so many items.")]
Block = Annotated[bool, Query(description="No invitation and no link lets them in again.")]


@guests.get("")
async def read_guests(
    world: InWorld, caller: Caller, workspace: str, cursor: str | None = None, limit: Limit = 100
) -> Page[Guest]:
    """Who is here by an invitation, the first who accepted first (Co-owner and up; of a home its owner). Somebody who
    accepted two is there twice."""
    return await list_guests(world, caller, workspace, after=cursor, limit=limit)


@guests.delete("", status_code=204, responses=refusals(*CHANGE_IN_WORKSPACE))
async def revoke_all(world: InWorld, caller: ActingCaller, workspace: str) -> Response:
    """Take back what invitations gave, from everybody at once (Co-owner and up; of a home its owner). Links that still
    work can be used again."""
    await remove_all_guests(world, caller, workspace)
    return Response(status_code=204)


@guests.get("/blocks")
async def read_blocks(world: InWorld, caller: Caller, workspace: str) -> Page[Blocked]:
    """Whom invitations and the link refuse, by name (Co-owner and up; of a home its owner)."""
    return await list_blocked(world, caller, workspace)


@guests.delete("/blocks", status_code=204, responses=refusals(*CHANGE_IN_WORKSPACE))
async def lift_all_blocks(world: InWorld, caller: ActingCaller, workspace: str, block: bool | None = None) -> Response:
    """Lift all blocks (Co-owner and up; of a home its owner). It gives nobody access. With `block` somebody means a
    guest called `blocks`, and is refused."""
    if block is not None:
        raise Refused(ProblemCode.INVALID_INPUT, "A guest called blocks is removed among the grants.")
    await lift_blocks(world, caller, workspace)
    return Response(status_code=204)


@guests.delete("/blocks/{user:path}", status_code=204, responses=refusals(*CHANGE_IN_WORKSPACE))
async def lift_block(world: InWorld, caller: ActingCaller, workspace: str, user: str) -> Response:
    """Lift the block of one user (Co-owner and up; of a home its owner)."""
    await lift_blocks(world, caller, workspace, user)
    return Response(status_code=204)


@guests.delete("/{user:path}", responses=refusals(*CHANGE_IN_WORKSPACE))
async def revoke_one(
    world: InWorld, caller: ActingCaller, workspace: str, user: str, block: Block = False
) -> Remaining:
    """Take back what invitations gave one user (Co-owner and up; of a home its owner). Answers what still lets them in.
    A guest who is called `blocks` is removed among the grants."""
    removal = await remove_guest(world, caller, workspace, user, block=block)
    return Remaining(remaining=removal.remaining)


@hub_shares.get("")
async def read_hub_shares(world: InWorld, caller: Caller, workspace: str) -> Page[HubShare]:
    """JupyterHub's shares of a home that no grant stands behind, and that let nobody in (its owner)."""
    return await list_hub_shares(world, caller, workspace)


@hub_shares.put(
    "/user/{name:path}",
    status_code=204,
    responses=refusals(
        *CHANGE_IN_WORKSPACE,
        ProblemCode.ROLE_NOT_GRANTABLE,
        ProblemCode.SERVER_NOT_RUNNING,
        ProblemCode.INVITATION_BLOCKED,
    ),
)
async def admit_user(
    world: InWorld, caller: ActingCaller, workspace: str, name: str, admission: Admission | None = None
) -> Response:
    """Let a user who has such a share in until the session ends (the home's owner); without a body as Editor."""
    role = usual_role(is_home=True) if admission is None else Role.parse(admission.role)
    await admit(world, caller, workspace, name, role)
    return Response(status_code=204)


@hub_shares.delete("/{kind}/{name:path}", status_code=204, responses=refusals(*CHANGE_IN_WORKSPACE))
async def remove_share(
    world: InWorld, caller: ActingCaller, workspace: str, kind: Literal["user", "group"], name: str
) -> Response:
    """Have JupyterHub withdraw such a share (the home's owner)."""
    await remove_hub_share(world, caller, workspace, HubShare(kind=kind, name=name))
    return Response(status_code=204)


router.include_router(guests)
router.include_router(hub_shares)
