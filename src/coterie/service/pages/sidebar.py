"""The sidebar: a person's workspaces in a frame beside their work. It lists and opens, and changes nothing: whoever
shows the frame could lead a hand to anything in it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from coterie.actions.listing import list_sections
from coterie.service.dependencies import InWorld, WithSettings
from coterie.service.pages.rendering import answer
from coterie.service.pages.requests import wants_fragment
from coterie.service.sign_in import KnownTokens, SignInFirst, page_caller

router = APIRouter(include_in_schema=False)

#: How many workspaces a section shows; the page with all of them has the others.
FIRST = 100

_THEMES = ("light", "dark")


@router.get("/sidebar")
async def show_sidebar(
    request: Request,
    world: InWorld,
    settings: WithSettings,
    tokens: KnownTokens,
    q: str = "",
    theme: str = "",
    here: str = "",
) -> Response:
    """The caller's workspaces in a narrow column, the one with the id *here* marked. For nobody in particular, a button
    that opens the sign-in as a page: the Hub's cannot be shown in a frame."""
    look: dict[str, Any] = {"theme": theme if theme in _THEMES else None, "here": here}
    try:
        caller = await page_caller(request, world, settings, tokens)
    except SignInFirst:
        if wants_fragment(request):
            return Response(status_code=204, headers={"HX-Refresh": "true"})
        return answer(request, "sidebar/signed_out.html", **look)
    template = "sidebar/list.html" if wants_fragment(request) else "sidebar/page.html"
    sections = await list_sections(world, caller.person, q=q, limit=FIRST)
    return answer(request, template, sections=sections, q=q.strip(), first=FIRST, **look)
