"""Asking for access on a workspace's page, and answering in its share window."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from coterie.actions.requests import answer_request, request_access
from coterie.service.dependencies import InWorld
from coterie.service.pages.rendering import answer
from coterie.service.pages.requests import Field, read, wants_fragment
from coterie.service.pages.sharing import Part, show_changed
from coterie.service.sign_in import GuardedForm
from coterie.wire.requests import NewRequest, RequestAnswer

router = APIRouter(prefix="/w/{workspace_id}/requests", include_in_schema=False)

#: How many of the people with access are shown once a request was answered.
_SHOWN = 100


@router.post("")
async def ask(request: Request, workspace_id: str, caller: GuardedForm, world: InWorld, note: Field = "") -> Response:
    """Asks for access. What comes back is the same whether there is such a workspace or not."""
    # The field shows lines, a note has none.
    new = read(NewRequest, note=note.replace("\r\n", " ").replace("\n", " "))
    await request_access(world, caller.actor, workspace_id, new.note)
    template = "requests/sent.html" if wants_fragment(request) else "requests/asked.html"
    return answer(request, template, caller, status=202)


@router.post("/answer")
async def answer_(
    request: Request,
    workspace_id: str,
    caller: GuardedForm,
    world: InWorld,
    user: Field = "",
    role: Field = "",
    decline: Field = "",
    matching: Field = "",
) -> Response:
    """Gives somebody who asked a role, or declines, and shows who still waits and who has access, as far as their
    names have *matching* in them.

    Whoever may not see that any more by then gets the whole window anew.
    """
    given = None if decline else read(RequestAnswer, role=role).role
    await answer_request(world, caller.actor, workspace_id, user, given)
    part = Part(matching.strip(), _SHOWN)
    return await show_changed(
        request, caller, world, workspace_id, part, "requests/answered.html", user=user, role=given
    )
