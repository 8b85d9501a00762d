"""What the Hub tells about accounts, groups, servers and tokens. Fields that Coterie does not read are left out."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class HubServer(BaseModel):
    """A server of an account, as the user model lists it while it exists."""

    ready: bool = False
    pending: Literal["spawn", "stop"] | None = None
    stopped: bool = False
    started: datetime | None = None
    url: str
    full_url: str | None = None


class HubUser(BaseModel):
    """An account in the Hub. *roles* are the ones held directly; those of groups are in HubGroup."""

    name: str
    admin: bool = False
    created: datetime
    groups: list[str] = Field(default_factory=list)
    roles: list[str] = Field(default_factory=list)
    servers: dict[str, HubServer] = Field(default_factory=dict)

    @property
    def server(self) -> HubServer | None:
        """The default server, None while it is stopped."""
        server = self.servers.get("")
        return None if server is None or server.stopped else server


class HubGroup(BaseModel):
    """A group in the Hub with the names of its members and of the roles they hold through it."""

    name: str
    users: list[str] = Field(default_factory=list)
    roles: list[str] = Field(default_factory=list)


class TokenOwner(BaseModel):
    """Who a token speaks for. *session_id* is set for tokens that a browser's sign-in made."""

    kind: str
    name: str
    scopes: list[str] = Field(default_factory=list)
    session_id: str | None = None
