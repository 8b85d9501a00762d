"""Who has access by name, right or group."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from coterie.actions.errors import Refused
from coterie.actions.seen import Seen
from coterie.actions.share import list_grants, remove_grants, set_grant
from coterie.service.api.documented import CHANGE_IN_WORKSPACE, WORKSPACE, refusals
from coterie.service.dependencies import InWorld
from coterie.service.sign_in import ActingCaller, Caller
from coterie.wire.bodies import Grant, GrantChange, KindWord, Page, Remaining
from coterie.wire.problems import ProblemCode

router = APIRouter(tags=["grants"], prefix="/workspaces/{workspace}/grants", responses=refusals(*WORKSPACE))

_CHANGE = (*CHANGE_IN_WORKSPACE, ProblemCode.CREATOR_IS_FIXED)

Limit = Annotated[int, Query(ge=1, le=500, description="At most so many items.")]
Text = Annotated[str, Query(max_length=255, description="A part of the name.")]
IfMatch = Annotated[str | None, Header(description='The `version` of the grant that you have seen, as in `"3f2a…"`.')]
IfNoneMatch = Annotated[str | None, Header(description="`*`: only if the principal has no grant yet.")]


@router.get("")
async def read_grants(
    world: InWorld, caller: Caller, workspace: str, cursor: str | None = None, limit: Limit = 100, q: Text = ""
) -> Page[Grant]:
    """Who has access, the Creator first, then the oldest grant (Co-owner and up)."""
    return await list_grants(world, caller, workspace, after=cursor, limit=limit, matching=q)


@router.put(
    "/{kind}/{name:path}",
    responses=refusals(*_CHANGE, ProblemCode.ROLE_NOT_GRANTABLE, ProblemCode.PRINCIPAL_NOT_AVAILABLE),
)
async def put_grant(
    world: InWorld,
    caller: ActingCaller,
    response: Response,
    workspace: str,
    kind: KindWord,
    name: str,
    change: GrantChange,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Grant:
    """Give a user, right or group a role, or change the one it has (Co-owner and up). `name` is percent-decoded once;
    a group such as `/a/b` is written `%2Fa%2Fb`."""
    seen = _seen(if_match, if_none_match)
    grant = await set_grant(world, caller, workspace, kind, name, change, seen)
    response.headers["ETag"] = f'"{grant.version}"'
    return grant


@router.delete("/{kind}/{name:path}", responses=refusals(*_CHANGE))
async def delete_grant(
    world: InWorld, caller: ActingCaller, workspace: str, kind: KindWord, name: str, if_match: IfMatch = None
) -> Remaining:
    """Remove every grant that names this principal (Co-owner and up). Answers what still lets a user in."""
    removal = await remove_grants(world, caller, workspace, kind, name, _seen(if_match, None))
    return Remaining(remaining=removal.remaining)


def _seen(if_match: str | None, if_none_match: str | None) -> Seen | None:
    """What the caller says to have seen (RFC 9110 section 13.1). One version, or nothing: other conditions are
    refused, because to pass them over would be to overwrite."""
    if if_match is None and if_none_match is None:
        return None
    if if_match is None and if_none_match == "*":
        return Seen(None)
    if if_match is not None and if_none_match is None:
        version = if_match.strip()
        if len(version) > 2 and version[0] == version[-1] == '"' and '"' not in version[1:-1]:
            return Seen(version[1:-1])
    raise Refused(
        ProblemCode.INVALID_INPUT, 'Send one version as If-Match: "3f2a…", or If-None-Match: *, or neither of them.'
    )
