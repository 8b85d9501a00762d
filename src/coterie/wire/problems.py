"""Problem documents (RFC 9457): the body of every answer that is an error, and the codes it can carry."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field


class ProblemCode(StrEnum):
    """What went wrong, for programs. Each has a status and a title in ``coterie.service.problems``."""

    SIGN_IN_NEEDED = "sign-in-needed"
    NOT_A_PERSON = "not-a-person"
    FORGED_REQUEST = "forged-request"
    WORKSPACE_NOT_FOUND = "workspace-not-found"
    NOT_FOUND = "not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    ROLE_TOO_WEAK = "role-too-weak"
    CREATOR_IS_FIXED = "creator-is-fixed"
    ROLE_NOT_GRANTABLE = "role-not-grantable"
    PRINCIPAL_NOT_AVAILABLE = "principal-not-available"
    ADMINISTRATORS_ONLY = "administrators-only"
    ONESELF = "oneself"
    INVITATION_UNKNOWN = "invitation-unknown"
    INVITATION_REVOKED = "invitation-revoked"
    INVITATION_EXPIRED = "invitation-expired"
    INVITATION_USED_UP = "invitation-used-up"
    INVITATION_BLOCKED = "invitation-blocked"
    INVITATION_IS_OWN = "invitation-is-own"
    INVITATION_HAS_NO_MAKER = "invitation-has-no-maker"
    SERVER_NOT_RUNNING = "server-not-running"
    TOO_MANY_INVITATIONS = "too-many-invitations"
    TOO_MANY_GUESSES = "too-many-guesses"
    INVALID_INPUT = "invalid-input"
    TOO_MANY_STREAMS = "too-many-streams"
    TOO_MANY_REQUESTS = "too-many-requests"
    CONTENT_TOO_LARGE = "content-too-large"
    REQUEST_TOO_SLOW = "request-too-slow"
    ANSWER_TOO_SLOW = "answer-too-slow"
    SERVICE_UNREACHABLE = "service-unreachable"
    CONFLICT = "conflict"
    HUB_UNAVAILABLE = "hub-unavailable"
    STORE_UNAVAILABLE = "store-unavailable"
    INTERNAL_ERROR = "internal-error"


#: Said by the service and by a server alike, in the same words whether there is such a workspace or not.
UNKNOWN_WORKSPACE = "This workspace does not exist, or you have no access to it."


class Problem(BaseModel):
    """An RFC 9457 problem document. *detail* is a sentence for people that says what to do."""

    type: str = Field(description="A URI that identifies the kind of problem.", examples=["about:blank"])
    title: str = Field(description="The kind of problem in a few words.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="What is wrong here and what to do about it.")
    code: ProblemCode = Field(description="The kind of problem, for programs.")
