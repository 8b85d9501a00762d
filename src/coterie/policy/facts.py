"""The facts a decision is made from: who somebody is and what is stored about a workspace.

Plain frozen values. Whoever asks fills them in; nothing here reads a database, a network or a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from coterie.policy.roles import Role


class GeneralAccess(StrEnum):
    """Who reaches a workspace without any grant."""

    RESTRICTED = "restricted"
    LINK = "link"
    GLOBAL = "global"


class PrincipalKind(StrEnum):
    """What kind of somebody a grant names."""

    USER = "user"
    RIGHT = "right"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a grant names. *key* is a person's id for a user, and the Hub's own name for a right or a group."""

    kind: PrincipalKind
    key: str


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the Hub describes them at this moment.

    *administrator* covers both kinds: JupyterHub admins and members of the configured site administrators' group.
    """

    id: str
    name: str
    groups: frozenset[str] = frozenset()
    rights: frozenset[str] = frozenset()
    administrator: bool = False

    def is_named_by(self, principal: Principal) -> bool:
        """Whether a grant to *principal* reaches this person. Groups do not inherit: names are compared whole."""
        match principal.kind:
            case PrincipalKind.USER:
                return principal.key == self.id
            case PrincipalKind.RIGHT:
                return principal.key in self.rights
            case PrincipalKind.GROUP:
                return principal.key in self.groups


#: The source of a grant that somebody made by naming the principal.
DIRECT = "direct"

#: The source of the grant of somebody whom a home's owner let in after they had got a share at the Hub by themselves.
#: Every source that is neither of these is an invitation's id.
ADMITTED = "admitted"


@dataclass(frozen=True, slots=True)
class Grant:
    """This principal has this role here; from *expires_at* on, or outside *session* where one is named, it counts for
    nothing."""

    principal: Principal
    role: Role
    source: str = DIRECT
    session: str | None = None
    expires_at: datetime | None = None

    def counts(self, *, session: str | None, at: datetime) -> bool:
        """Whether the grant is in force in the running *session* (None: nothing runs) at the instant *at*."""
        if self.session is not None and self.session != session:
            return False
        return self.expires_at is None or at < self.expires_at

    @property
    def is_a_guests(self) -> bool:
        """Whether it names a person, was not made by naming them, and is for one session. Nothing else counts in a
        home."""
        is_for_a_person = self.principal.kind is PrincipalKind.USER
        return is_for_a_person and self.source != DIRECT and self.session is not None


@dataclass(frozen=True, slots=True)
class Invitation:
    """What is stored about an invitation, as far as its use depends on it. *maker* is a person's id; with *for_session*
    the grant it gives is for the running session alone; *max_uses* None lets any number of people accept it."""

    id: str
    role: Role
    maker: str
    expires_at: datetime
    for_session: bool
    max_uses: int | None = None
    uses: int = 0
    is_revoked: bool = False

    def works(self, *, at: datetime) -> bool:
        """Whether it has neither been revoked nor run out at the instant *at*. It may be used up all the same."""
        return not self.is_revoked and at < self.expires_at

    @property
    def is_used_up(self) -> bool:
        """Whether as many people have accepted it as may."""
        return self.max_uses is not None and self.uses >= self.max_uses


@dataclass(frozen=True, slots=True)
class Workspace:
    """What is stored about one workspace or home, as far as access depends on it.

    *creator* is a person's id (of a home: its owner's). *session* is the id of the running session, None while the
    server is stopped. *blocked* holds ids of people whom invitations and the link refuse.
    """

    creator: str
    general_access: GeneralAccess = GeneralAccess.RESTRICTED
    is_home: bool = False
    session: str | None = None
    grants: tuple[Grant, ...] = ()
    blocked: frozenset[str] = field(default_factory=frozenset)
