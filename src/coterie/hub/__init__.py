"""JupyterHub glue: ``configure(c)`` in jupyterhub_config.py, the spawner, settings for others, reserved account names.

The names below are loaded when they are first asked for: JupyterHub takes seconds to import, and the process that
copies a workspace's files lives in this package without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coterie.hub.addresses import Addresses, service_public_url
    from coterie.hub.configuration import configure
    from coterie.hub.docker import docker_settings
    from coterie.hub.kubernetes import kubernetes_settings
    from coterie.hub.spawner_settings import apply_settings
    from coterie.hub.systemd import systemd_settings

__all__ = [
    "Addresses",
    "apply_settings",
    "configure",
    "docker_settings",
    "kubernetes_settings",
    "service_public_url",
    "systemd_settings",
]

_HOMES = {
    "Addresses": "addresses",
    "apply_settings": "spawner_settings",
    "configure": "configuration",
    "docker_settings": "docker",
    "kubernetes_settings": "kubernetes",
    "service_public_url": "addresses",
    "systemd_settings": "systemd",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
