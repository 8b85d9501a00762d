"""JupyterHub glue: ``configure(c)`` in jupyterhub_config.py, the spawner, reserved account names."""

from coterie.hub.addresses import Addresses, service_public_url
from coterie.hub.configuration import configure

__all__ = ["Addresses", "configure", "service_public_url"]
