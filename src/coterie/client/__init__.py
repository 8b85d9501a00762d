"""Typed client of the Coterie service, for servers and for the Hub's process."""

from coterie.client.errors import ServiceError, ServiceRefused, ServiceUnreachable
from coterie.client.service import Alive, ServiceClient

__all__ = ["Alive", "ServiceClient", "ServiceError", "ServiceRefused", "ServiceUnreachable"]
