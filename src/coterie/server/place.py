"""Which workspace or home this server runs, as its spawner told it in environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from coterie.wire.names import home_of
from coterie.wire.origins import origin_of

#: Where the application's settings hold the Place of its server.
PLACE_SETTING: Final = "coterie_place"


@dataclass(frozen=True, slots=True)
class Place:
    """*workspace* is an id or ``~name``; *service_url* is how this server reaches the service, *public_url* how
    browsers do; *environment* is the virtual environment of the kernels, None where the deployment has none."""

    workspace: str
    name: str
    session: str
    service_url: str
    public_url: str
    environment: Path | None

    @property
    def owner(self) -> str | None:
        """The owner's Hub name if this is a home, else None."""
        return home_of(self.workspace)

    @property
    def service_origin(self) -> str:
        """The origin of the service's pages."""
        return origin_of(self.public_url)

    @property
    def share_url(self) -> str:
        """The share window's address for browsers."""
        return f"{self.public_url}w/{self.workspace}/share"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Place:
        """Read it. Raises KeyError naming the variable that is missing."""
        kernels = environment.get("COTERIE_ENVIRONMENT")
        return cls(
            workspace=environment["COTERIE_WORKSPACE"],
            name=unquote(environment.get("COTERIE_WORKSPACE_NAME", "")) or environment["COTERIE_WORKSPACE"],
            session=environment["COTERIE_SESSION"],
            service_url=environment["COTERIE_SERVICE_URL"],
            public_url=environment.get("COTERIE_SERVICE_PUBLIC_URL") or environment["COTERIE_SERVICE_URL"],
            environment=Path(kernels) if kernels else None,
        )


def make_root(environment: Mapping[str, str] = os.environ) -> None:
    """Make the folder that JupyterLab is to show where it is missing: in a volume that is new nobody else does."""
    folder = environment.get("JUPYTERHUB_ROOT_DIR")
    if folder:
        Path(folder).expanduser().mkdir(parents=True, exist_ok=True)
