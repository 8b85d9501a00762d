"""Invitations: for those who manage access, and for whoever has the link of one."""

from __future__ import annotations

from fastapi import APIRouter, Response

from coterie.actions.accept import accept_invitation, preview_invitation
from coterie.actions.invite import list_invitations, make_invitation, revoke_invitations
from coterie.service.api.documented import CHANGE, CHANGE_IN_WORKSPACE, WORKSPACE, refusals
from coterie.service.dependencies import InWorld
from coterie.service.sign_in import ActingCaller, Caller
from coterie.wire.bodies import Page
from coterie.wire.invitations import Accepted, Invitation, InvitationPreview, MadeInvitation, NewInvitation, Secret
from coterie.wire.problems import ProblemCode

router = APIRouter(tags=["invitations"])

_ACCEPT = (
    *CHANGE,
    ProblemCode.INVITATION_UNKNOWN,
    ProblemCode.INVITATION_REVOKED,
    ProblemCode.INVITATION_EXPIRED,
    ProblemCode.INVITATION_HAS_NO_MAKER,
    ProblemCode.INVITATION_IS_OWN,
    ProblemCode.INVITATION_BLOCKED,
    ProblemCode.INVITATION_USED_UP,
    ProblemCode.SERVER_NOT_RUNNING,
    ProblemCode.TOO_MANY_GUESSES,
)


@router.post(
    "/workspaces/{workspace}/invitations",
    status_code=201,
    responses=refusals(
        *CHANGE_IN_WORKSPACE,
        ProblemCode.ROLE_NOT_GRANTABLE,
        ProblemCode.SERVER_NOT_RUNNING,
        ProblemCode.TOO_MANY_INVITATIONS,
    ),
)
async def add_invitation(
    world: InWorld, caller: ActingCaller, workspace: str, new: NewInvitation | None = None
) -> MadeInvitation:
    """Make a link that lets in whoever accepts it (Co-owner and up; of a home its owner). The answer is the only place
    where its secret is ever shown."""
    return await make_invitation(world, caller, workspace, new if new is not None else NewInvitation())


@router.get("/workspaces/{workspace}/invitations", responses=refusals(*WORKSPACE))
async def read_invitations(world: InWorld, caller: Caller, workspace: str) -> Page[Invitation]:
    """The invitations that are neither revoked nor run out, the oldest first (Co-owner and up; of a home its owner)."""
    return await list_invitations(world, caller, workspace)


@router.delete("/workspaces/{workspace}/invitations", status_code=204, responses=refusals(*CHANGE_IN_WORKSPACE))
async def revoke_all(world: InWorld, caller: ActingCaller, workspace: str) -> Response:
    """Have no link work any more (Co-owner and up; of a home its owner). Who accepted one stays."""
    await revoke_invitations(world, caller, workspace)
    return Response(status_code=204)


@router.delete(
    "/workspaces/{workspace}/invitations/{invitation}", status_code=204, responses=refusals(*CHANGE_IN_WORKSPACE)
)
async def revoke_one(world: InWorld, caller: ActingCaller, workspace: str, invitation: str) -> Response:
    """Have one link work no longer (Co-owner and up; of a home its owner). Who accepted it stays."""
    await revoke_invitations(world, caller, workspace, invitation)
    return Response(status_code=204)


@router.post("/invitations/preview", responses=refusals(*_ACCEPT))
async def preview(world: InWorld, caller: Caller, known: Secret) -> InvitationPreview:
    """Who invites, to what, with which role, until when. Changes nothing; the secret travels in a body, so that no log
    sees it."""
    return await preview_invitation(world, caller, known.secret.get_secret_value())


@router.post("/invitations/accept", responses=refusals(*_ACCEPT))
async def accept(world: InWorld, caller: ActingCaller, known: Secret) -> Accepted:
    """Become a guest. Accepting twice is the same as once."""
    return await accept_invitation(world, caller, known.secret.get_secret_value())
