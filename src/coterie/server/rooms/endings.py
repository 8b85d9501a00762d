"""How a room's WebSocket is closed, beyond what every WebSocket of a server shares (``coterie.wire.close_codes``).

The stock front end drops a document for good on 1003 and shows the JSON reason; before it has synchronised it also
gives up on 4400, 4404 and 4500; on anything else it reconnects.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from coterie.wire.close_codes import ACCESS_ENDED, ROOM_ENDED, CloseCode

MALFORMED_FRAME = CloseCode(1002, "malformed-frame", "The connection sent something that is not a frame.")
UNKNOWN_FRAME = CloseCode(1002, "unknown-frame", "The connection sent a frame of an unknown kind.")
UNREADABLE = CloseCode(4400, "unreadable", "The file cannot be read as this kind of document.")
NOT_FOUND = CloseCode(4404, "not-found", "The file could not be found.")
LOAD_FAILED = CloseCode(4500, "load-failed", "The file could not be loaded.")
DELETED = CloseCode(ROOM_ENDED, "deleted", "The file was deleted.")
OPEN_ELSEWHERE = CloseCode(ROOM_ENDED, "open-elsewhere", "It is open by another name.")
OPEN_OTHERWISE = CloseCode(ROOM_ENDED, "open-otherwise", "It is open in another editor.")
NOT_KEPT = CloseCode(4503, "not-kept", "Edits cannot be kept now. Yours stay in this page and are sent again.")
STOPPING = CloseCode(1001, "stopping", "The server is being stopped.")
TOO_DEEP = CloseCode(ROOM_ENDED, "too-deep", "It is nested too deeply.")
STALE_SESSION = CloseCode(ROOM_ENDED, "stale-session", "The document was loaded anew. Reload the page.")


@dataclass(frozen=True, slots=True)
class Ending:
    """A close frame: a status and at most 123 bytes of reason."""

    status: int
    reason: str


def ending(code: CloseCode) -> Ending:
    """The close frame of a room for *code*, in the words that make the stock front end do the right thing."""
    if code is STALE_SESSION:
        body = {"reason": "unknown_session", "reloadable": True, "code": code.word}
        return Ending(code.status, json.dumps(body, separators=(",", ":")))
    if code is ACCESS_ENDED or code.status == ROOM_ENDED:
        return Ending(ROOM_ENDED, code.room_reason)
    return Ending(code.status, code.reason)
