"""Errors as answers: the one place that knows which status belongs to which problem."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from coterie.actions.errors import Refused
from coterie.hubapi import HubError
from coterie.service.attempts import noting
from coterie.service.dependencies import get_settings
from coterie.service.pages.problems import render_problem
from coterie.store import Conflict, Malformed, NotFound, StoreError
from coterie.wire.problems import Problem, ProblemCode

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

PROBLEMS: dict[ProblemCode, tuple[int, str]] = {
    ProblemCode.SIGN_IN_NEEDED: (401, "Sign-in needed"),
    ProblemCode.NOT_A_PERSON: (403, "Not for this token"),
    ProblemCode.FORGED_REQUEST: (403, "Not sent by a page of ours"),
    ProblemCode.WORKSPACE_NOT_FOUND: (404, "No such workspace"),
    ProblemCode.NOT_FOUND: (404, "Not found"),
    ProblemCode.METHOD_NOT_ALLOWED: (405, "Method not allowed"),
    ProblemCode.ROLE_TOO_WEAK: (403, "Not with this role"),
    ProblemCode.CREATOR_IS_FIXED: (403, "The Creator stays"),
    ProblemCode.ROLE_NOT_GRANTABLE: (403, "This role cannot be given"),
    ProblemCode.PRINCIPAL_NOT_AVAILABLE: (404, "Nobody to share with"),
    ProblemCode.ADMINISTRATORS_ONLY: (403, "For administrators only"),
    ProblemCode.ONESELF: (403, "Not oneself"),
    ProblemCode.INVITATION_UNKNOWN: (404, "No such invitation"),
    ProblemCode.INVITATION_REVOKED: (410, "Revoked"),
    ProblemCode.INVITATION_EXPIRED: (410, "Run out"),
    ProblemCode.INVITATION_USED_UP: (410, "Used up"),
    ProblemCode.INVITATION_BLOCKED: (403, "Not for you"),
    ProblemCode.INVITATION_IS_OWN: (409, "Your own invitation"),
    ProblemCode.INVITATION_HAS_NO_MAKER: (410, "No longer good"),
    ProblemCode.SERVER_NOT_RUNNING: (409, "Not running"),
    ProblemCode.TOO_MANY_INVITATIONS: (409, "Too many invitations"),
    ProblemCode.TOO_MANY_GUESSES: (429, "Too many attempts"),
    ProblemCode.INVALID_INPUT: (422, "Invalid input"),
    ProblemCode.TOO_MANY_STREAMS: (429, "Too many at once"),
    ProblemCode.TOO_MANY_REQUESTS: (429, "Too many requests"),
    ProblemCode.CONTENT_TOO_LARGE: (413, "Too large"),
    ProblemCode.REQUEST_TOO_SLOW: (408, "Sent too slowly"),
    ProblemCode.ANSWER_TOO_SLOW: (503, "Took too long"),
    ProblemCode.SERVICE_UNREACHABLE: (503, "The service does not answer"),
    ProblemCode.CONFLICT: (409, "Changed meanwhile"),
    ProblemCode.HUB_UNAVAILABLE: (503, "The Hub does not answer"),
    ProblemCode.STORE_UNAVAILABLE: (503, "The database does not answer"),
    ProblemCode.INTERNAL_ERROR: (500, "Internal error"),
}

_BY_STATUS = {
    401: ProblemCode.SIGN_IN_NEEDED,
    404: ProblemCode.NOT_FOUND,
    405: ProblemCode.METHOD_NOT_ALLOWED,
    408: ProblemCode.REQUEST_TOO_SLOW,
    413: ProblemCode.CONTENT_TOO_LARGE,
}


def problem(code: ProblemCode, detail: str) -> Problem:
    """The document for *code*."""
    status, title = PROBLEMS[code]
    return Problem(type="about:blank", title=title, status=status, detail=detail, code=code)


def answer(request: Request, code: ProblemCode, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as an answer to *request*, with *headers* besides its own: JSON below ``api/``, a page elsewhere."""
    document = problem(code, detail)
    if request.url.path.startswith(f"{get_settings(request).prefix}api/"):
        response: Response = JSONResponse(document.model_dump(mode="json"), document.status, media_type=MEDIA_TYPE)
        if document.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
    else:
        response = render_problem(request, document)
    response.headers.update(headers or {})
    return response


def install(app: FastAPI) -> None:
    """Answer every error of *app* with a problem, and have the log told who was refused."""

    async def on_refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)  # noqa: S101  (registered for it alone)
        response = answer(request, error.code, error.detail)
        response.background = noting(request, error)
        return response

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return answer(request, ProblemCode.INVALID_INPUT, _first(error.errors()))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        code = _BY_STATUS.get(error.status_code, ProblemCode.INVALID_INPUT)
        detail = "There is nothing at this address." if code is ProblemCode.NOT_FOUND else error.detail
        return answer(request, code, detail, error.headers)

    async def on_hub(request: Request, error: Exception) -> Response:
        log.warning("A request failed because of the Hub: %s", error)
        return answer(request, ProblemCode.HUB_UNAVAILABLE, "JupyterHub does not answer as it should. Try again soon.")

    async def on_store(request: Request, error: Exception) -> Response:
        log.warning("A request failed in the store: %s", error)
        match error:
            case Conflict() | NotFound():
                return answer(request, ProblemCode.CONFLICT, "Somebody changed this at the same moment. Look again.")
            case Malformed():
                return answer(request, ProblemCode.INVALID_INPUT, str(error))
            case _:
                return answer(request, ProblemCode.STORE_UNAVAILABLE, "The database does not answer. Try again soon.")

    async def on_unknown(request: Request, error: Exception) -> Response:
        number = secrets.token_hex(4)
        log.error("Internal error %s at %s", number, request.url.path, exc_info=error)
        return answer(
            request, ProblemCode.INTERNAL_ERROR, f"Something broke. The log has it under the number {number}."
        )

    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(HubError, on_hub)
    app.add_exception_handler(StoreError, on_store)
    app.add_exception_handler(Exception, on_unknown)


def _first(errors: Sequence[Any]) -> str:
    """The first thing that is wrong, without repeating what was sent."""
    error = errors[0]
    # The parts of a place that are not names are the validators' own.
    parts = (str(part) for part in error["loc"] if part not in ("body", "path", "query"))
    place = ".".join(part for part in parts if part.isidentifier() or part.isdigit())
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
