"""JupyterHub glue: ``configure(c)`` in jupyterhub_config.py, the spawner, settings for others, reserved account names.

The names below are loaded when they are first asked for: JupyterHub takes seconds to import, and the process that
copies a workspace's files lives in this package without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coterie.hub.addresses import Addresses, service_public_url
    from coterie.hub.configuration import configure
    from coterie.hub.docker import deleting_volumes, docker_network, docker_settings
    from coterie.hub.kubernetes import kubernetes_settings, network_policy
    from coterie.hub.sandbox import deployment_folders
    from coterie.hub.spawner_settings import apply_settings
    from coterie.hub.systemd import USERNAME_PATTERN, systemd_settings, with_own_folders

__all__ = [
    "USERNAME_PATTERN",
    "Addresses",
    "apply_settings",
    "configure",
    "deleting_volumes",
    "deployment_folders",
    "docker_network",
    "docker_settings",
    "kubernetes_settings",
    "network_policy",
    "service_public_url",
    "systemd_settings",
    "with_own_folders",
]

_HOMES = {
    "Addresses": "addresses",
    "USERNAME_PATTERN": "systemd",
    "apply_settings": "spawner_settings",
    "configure": "configuration",
    "deleting_volumes": "docker",
    "deployment_folders": "sandbox",
    "docker_network": "docker",
    "docker_settings": "docker",
    "kubernetes_settings": "kubernetes",
    "network_policy": "kubernetes",
    "service_public_url": "addresses",
    "systemd_settings": "systemd",
    "with_own_folders": "systemd",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
