"""Bodies of invitations: making, showing and accepting them, and the guests who came by them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr

from coterie.wire.bodies import GrantableWord, Input, RoleWord, Time

LifetimeWord = Literal["session", "lasting"]

#: How long an invitation may be accepted (seconds): at least, at most, and unless said otherwise.
EXPIRES_MIN, EXPIRES_MAX, EXPIRES_USUALLY = 60, 30 * 24 * 3600, 3600
#: How many people one invitation may let in, where that is limited at all.
USES_MAX = 10_000
#: No secret of ours is longer (characters); what is longer is none.
SECRET_MAX = 200


class NewInvitation(Input):
    """What an invitation is to give, and for how long it may be accepted."""

    role: GrantableWord | None = Field(
        default=None, description="`viewer` or `editor`; if left out, `editor` on a home and `viewer` on a workspace."
    )
    expires_in: int = Field(
        default=EXPIRES_USUALLY, ge=EXPIRES_MIN, le=EXPIRES_MAX, description="For how long it may be accepted (s)."
    )
    max_uses: int | None = Field(
        default=None, ge=1, le=USES_MAX, description="How many people may accept it; null for any number."
    )
    lifetime: LifetimeWord | None = Field(
        default=None,
        description="Whether the access it gives ends with the `session` or is `lasting`; always `session` on a home.",
    )


class Invitation(BaseModel):
    """An invitation, without its secret."""

    id: str
    role: RoleWord
    lifetime: LifetimeWord
    by: str = Field(description="Who made it.")
    created_at: Time
    expires_at: Time
    max_uses: int | None
    uses: int = Field(description="How many people have accepted it.")


class MadeInvitation(Invitation):
    """An invitation at the one time when its link is shown."""

    url: str = Field(description="The link. Its secret is kept nowhere: copy it now.")


class Secret(Input):
    """What stands behind the # of an invitation's link."""

    secret: Annotated[SecretStr, Field(min_length=1, max_length=SECRET_MAX, description="The secret.")]


class InvitationPreview(BaseModel):
    """What an invitation offers, for whoever has the link and could accept it."""

    workspace: str = Field(description="A workspace's id, or ~name for a home.")
    name: str
    by: str
    role: RoleWord
    lifetime: LifetimeWord
    expires_at: Time
    has_role: RoleWord | None = Field(description="The role that the caller has here already.")


class Accepted(BaseModel):
    """What came of accepting an invitation."""

    workspace: str
    role: RoleWord = Field(description="The role that the caller has here now.")
    url: str = Field(description="The page that leads in.")


class Guest(BaseModel):
    """Somebody who accepted an invitation, or whom a home's owner admitted."""

    name: str
    role: RoleWord
    accepted_at: Time
    invitation: str = Field(description='The id of the invitation; "admitted" for somebody who came without one.')
    lifetime: LifetimeWord
    by: str = Field(description="Who invited or admitted them.")


class Blocked(BaseModel):
    """Somebody whom invitations and the link refuse."""

    name: str


class HubShare(BaseModel):
    """A share that was made at JupyterHub itself and that no grant stands behind: it lets nobody in."""

    kind: Literal["user", "group"]
    name: str


class Admission(Input):
    """The role of somebody whom a home's owner admits."""

    role: GrantableWord = Field(description="`viewer` or `editor`.")
