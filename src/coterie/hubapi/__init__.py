"""A typed client of JupyterHub's REST API, as far as Coterie uses it. It knows nothing of workspaces."""

from coterie.hubapi.client import Hub
from coterie.hubapi.directory import Account, Directory
from coterie.hubapi.errors import HubError, HubRefused, HubUnavailable
from coterie.hubapi.models import HubGroup, HubServer, HubUser, TokenOwner

__all__ = [
    "Account",
    "Directory",
    "Hub",
    "HubError",
    "HubGroup",
    "HubRefused",
    "HubServer",
    "HubUnavailable",
    "HubUser",
    "TokenOwner",
]
