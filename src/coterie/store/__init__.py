"""What Coterie remembers: tables, queries, migrations and the outbox, on SQLite or PostgreSQL.

A *transaction* is one unit of reading or of change; a *revision* is the number of an event in the outbox. Nothing here
decides who may do what, and no driver's error leaves this package.
"""

from coterie.store.engine import password_of
from coterie.store.errors import Conflict, Malformed, NotFound, StoreError, Unavailable
from coterie.store.ids import new_pseudonym
from coterie.store.records import (
    NO_SOURCE,
    AuditEntry,
    AuditRecord,
    EntryState,
    GrantPlace,
    ListedWorkspace,
    Section,
    StoredEntry,
    StoredEvent,
    StoredGrant,
    StoredInvitation,
    StoredPerson,
    StoredRemoval,
    StoredRequest,
    StoredWorkspace,
)
from coterie.store.store import Store
from coterie.store.transaction import Transaction

__all__ = [
    "NO_SOURCE",
    "AuditEntry",
    "AuditRecord",
    "Conflict",
    "EntryState",
    "GrantPlace",
    "ListedWorkspace",
    "Malformed",
    "NotFound",
    "Section",
    "Store",
    "StoreError",
    "StoredEntry",
    "StoredEvent",
    "StoredGrant",
    "StoredInvitation",
    "StoredPerson",
    "StoredRemoval",
    "StoredRequest",
    "StoredWorkspace",
    "Transaction",
    "Unavailable",
    "new_pseudonym",
    "password_of",
]
