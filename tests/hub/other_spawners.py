"""Real spawners of other kinds, made as the Hub makes them from a configuration, and nothing to run them on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jupyterhub.objects import Hub
from jupyterhub.spawner import Spawner
from traitlets.config import Config

from coterie.hub import apply_settings, configure
from coterie.hub.environment import Place
from coterie.hub.spawner import InCoterie

ACCOUNT = "ws-abcdefgh234567ab"
NEIGHBOUR = "ws-abcdefgh234567ac"
TOKEN = "the-server's-own-token"


class Elsewhere(Spawner):
    """The least of a spawner whose servers run on other machines."""

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self, now: bool = False) -> None:
        raise NotImplementedError

    async def poll(self) -> int | None:
        raise NotImplementedError


def configured(spawner: type[Spawner], section: str, settings: dict[str, Any]) -> Config:
    """What jupyterhub_config.py says with *settings* for *spawner*."""
    c = Config()
    c.JupyterHub.bind_url = "http://127.0.0.1:8000"
    c.JupyterHub.subdomain_host = "https://hub.example.org"
    c.JupyterHub.spawner_class = spawner
    apply_settings(c, section, settings)
    configure(c, state=Path("/srv/coterie"), service_host="172.30.0.1")
    return c


def spawner_of(c: Config, account: str = ACCOUNT) -> Any:
    """The spawner of *account*'s server, which knows its workspace."""
    user = SimpleNamespace(name=account, escaped_name=account, id=7, url=f"/user/{account}/", settings={})
    spawner = c.JupyterHub.spawner_class(config=c, user=user, hub=Hub())
    assert isinstance(spawner, InCoterie)
    spawner.api_token = TOKEN
    spawner.place = Place("penguins23456722", "Penguins")
    spawner.session = "5e55105e55105e55105e55105e551000"
    return spawner
