"""Whether the service is up, for whoever watches over it. No sign-in; nothing is told but that."""

from __future__ import annotations

from fastapi import APIRouter

from coterie.service.dependencies import InWorld
from coterie.wire.bodies import Health

router = APIRouter(tags=["health"], prefix="/health")


@router.get("/live")
async def live() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/ready")
async def ready(world: InWorld) -> Health:
    """The process answers and reaches its database and the Hub."""
    async with world.store.reading() as tx:
        await tx.latest_revision()
    await world.directory.groups()
    return Health(status="ok")
