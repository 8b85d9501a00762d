"""The web pages: Jinja2 templates, htmx, one style sheet and a little JavaScript.

A *page* is a whole document; a *fragment* is a piece of one that htmx puts into the page that is there; the *notice* is
the live region that every page has for what just happened.
"""

from __future__ import annotations

from fastapi import APIRouter

from coterie.service.pages import entrance, listing, sharing
from coterie.service.pages.assets import static_app
from coterie.service.pages.problems import render_problem

router = APIRouter()
router.include_router(listing.router)
router.include_router(entrance.router)
router.include_router(sharing.router)

__all__ = ["render_problem", "router", "static_app"]
