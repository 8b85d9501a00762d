"""What can go wrong with the Hub.

HubError
├── HubUnavailable   no answer, or one that says "later": trying again makes sense
└── HubRefused       an answer that says no: trying the same again does not
"""

from __future__ import annotations


class HubError(Exception):
    """The Hub did not do what was asked."""


class HubUnavailable(HubError):
    """The Hub cannot be reached or is not able to answer now."""


class HubRefused(HubError):
    """The Hub understood and said no. *status* is the HTTP status of its answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the Hub answered {status}: {message}")
        self.status = status
