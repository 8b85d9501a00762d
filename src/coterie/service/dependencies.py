"""What routes are handed: the world that acts work on, and the settings."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from coterie.actions.world import World
from coterie.service.settings import Settings


def get_world(request: Request) -> World:
    """The world of this application."""
    world: World = request.app.state.world
    return world


def get_settings(request: Request) -> Settings:
    """The settings of this application."""
    settings: Settings = request.app.state.settings
    return settings


InWorld = Annotated[World, Depends(get_world)]
WithSettings = Annotated[Settings, Depends(get_settings)]
