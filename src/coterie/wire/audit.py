"""What the audit log says: the acts, the ways on which people come, and the records as they are shown."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from coterie.wire.bodies import KindWord, Time


class AuditAct(StrEnum):
    """What somebody did, or tried to do."""

    CREATED = "created"
    RENAMED = "renamed"
    ARCHIVED = "archived"
    UNARCHIVED = "unarchived"
    COPIED = "copied"
    DELETED = "deleted"
    OPENED = "opened"
    STOPPED = "stopped"
    GRANTED = "granted"
    REMOVED = "removed"
    GENERAL_ACCESS_SET = "general-access-set"
    REQUESTED = "requested"
    DECLINED = "declined"
    INVITED = "invited"
    INVITATIONS_REVOKED = "invitations-revoked"
    ACCEPTED = "accepted"
    GUEST_REMOVED = "guest-removed"
    BLOCKED = "blocked"
    UNBLOCKED = "unblocked"
    ADMITTED = "admitted"
    HUB_SHARE_REMOVED = "hub-share-removed"
    ANONYMISED = "anonymised"
    MOVED = "moved"
    """The actor became the Creator in place of somebody who was anonymised."""
    REFUSED = "refused"
    """Nothing was done: the actor tried to."""


class Via(StrEnum):
    """The way on which somebody came who did it."""

    PAGE = "page"
    API = "api"
    LINK = "link"


class AuditWorkspace(BaseModel):
    """The workspace that something was done with, by the name that it had then."""

    id: str = Field(description="Its id, or ~name for a home.")
    name: str


class AuditSubject(BaseModel):
    """To whom something was done."""

    kind: KindWord
    name: str = Field(description="A user's present name, or the pseudonym.")


class AuditRecord(BaseModel):
    """Who did what."""

    id: str
    at: Time
    actor: str = Field(description="The present name, or the pseudonym.")
    act: AuditAct
    workspace: AuditWorkspace | None = Field(description="Null for what is about no single workspace.")
    subject: AuditSubject | None
    details: dict[str, str | int | bool | None]
    via: Via
    address: str | None = Field(description="Where the actor's request came from; for administrators alone, else null.")
    sentence: str = Field(description="The same for people.", examples=["alice made bob Editor"])
