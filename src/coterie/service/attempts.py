"""Who was refused what: noted for the audit log once the answer is on its way, so that it tells nothing by its time."""

from __future__ import annotations

import logging

from starlette.background import BackgroundTask
from starlette.requests import Request

from coterie.actions.audit import RECORDED_REFUSALS
from coterie.actions.errors import Refused
from coterie.actions.refusals import Attempt, Refusals
from coterie.hubapi import HubError
from coterie.service.dependencies import get_settings, get_world
from coterie.service.sign_in import acting_caller, get_tokens, token_of
from coterie.store import StoreError

log = logging.getLogger(__name__)


def noting(request: Request, refused: Refused) -> BackgroundTask | None:
    """What to do after the answer that *request* was *refused*; None where the log does not keep such."""
    return BackgroundTask(_note, request, refused) if refused.code in RECORDED_REFUSALS else None


async def _note(request: Request, refused: Refused) -> None:
    """Nothing where nobody is signed in: there is nobody to record."""
    token = token_of(request, get_settings(request))
    try:
        name = None if token is None else await get_tokens(request).person_behind(token)
        person = None if name is None else await get_world(request).people.find(name)
    except (HubError, StoreError) as error:
        log.warning("It is not recorded who was refused: %s", error)
        return
    if person is None:
        return
    # Of workspaces the API and the pages call the part of the path by different names.
    named = request.path_params.get("workspace", request.path_params.get("workspace_id"))
    noted: Refusals = request.app.state.refusals
    noted.note(
        Attempt(
            actor=await acting_caller(request, person),
            code=refused.code,
            workspace=refused.workspace or named,
            method=request.method,
            path=request.scope["route"].path,
        )
    )
