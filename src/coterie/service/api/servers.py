"""What a server asks about itself, with its own token: never about another, and nothing it could change."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from coterie.actions.copy import find_source
from coterie.actions.errors import unknown_workspace
from coterie.actions.explain import decide_at_once, decide_for_server
from coterie.actions.follow import follow_events
from coterie.actions.names import name_people
from coterie.actions.sessions import report_session
from coterie.actions.world import World
from coterie.hubapi import HubError
from coterie.service.api.documented import SERVER, refusals
from coterie.service.dependencies import InWorld
from coterie.service.sign_in import CallingServer
from coterie.service.tokens import Tokens
from coterie.store import StoredWorkspace
from coterie.wire.bodies import (
    DecisionsQuestion,
    NamesQuestion,
    PeopleNames,
    ServerDecision,
    ServerDecisions,
    ServerFacts,
)
from coterie.wire.names import is_reserved

router = APIRouter(tags=["servers"], prefix="/server", responses=refusals(*SERVER))

Session = Annotated[str, Query(pattern=re.compile(r"^[A-Za-z0-9_-]{8,64}$"), description="The id of this run.")]

OwnSession = Annotated[
    str | None,
    Query(
        pattern=re.compile(r"^[A-Za-z0-9_-]{8,64}$"),
        description="The id of this run. What was given for a session counts only in that one, and where this is left "
        "out for nothing.",
    ),
]

#: Of a negative one no database could say what comes after it.
Position = Annotated[int | None, Query(ge=0, description="The revision that was seen last.")]


@router.get("")
async def read_facts(world: InWorld, account: CallingServer) -> ServerFacts:
    """Which workspace or home this server runs, and of a copy that has not begun yet, whose files it starts with."""
    stored = await _workspace(world, account)
    return ServerFacts(
        workspace=stored.public_id,
        name=stored.title,
        page_url=f"{world.service_url}w/{stored.public_id}",
        is_copy=stored.copied_from is not None,
        source=await find_source(world, stored),
    )


@router.get("/decisions/{name}")
async def read_decision(
    world: InWorld, account: CallingServer, name: str, session: OwnSession = None
) -> ServerDecision:
    """What the person called `name` may do here now."""
    return await decide_for_server(world, await _workspace(world, account), session, name)


@router.post("/decisions")
async def read_decisions(
    world: InWorld, account: CallingServer, question: DecisionsQuestion, session: OwnSession = None
) -> ServerDecisions:
    """What several people may do here now, all by one question: so a change that is about everybody reaches everybody
    at once. Changes nothing; the names travel in a body because they may be many."""
    return await decide_at_once(world, await _workspace(world, account), session, question.names)


@router.post("/names")
async def read_names(world: InWorld, account: CallingServer, question: NamesQuestion) -> PeopleNames:
    """The names of people by their ids, as far as they have to do with this server's workspace, or once had. Changes
    nothing; the ids travel in a body because they may be many."""
    return await name_people(world, await _workspace(world, account), question.people)


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "`access` and `alive` events."}},
)
async def read_events(
    request: Request, world: InWorld, account: CallingServer, session: Session, after: Position = None
) -> StreamingResponse:
    """Whose access to look at again, as server-sent events, from the revision `after` on (default: from now).
    Following it is how the gate reports that it is up in `session`."""
    stored = await _workspace(world, account)
    await report_session(world, stored, session)
    tokens: Tokens = request.app.state.tokens
    token = request.headers["Authorization"].partition(" ")[2].strip()

    async def is_still_there() -> bool:
        try:
            return await tokens.server_behind(token) == account
        except HubError:
            return True  # a Hub that restarts must not cost everybody their open documents

    events: AsyncIterator[str] = follow_events(world, stored, after=after, is_still_there=is_still_there)
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _workspace(world: World, account: str) -> StoredWorkspace:
    """The workspace of *account*, a person's home being made known the first time it is seen."""
    async with world.store.reading() as tx:
        stored = await tx.find_workspace_by_account(account)
    if is_reserved(account):
        if stored is None:
            raise unknown_workspace()
        return stored
    owner = await world.people.find(account)
    if owner is None:
        raise unknown_workspace()
    async with world.store.writing() as tx:
        return await tx.see_home(owner.id, account, world.now())
