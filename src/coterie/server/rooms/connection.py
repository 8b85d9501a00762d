"""One WebSocket in one room, as the room sees it. Bytes and callbacks only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

from coterie.server.access import Access
from coterie.server.rooms.authority import largest_frame, level_needed
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


class Outlet(Protocol):
    """Where the messages for one connection go: whole WebSocket frames, as ``frames.to_wire`` makes them.

    None of it blocks or raises, and after the connection has ended none of it does anything.
    """

    @property
    def is_idle(self) -> bool:
        """Whether everything that was sent has left for the network."""

    def offer(self, wire: bytes) -> bool:
        """Send, unless too much waits already; False if that is so."""

    def send(self, wire: bytes) -> None:
        """Send what may not be left out. Ends the connection if too much of that waits."""


class Connection:
    """A connection has an access of its own; a change of it counts from the next frame on.

    *on_activity* is called whenever the person has done something: changed the document, or moved in it.

    *end* closes the connection at once and for good: nothing is sent or taken afterwards. It is safe to call more than
    once, and takes the connection out of its room.
    """

    def __init__(
        self,
        access: Access,
        user: VerifiedUser,
        outlet: Outlet,
        end: Callable[[CloseCode], None],
        on_activity: Callable[[Connection], None] = lambda _: None,
    ) -> None:
        self.outlet = outlet
        self.end = end
        self._on_activity = on_activity
        self.dropped = 0
        self._access = access
        self._user = user
        self._identity = self._describe()

    @property
    def access(self) -> Access:
        return self._access

    @access.setter
    def access(self, access: Access) -> None:
        self._access = access
        self._identity = self._describe()

    @property
    def identity(self) -> dict[str, Any]:
        """What others are shown of this person, in the stock front end's keys, and the role. Not to be changed."""
        return self._identity

    @property
    def largest_frame(self) -> int:
        """Bytes of the largest frame that is read, by the role of now."""
        return largest_frame(self._access.role)

    def may_send(self, frame: ClientFrame) -> bool:
        """Whether the connection's access is enough for *frame*. A refusal is counted in ``dropped``."""
        if self._access.allows(level_needed(frame)):
            return True
        self.dropped += 1
        return False

    def stirred(self) -> None:
        """The person has done something here."""
        self._on_activity(self)

    def _describe(self) -> dict[str, Any]:
        return {**describe(self._user), "role": self._access.role.word}


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
