"""Errors as people see them: a page, or a line in the page that is there."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from coterie.service.pages.rendering import answer
from coterie.service.pages.requests import wants_fragment
from coterie.wire.problems import Problem


def render_problem(request: Request, problem: Problem) -> Response:
    """*problem* as HTML: a fragment for htmx, which shows it in the page's live region, else a page of its own.

    Nothing of the address or the person goes into it, so that the page for a workspace that does not exist and for one
    that somebody may not see is the same to the byte.
    """
    template = "notice/problem.html" if wants_fragment(request) else "error.html"
    return answer(request, template, status=problem.status, problem=problem)
