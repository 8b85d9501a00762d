"""A transaction: all that can be asked of the store and changed in it, one module per subject.

Methods called ``get_`` raise NotFound, ``find_`` answer None, ``list_`` are ordered. What changes a workspace locks its
row first, so that two people who change the same list wait for each other.

Append events last. Their order is kept by a lock that is held until the commit; a transaction that goes on to change
another workspace could wait for somebody who waits for it, so this is refused (RuntimeError).
"""

from __future__ import annotations

from coterie.store.transaction.anonymising import Anonymising
from coterie.store.transaction.audit import Audit
from coterie.store.transaction.entries import Entries
from coterie.store.transaction.favourites import Favourites
from coterie.store.transaction.grants import Grants
from coterie.store.transaction.guests import Guests
from coterie.store.transaction.invitations import Invitations
from coterie.store.transaction.listing import Listing
from coterie.store.transaction.outbox import Outbox
from coterie.store.transaction.persons import Persons
from coterie.store.transaction.removals import Removals
from coterie.store.transaction.requests import Requests
from coterie.store.transaction.sessions import Sessions
from coterie.store.transaction.visits import Visits
from coterie.store.transaction.workspaces import Workspaces


class Transaction(
    Persons,
    Workspaces,
    Listing,
    Grants,
    Invitations,
    Guests,
    Favourites,
    Visits,
    Requests,
    Removals,
    Sessions,
    Entries,
    Anonymising,
    Audit,
    Outbox,
):
    """One unit of reading or of change. Made by a Store, gone with its ``async with`` block, and used by one task."""
