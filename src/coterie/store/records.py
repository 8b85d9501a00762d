"""What the store answers: frozen values that outlive their transaction. All times are aware and in UTC."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from coterie.policy import GeneralAccess, Grant, Invitation, Principal, PrincipalKind, Role, Workspace
from coterie.store.errors import Malformed
from coterie.store.ids import is_id

#: In place of when the Hub made somebody's account, once they are anonymised: it would tell whose it was.
NO_TIME: Final = datetime.fromtimestamp(0, UTC)

#: In place of the account whose files a copy starts with, where it may not have them any more. It is no account's name.
NO_SOURCE: Final = ""


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """A person. *name* and *hub_created* are the Hub's; both together make the person, *id* stands for them. Of
    somebody anonymised the name is a pseudonym, and no account is theirs any more."""

    id: str
    name: str
    hub_created: datetime

    @property
    def is_anonymised(self) -> bool:
        """Whether this person has been anonymised."""
        return self.hub_created == NO_TIME


@dataclass(frozen=True, slots=True)
class StoredWorkspace:
    """A workspace or a home. *account* is its name in the Hub: of a home, its owner's.

    *session* is the one whose gate has reported last, None while stopped. *copied_from* is the account whose files this
    one starts with, or NO_SOURCE, until its first session has begun; with *copies_outputs* notebooks keep their
    outputs.
    """

    id: str
    is_home: bool
    name: str
    account: str
    creator_id: str
    general_access: GeneralAccess
    archived_at: datetime | None
    created_at: datetime
    session: str | None
    copied_from: str | None = None
    copies_outputs: bool | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return f"Home of {self.account}" if self.is_home else self.name

    @property
    def public_id(self) -> str:
        """What the API calls it: its id, or ``~name`` for a home."""
        return f"~{self.account}" if self.is_home else self.id


@dataclass(frozen=True, slots=True)
class StoredGrant:
    """A grant. *created_at* is since when the principal has it, *created_by* the id of who gave the role it has now."""

    workspace_id: str
    principal: Principal
    role: Role
    source: str
    session: str | None
    expires_at: datetime | None
    created_at: datetime
    created_by: str

    @property
    def fact(self) -> Grant:
        """The grant as decide() weighs it."""
        return Grant(self.principal, self.role, self.source, self.session, self.expires_at)

    @property
    def version(self) -> str:
        """Another one with every change of the grant, and for every grant: tells whether somebody has seen this
        state."""
        ends = None if self.expires_at is None else self.expires_at.isoformat()
        state = [self.workspace_id, *self.place.key, self.role.word, self.session, ends, self.created_by]
        return hashlib.sha256(json.dumps(state).encode()).hexdigest()[:20]

    @property
    def place(self) -> GrantPlace:
        """Where the grant stands in the list of its workspace."""
        return GrantPlace(self.created_at, self.principal.kind.value, self.principal.key, self.source)


@dataclass(frozen=True, slots=True)
class GrantPlace:
    """A place in the list of a workspace's grants: behind the grant that these values are of."""

    created_at: datetime
    kind: str
    principal_key: str
    source: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The place as texts."""
        return self.created_at.isoformat(), self.kind, self.principal_key, self.source

    @property
    def text(self) -> str:
        """The place as callers carry it; they need not understand it."""
        return base64.urlsafe_b64encode(json.dumps(self.key).encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> GrantPlace:
        """The place whose text this is. Raises Malformed for any other text."""
        try:
            plain = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
            created_at, kind, principal_key, source = (str(part) for part in plain)
            at = datetime.fromisoformat(created_at).astimezone(UTC)
            place = cls(at, PrincipalKind(kind).value, principal_key, source)
        except (binascii.Error, ValueError, TypeError, OverflowError):
            raise Malformed("This is not a cursor of a list.") from None
        return place


@dataclass(frozen=True, slots=True)
class StoredInvitation:
    """An invitation. *created_by* is the id of who made it."""

    id: str
    workspace_id: str
    role: Role
    for_session: bool
    max_uses: int | None
    uses: int
    expires_at: datetime
    revoked_at: datetime | None
    created_at: datetime
    created_by: str

    @property
    def fact(self) -> Invitation:
        """The invitation as may_accept() weighs it."""
        return Invitation(
            id=self.id,
            role=self.role,
            maker=self.created_by,
            expires_at=self.expires_at,
            for_session=self.for_session,
            max_uses=self.max_uses,
            uses=self.uses,
            is_revoked=self.revoked_at is not None,
        )


class EntryState(StrEnum):
    """How far somebody has come who opened a workspace."""

    WANTED = "wanted"
    ADMITTED = "admitted"


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """Somebody opened a workspace at *at* and awaits a Hub share (wanted) or holds one (admitted)."""

    workspace_id: str
    person_id: str
    state: EntryState
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """Something happened in a workspace, which may be gone by now. *principal* None means everybody's access."""

    revision: int
    workspace_id: str
    kind: str
    principal: Principal | None
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """Somebody asked to be let into a workspace."""

    workspace_id: str
    person_id: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredRemoval:
    """An account of the Hub whose workspace was deleted."""

    account: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, to whom, when, from where. *workspace_id* is None for what is about no single workspace; a home is
    recorded by its id in the store. *details* hold words and numbers, and no person's name: names may have to go."""

    at: datetime
    actor_id: str
    act: str
    via: str
    address: str | None = None
    workspace_id: str | None = None
    workspace_name: str | None = None
    subject: Principal | None = None
    details: Mapping[str, str | int | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry of the audit log with its number; later ones are higher."""

    id: int
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class ListedWorkspace:
    """A workspace in one person's list. *facts* hold what reaches that person and nothing else: decide for nobody else
    with them. *is_visited* says whether the person has ever opened it; *given_by* is who made the youngest grant that
    counts and reaches the person, None where it was only ever the person."""

    workspace: StoredWorkspace
    creator: StoredPerson
    facts: Workspace
    is_favourite: bool
    is_visited: bool
    given_by: StoredPerson | None

    @property
    def cursor(self) -> str:
        """Where the list goes on after this one."""
        return Cursor(self.workspace.created_at, self.workspace.id).text


class Section(StrEnum):
    """A part of somebody's list. Everything in the list is in one section: in the first of these that it fits."""

    ARCHIVED = "archived"
    FAVOURITES = "favourites"
    MINE = "mine"
    SHARED = "shared"
    GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list of workspaces: behind the one created at *created_at* with the id *id*."""

    created_at: datetime
    id: str

    @property
    def text(self) -> str:
        """The cursor as callers carry it; they need not understand it."""
        plain = f"{self.id}{self.created_at.isoformat()}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor whose text this is. Raises Malformed for any other text."""
        try:
            plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
            last_id, created_at = plain[:16], datetime.fromisoformat(plain[16:])
            created_at = created_at.astimezone(UTC) if created_at.tzinfo else created_at
        except (binascii.Error, ValueError, OverflowError):
            raise Malformed("This is not a cursor of a list.") from None
        if not is_id(last_id) or created_at.tzinfo is None:
            raise Malformed("This is not a cursor of a list.")
        return cls(created_at, last_id)
