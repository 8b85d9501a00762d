"""JupyterHub glue: ``configure(c)`` in jupyterhub_config.py, the spawner, reserved account names.

The names below are loaded when they are first asked for: JupyterHub takes seconds to import, and the process that
copies a workspace's files lives in this package without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coterie.hub.addresses import Addresses, service_public_url
    from coterie.hub.configuration import configure

__all__ = ["Addresses", "configure", "service_public_url"]

_HOMES = {"Addresses": "addresses", "configure": "configuration", "service_public_url": "addresses"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
