"""One WebSocket in one room, as the room sees it. Bytes and callbacks only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

from coterie.server.access import Access
from coterie.server.rooms.authority import level_needed
from coterie.server.rooms.frames import ClientFrame
from coterie.wire.close_codes import CloseCode


class VerifiedUser(Protocol):
    """The person as the server's identity provider vouches for them (jupyter_server's ``User``)."""

    username: str
    name: str
    display_name: str
    initials: str | None
    avatar_url: str | None
    color: str | None


class Connection:
    """A connection has an access of its own; a change of it counts from the next frame on.

    *send* must neither block nor raise; *end* closes the connection and must be safe to call more than once.
    """

    def __init__(
        self,
        access: Access,
        user: VerifiedUser,
        send: Callable[[bytes], None],
        end: Callable[[CloseCode], None],
    ) -> None:
        self.access = access
        self.send = send
        self.end = end
        self.dropped = 0
        self._user = user

    def may_send(self, frame: ClientFrame) -> bool:
        """Whether the connection's access is enough for *frame*. A refusal is counted in ``dropped``."""
        if self.access.allows(level_needed(frame)):
            return True
        self.dropped += 1
        return False

    @property
    def identity(self) -> dict[str, Any]:
        """What others are shown of this person, in the stock front end's keys, and the role."""
        return {**describe(self._user), "role": self.access.role.word}


def describe(user: VerifiedUser) -> dict[str, Any]:
    """The keys of a person that the front end shows.

    Colour and initials are made up from the name if there are none, so that everybody sees the same ones.
    """
    shown = user.display_name or user.name or user.username
    person = {
        "username": user.username,
        "name": user.name or user.username,
        "display_name": shown,
        "initials": user.initials or "".join(word[0] for word in shown.split()[:2]).upper(),
        "color": user.color or f"var(--jp-collaborator-color{_color(user.username)})",
    }
    if user.avatar_url:
        person["avatar_url"] = user.avatar_url
    return person


def _color(username: str) -> int:
    """One of the seven colours of JupyterLab's themes for people who work together."""
    return hashlib.sha256(username.encode()).digest()[0] % 7 + 1
