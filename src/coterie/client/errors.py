"""What can go wrong between a server and the service. No text here ever holds a token."""

from __future__ import annotations


class ServiceError(Exception):
    """The service gave no usable answer. ``str()`` is a sentence for people."""


class ServiceUnreachable(ServiceError):
    """Nobody answered in time, or the answer was broken. Asking again later may help."""


class ServiceRefused(ServiceError):
    """The service understood and said no. *status* is the HTTP status, *code* the problem's code ("" for none)."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
