"""What a frame needs. The answer is weighed against the access of the *connection* that sent it, never of a room."""

from __future__ import annotations

from typing import assert_never

from coterie.policy.roles import Role
from coterie.server.rooms.frames import (
    MAX_FRAME,
    MAX_VIEWER_FRAME,
    Awareness,
    ClientFrame,
    QueryAwareness,
    Save,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
)


def level_needed(frame: ClientFrame) -> Role:
    """The weakest role that may send *frame*.

    A Viewer's ordinary handshake contains a SyncStep2, and the stock front end writes into a document as it opens it:
    what a connection may not send is dropped and counted, it is no reason to disconnect.
    """
    match frame:
        case SyncStep1() | Awareness() | QueryAwareness():
            return Role.VIEWER
        case SyncStep2() | SyncUpdate() | Save():
            return Role.EDITOR
        case _:
            assert_never(frame)


def largest_frame(role: Role) -> int:
    """Bytes. What a Viewer may say is short: where their cursor is, and what they have already."""
    return MAX_FRAME if role.reaches(Role.EDITOR) else MAX_VIEWER_FRAME
