"""The application: routes, errors and headers put together around a world."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.types import ASGIApp

from coterie import __version__
from coterie.actions.admit import keep_shares_in_step
from coterie.actions.people import People
from coterie.actions.refusals import Refusals
from coterie.actions.removing import keep_removing_accounts
from coterie.actions.world import World
from coterie.hubapi import Directory, Hub
from coterie.service import api, pages, problems, sign_in
from coterie.service.api import documented
from coterie.service.headers import SecurityHeaders
from coterie.service.limits import WithinLimits
from coterie.service.settings import Settings
from coterie.service.tokens import Tokens
from coterie.store import Store
from coterie.wire.names import SERVICE_ROLE

log = logging.getLogger(__name__)

_DESCRIPTION = """
Shared workspaces for JupyterHub. Sign in with a token of the Hub: `Authorization: Bearer <token>`. Errors are problem
documents (RFC 9457), times RFC 3339 in UTC, lists `{"items": [...], "next": cursor-or-null}`.
"""


def make_world(settings: Settings) -> World:
    """The world that *settings* describe: its database and its Hub."""
    hub = Hub(settings.hub_api_url, settings.api_token)
    directory = Directory(hub, site_administrators=settings.site_administrators, own_roles=[SERVICE_ROLE])
    return put_together(settings, hub, directory)


def put_together(settings: Settings, hub: Hub, directory: Directory) -> World:
    """The world with the database of *settings*, this Hub, and who is who there."""
    store = Store(settings.database_url)
    world = World(
        store=store,
        hub=hub,
        directory=directory,
        people=People(store, directory),
        now=lambda: datetime.now(UTC),
        service_url=settings.public_url,
        hub_url=settings.hub_url,
    )
    store.on_append(world.outbox_bell.ring)
    return world


class _App(FastAPI):
    """An application whose every answer has the security headers and whose every request is within the limits, also
    where its own defects are answered: middleware that is added in the usual way stands behind the handler of last
    resort."""

    def build_middleware_stack(self) -> ASGIApp:
        settings = self.state.settings
        within_limits = WithinLimits(super().build_middleware_stack(), settings, self.state.tokens)
        return SecurityHeaders(within_limits, settings)

    def openapi(self) -> dict[str, Any]:
        """The description of the API, with the problem documents that its calls answer."""
        document = super().openapi()
        document["components"]["schemas"].update(documented.schemas())
        return document


def create_app(settings: Settings, world: World) -> FastAPI:
    """The service as an ASGI application. Its lifespan brings the database up to date and runs the outbox's
    consumer, what removes the accounts of deleted workspaces, and what records who was refused."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await world.store.migrate()
        tasks = [
            _run(keep_shares_in_step(world), "The outbox is no longer followed."),
            _run(keep_removing_accounts(world), "Accounts of deleted workspaces are no longer removed."),
            _run(app.state.refusals.keep_writing(), "Refused attempts are no longer recorded."),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await world.hub.close()
            await world.store.close()

    prefix = settings.prefix.rstrip("/")
    app = _App(
        title="Coterie",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        openapi_url=f"{prefix}/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.world = world
    app.state.settings = settings
    app.state.tokens = Tokens(world.hub)
    app.state.refusals = Refusals(world)
    problems.install(app)

    async def on_sign_in_first(request: Request, _: Exception) -> Response:
        return sign_in.sign_in_redirect(request, settings)

    app.add_exception_handler(sign_in.SignInFirst, on_sign_in_first)
    app.include_router(api.router, prefix=prefix)
    app.include_router(sign_in.router, prefix=prefix)
    app.include_router(pages.router, prefix=prefix)
    app.mount(f"{prefix}/static", pages.static_app())
    return app


def _run(work: Coroutine[Any, Any, None], otherwise: str) -> asyncio.Task[None]:
    """Have *work* done until it is cancelled. Should it fail, the log says *otherwise*, and why."""

    def say_why(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.critical(otherwise, exc_info=task.exception())

    task = asyncio.create_task(work)
    task.add_done_callback(say_why)
    return task
