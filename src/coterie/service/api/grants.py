"""Who has access by name, right or group."""

from __future__ import annotations

from fastapi import APIRouter

from coterie.actions.share import list_grants, remove_grants, set_grant
from coterie.service.dependencies import InWorld
from coterie.service.sign_in import ActingCaller, Caller
from coterie.wire.bodies import Grant, GrantChange, KindWord, Page, Remaining

router = APIRouter(tags=["grants"], prefix="/workspaces/{workspace}/grants")


@router.get("")
async def read_grants(world: InWorld, caller: Caller, workspace: str) -> Page[Grant]:
    """All grants, the Creator first (Co-owner and up)."""
    return await list_grants(world, caller, workspace)


@router.put("/{kind}/{name:path}")
async def put_grant(
    world: InWorld, caller: ActingCaller, workspace: str, kind: KindWord, name: str, change: GrantChange
) -> Grant:
    """Give a user, right or group a role, or change the one it has (Co-owner and up). `name` is percent-decoded once;
    a group such as `/a/b` is written `%2Fa%2Fb`."""
    return await set_grant(world, caller, workspace, kind, name, change)


@router.delete("/{kind}/{name:path}")
async def delete_grant(world: InWorld, caller: ActingCaller, workspace: str, kind: KindWord, name: str) -> Remaining:
    """Remove every grant that names this principal (Co-owner and up). Answers what still lets a user in."""
    return await remove_grants(world, caller, workspace, kind, name)
