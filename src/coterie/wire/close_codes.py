"""Why a WebSocket of a workspace's server was closed: codes, and the reasons that travel with them.

A close frame holds at most 123 bytes of reason (RFC 6455, section 5.5: 125 less the code's two).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

#: The status code with which the stock collaboration client drops a document for good instead of reconnecting.
ROOM_ENDED = 1003


@dataclass(frozen=True, slots=True)
class CloseCode:
    """One way a connection ends. *word* names it for programs, *message* says it to the person."""

    status: int
    word: str
    message: str

    @property
    def reason(self) -> str:
        """The reason for any WebSocket but a room's: ``{"code": word, "message": message}``."""
        return json.dumps({"code": self.word, "message": self.message}, separators=(",", ":"))

    @property
    def room_reason(self) -> str:
        """The reason for a room that closes with ROOM_ENDED: the keys that the stock client reads, and our word."""
        body = {
            "reason": "initialization_error",
            "errorReason": self.message,
            "reloadable": False,
            "code": self.word,
        }
        return json.dumps(body, separators=(",", ":"))


ACCESS_ENDED = CloseCode(4403, "access-ended", "Your access has been removed.")
ROLE_CHANGED = CloseCode(4409, "role-changed", "Your role has changed.")
TOO_SLOW = CloseCode(4429, "too-slow", "The connection did not keep up.")
SERVICE_UNREACHABLE = CloseCode(4503, "service-unreachable", "Access cannot be checked now. It comes back by itself.")

CLOSE_CODES = (ACCESS_ENDED, ROLE_CHANGED, TOO_SLOW, SERVICE_UNREACHABLE)
