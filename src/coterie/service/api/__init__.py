"""The API at ``api/v1``: each route names who calls, calls one act, and answers with its body."""

from fastapi import APIRouter

from coterie.service.api import (
    access,
    audit,
    copying,
    grants,
    guests,
    health,
    invitations,
    me,
    principals,
    requests,
    servers,
    users,
    workspaces,
)

router = APIRouter(prefix="/api/v1")
for part in (
    me,
    workspaces,
    copying,
    grants,
    invitations,
    guests,
    requests,
    access,
    principals,
    users,
    audit,
    servers,
    health,
):
    router.include_router(part.router)

__all__ = ["router"]
