"""The environment variables that tell a server which workspace it runs. Pure; the same for every kind of spawner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from coterie.wire.bodies import CopySource
from coterie.wire.names import is_secret_variable


@dataclass(frozen=True, slots=True)
class Place:
    """What a server is for: *workspace* is a workspace's id, or ``~name`` for a home; *name* is what people call it.

    A workspace that *is_copy* has not begun yet and starts with the files of *source*; None: they cannot be had any
    more.
    """

    workspace: str
    name: str
    is_copy: bool = False
    source: CopySource | None = None


def home_of(person: str) -> Place:
    """The place of a person's own default server."""
    return Place(f"~{person}", f"Home of {person}")


def server_environment(place: Place, *, session: str, service_url: str, service_public_url: str) -> dict[str, str]:
    """What Coterie adds to a server's environment. Nothing in it is secret."""
    return {
        "COTERIE_WORKSPACE": place.workspace,
        # People choose it freely, and Kubernetes fills in what looks like $(VARIABLE): the server's token, for one.
        "COTERIE_WORKSPACE_NAME": quote(place.name, safe=""),
        "COTERIE_SESSION": session,
        "COTERIE_SERVICE_URL": service_url,
        "COTERIE_SERVICE_PUBLIC_URL": service_public_url,
    }


def part_secrets(environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What may stand in a process's environment, and what may not: tokens."""
    secrets = {name: value for name, value in environment.items() if is_secret_variable(name)}
    return {name: value for name, value in environment.items() if name not in secrets}, secrets
