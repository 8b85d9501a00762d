"""Whether the service is up, for whoever watches over it. No sign-in; nothing is told but that."""

from __future__ import annotations

from fastapi import APIRouter

from coterie.service.api.documented import LIMITS, refusals
from coterie.service.dependencies import InWorld
from coterie.wire.bodies import Health
from coterie.wire.problems import ProblemCode

router = APIRouter(tags=["health"], prefix="/health")


@router.get("/live")
async def live() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/ready", responses=refusals(*LIMITS, ProblemCode.HUB_UNAVAILABLE, ProblemCode.STORE_UNAVAILABLE))
async def ready(world: InWorld) -> Health:
    """The process answers and reaches its database and the Hub."""
    async with world.store.reading() as tx:
        await tx.latest_revision()
    await world.directory.groups()
    return Health(status="ok")
