"""The web pages: Jinja2 templates, htmx, one style sheet and a little JavaScript.

A *page* is a whole document; a *fragment* is a piece of one that htmx puts into the page that is there; the *notice* is
the live region that every page has for what just happened.
"""

from __future__ import annotations

from fastapi import APIRouter

from coterie.service.pages import (
    accepting,
    audit,
    entrance,
    inviting,
    listing,
    managing,
    people,
    requesting,
    sharing,
    sidebar,
)
from coterie.service.pages.assets import static_app
from coterie.service.pages.problems import render_problem

router = APIRouter()
router.include_router(listing.router)
router.include_router(managing.router)
router.include_router(sidebar.router)
router.include_router(entrance.router)
router.include_router(sharing.router)
router.include_router(inviting.router)
router.include_router(accepting.router)
router.include_router(requesting.router)
router.include_router(audit.router)
router.include_router(people.router)

__all__ = ["render_problem", "router", "static_app"]
