"""What anonymising somebody does, or would do."""

from __future__ import annotations

from pydantic import BaseModel, Field


class MovedWorkspace(BaseModel):
    """A workspace whose Creator becomes whoever anonymises."""

    id: str
    name: str


class Anonymisation(BaseModel):
    """What was done to anonymise somebody, or, in a preview, what would be. Doing it again finds nothing to do."""

    user: str
    preview: bool
    pseudonym: str | None = Field(
        description="What the person is called from now on: the latest one's, where several had that name. Null in a "
        "preview, and where nothing was there to be done."
    )
    grants_removed: int = Field(description="How many grants named the person.")
    workspaces_moved: list[MovedWorkspace] = Field(description="What the person had created; yours now.")
    own_grants_dropped: int = Field(description="How many grants named you in what moved; you are the Creator instead.")
    invitations_revoked: int = Field(description="How many invitations the person had made that still worked.")
    home_stopped: bool = Field(description="Whether the person's own server ran, and was stopped.")
