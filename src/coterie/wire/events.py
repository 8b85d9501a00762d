"""What the outbox and the event stream say. An event says whose access to look at again, never the outcome."""

from __future__ import annotations

from enum import StrEnum


class EventKind(StrEnum):
    """Why an event was written."""

    ACCESS = "access"
    """Grants or general access changed for the principal, or for everybody."""
    ACCEPTED = "accepted"
    """The principal accepted an invitation, and has more access than before."""
    INVITED = "invited"
    """Invitations were made or revoked. Nobody's access changed: only who manages it need look."""
    REQUESTED = "requested"
    """The principal asked for access, or was declined. Nobody's access changed: only who manages it need look."""
    OPENED = "opened"
    """The principal opened the workspace and waits to be let through the Hub."""
    REPORTED = "reported"
    """The gate of a new session is up."""
    ENDED = "ended"
    """The session is over."""
    REMOVED = "removed"
    """The workspace is gone."""


#: Names of the events in the stream that servers follow (server-sent events, WHATWG HTML section 9.2).
STREAM_ACCESS = "access"
STREAM_ALIVE = "alive"

#: Names of the events in the stream that a share window follows.
WINDOW_CHANGED = "changed"
WINDOW_ENDED = "ended"
