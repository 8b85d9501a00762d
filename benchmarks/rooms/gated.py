"""A Jupyter server with Coterie's rooms behind Coterie's gate, without a Hub and a service.

The gate, the decisions, the follower, the contents and the rooms are the real ones. Two things are stood in for: whom
the Hub says a token belongs to (everybody is who they say), and what the service decides (everybody is an Editor).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from jupyter_server.auth import IdentityProvider, User
from jupyter_server.serverapp import ServerApp

from coterie.client import ServiceClient
from coterie.policy import Role
from coterie.server.app import DEFAULT_LEASE
from coterie.server.connections import Connections
from coterie.server.decisions import Decisions
from coterie.server.follower import Follower
from coterie.server.gate import Gate
from coterie.server.place import Place
from coterie.wire.bodies import ServerDecision


@dataclass
class HubUser(User):  # type: ignore[misc]
    """A person as JupyterHub's identity provider gives them."""

    hub_user: dict[str, str] = field(default_factory=lambda: {"kind": "user"})


class TokenIsName(IdentityProvider):  # type: ignore[misc]
    """Takes a token for the name of the person."""

    hub_auth = SimpleNamespace(api_token=None, get_token=lambda handler: handler.request.headers["Authorization"])

    @property
    def token(self) -> str:
        return ""

    async def get_user(self, handler: Any) -> HubUser | None:
        name = handler.request.headers.get("Authorization", "").removeprefix("token ")
        return HubUser(username=name, name=name, display_name=name.title(), color="#123456") if name else None

    def is_token_authenticated(self, _handler: Any) -> bool:
        """True: no browser is here that another page could make send requests."""
        return True


class Service:
    """Knows everybody as an Editor, and never of a change."""

    async def decide(self, name: str) -> ServerDecision:
        decision = {"person": f"id-of-{name}", "name": name, "role": Role.EDITOR.word, "reasons": []}
        return ServerDecision.model_validate(decision)

    async def events(self, _session: str, _revision: int | None) -> AsyncIterator[Any]:
        await asyncio.Event().wait()
        yield


def serve(port: int, folder: Path) -> None:
    """Serve *folder* on *port* until a signal ends it."""
    app = ServerApp(
        ip="127.0.0.1",
        port=port,
        port_retries=0,
        root_dir=str(folder),
        open_browser=False,
        allow_root=True,
        identity_provider_class=TokenIsName,
        contents_manager_class="coterie.server.contents.WorkspaceContents",
        jpserver_extensions={"coterie.server.rooms": True, "jupyter_server_fileid": True},
        log_level="WARN",
    )
    app.initialize(argv=[])
    service = Service()
    decisions = Decisions(service.decide, owner=None, lease=DEFAULT_LEASE)
    connections = Connections()
    place = Place("benchmark", "Benchmark", "session", "http://127.0.0.1/", "http://127.0.0.1/", None)
    Gate(app.identity_provider, decisions, connections, place).install(app.web_app)
    client = cast(ServiceClient, service)
    follower = Follower(client, decisions, connections, session=place.session, on_change=lambda: None)

    async def start_following() -> asyncio.Task[None]:
        return asyncio.create_task(follower.run())

    following = app.io_loop.run_sync(start_following)
    app.start()
    following.cancel()
