"""The one error of this layer: an act that does not happen, with words for the person who asked."""

from __future__ import annotations

from coterie.policy import Decision, Refusal, Why
from coterie.wire.problems import UNKNOWN_WORKSPACE, ProblemCode

UNAVAILABLE_PRINCIPAL = (
    "There is nobody of that name whom you may share with. You can share with people who are in a group with you, "
    "with rights that you hold, and with any group."
)


class Refused(Exception):
    """The act did not happen and nothing changed. *detail* says why and what to do. *workspace* is where it was tried,
    an id or ``~name``, where that is known and whoever tried did not say it: for the log, and never for the answer."""

    def __init__(self, code: ProblemCode, detail: str, workspace: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.workspace = workspace


def unknown_workspace() -> Refused:
    """What everybody gets who may not know whether a workspace exists."""
    return Refused(ProblemCode.WORKSPACE_NOT_FOUND, UNKNOWN_WORKSPACE)


def refused(refusal: Refusal, decision: Decision) -> Refused:
    """The error for a policy's *refusal* of somebody with *decision*."""
    return Refused(ProblemCode(refusal.why.value), _sentence(refusal, decision))


def _sentence(refusal: Refusal, decision: Decision) -> str:
    match refusal.why:
        case Why.UNKNOWN_WORKSPACE:
            return UNKNOWN_WORKSPACE
        case Why.ROLE_TOO_WEAK:
            yours = decision.role.title if decision.role else "nobody"
            if refusal.need is None:
                return "This cannot be done with a home."
            return f"This needs the role {refusal.need.title} here; you are {yours}. Ask a Co-owner or the Creator."
        case Why.CREATOR_IS_FIXED:
            return "The Creator's role cannot be changed or removed."
        case Why.ROLE_NOT_GRANTABLE:
            return "This role cannot be given here."
        case Why.PRINCIPAL_NOT_AVAILABLE:
            return UNAVAILABLE_PRINCIPAL
        case Why.ADMINISTRATORS_ONLY:
            return "Only administrators make a workspace Global or anonymise somebody."
        case Why.INVITATION_REVOKED:
            return "This invitation has been revoked. Ask for a new one if you still need it."
        case Why.INVITATION_EXPIRED:
            return "This invitation has run out. Ask for a new one."
        case Why.INVITATION_USED_UP:
            return "As many people as it was for have accepted this invitation. Ask for a new one."
        case Why.INVITATION_BLOCKED:
            return "This invitation is not for you: whoever shares this has blocked you."
        case Why.INVITATION_IS_OWN:
            return "This is an invitation of your own. Send it to others; you are in already."
        case Why.INVITATION_HAS_NO_MAKER:
            return "Whoever made this invitation may not invite any more. Ask somebody else for a new one."
        case Why.SERVER_NOT_RUNNING:
            return "The server does not run now. Ask whoever invited you to start it, and try again."
        case Why.ONESELF:
            return "Nobody can do this to themselves. Ask another administrator."
