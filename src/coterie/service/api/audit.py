"""The audit log: who did what when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from coterie.actions.audit import Filters, export_audit, list_audit
from coterie.actions.errors import Refused
from coterie.actions.world import World
from coterie.policy import Person
from coterie.service.api.documented import PERSON, WORKSPACE, refusals
from coterie.service.dependencies import InWorld
from coterie.service.sign_in import Caller
from coterie.wire.audit import AuditAct, AuditRecord
from coterie.wire.bodies import InputTime, Page
from coterie.wire.problems import ProblemCode

router = APIRouter(tags=["audit"])

LINES = "application/x-ndjson"

_LINES_TOO: dict[int | str, dict[str, Any]] = {
    200: {"content": {LINES: {}}, "description": "A page of records; as JSON lines, every record that fits."}
}

Name = Annotated[str | None, Query(max_length=255, description="By whom: a present name or a pseudonym.")]
Limit = Annotated[int, Query(ge=1, le=500, description="At most so many items.")]
Format = Annotated[Literal["json", "jsonl"], Query(description="`jsonl`: everything that fits, a record per line.")]


def filters_of(
    actor: Name = None,
    act: AuditAct | None = None,
    since: InputTime | None = None,
    until: InputTime | None = None,
) -> Filters:
    """The filters in the query of a request."""
    return Filters(actor, act, since, until)


Filtered = Annotated[Filters, Depends(filters_of)]


@router.get(
    "/workspaces/{workspace}/audit",
    response_model=Page[AuditRecord],
    responses=_LINES_TOO | refusals(*WORKSPACE),
)
async def read_workspace_audit(
    request: Request,
    world: InWorld,
    caller: Caller,
    filters: Filtered,
    workspace: str,
    cursor: str | None = None,
    limit: Limit = 100,
    format: Format = "json",  # noqa: A002  (the name of the parameter in the address)
) -> Page[AuditRecord] | StreamingResponse:
    """What happened in a workspace, the latest first (Co-owner and up; a home's: its owner)."""
    if _wants_lines(request, format):
        return await lines(world, caller, workspace, filters)
    return await list_audit(world, caller, workspace, filters, after=cursor, limit=limit)


@router.get(
    "/audit",
    response_model=Page[AuditRecord],
    responses=_LINES_TOO | refusals(*PERSON, ProblemCode.ADMINISTRATORS_ONLY),
)
async def read_audit(
    request: Request,
    world: InWorld,
    caller: Caller,
    filters: Filtered,
    workspace: Annotated[str | None, Query(max_length=255, description="In this workspace, also one deleted.")] = None,
    cursor: str | None = None,
    limit: Limit = 100,
    format: Format = "json",  # noqa: A002
) -> Page[AuditRecord] | StreamingResponse:
    """What happened everywhere, the latest first (administrators)."""
    wanted = Filters(filters.actor, filters.act, filters.since, filters.until, workspace)
    if _wants_lines(request, format):
        return await lines(world, caller, None, wanted)
    return await list_audit(world, caller, None, wanted, after=cursor, limit=limit)


def _wants_lines(request: Request, format_: str) -> bool:
    return format_ == "jsonl" or request.headers.get("Accept", "").partition(";")[0].strip() == LINES


async def lines(world: World, person: Person, workspace: str | None, filters: Filters) -> StreamingResponse:
    """Everything that fits *filters*, a record on each line. Raises Refused before anything is sent."""
    batches = export_audit(world, person, workspace, filters)
    first = await anext(batches)  # a refusal is raised here, while it can still be an answer of its own
    headers = {"Content-Disposition": 'attachment; filename="audit.jsonl"'}
    return StreamingResponse(_written(first, batches), media_type=LINES, headers=headers)


async def _written(first: list[AuditRecord], following: AsyncIterator[list[AuditRecord]]) -> AsyncIterator[str]:
    yield _lines_of(first)
    with suppress(Refused):  # whoever may no longer read it gets no more; the answer has begun and cannot say why
        async for batch in following:
            yield _lines_of(batch)


def _lines_of(batch: list[AuditRecord]) -> str:
    return "".join(f"{record.model_dump_json()}\n" for record in batch)
