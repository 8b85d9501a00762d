"""decide(): what may this person do here, why, and until when.

The one place where access is worked out. Synchronous and pure on purpose: an un-awaited coroutine is truthy, so an
asynchronous check could fail open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from coterie.policy.facts import ADMITTED, DIRECT, GeneralAccess, Grant, Person, PrincipalKind, Workspace
from coterie.policy.roles import Role


class Through(StrEnum):
    """The way on which a role reaches a person."""

    CREATOR = "creator"
    ADMINISTRATOR = "administrator"
    USER = "user"
    RIGHT = "right"
    GROUP = "group"
    LINK = "link"
    GLOBAL = "global"


#: The ways that reach people whether or not anything in the workspace is about them.
_WITHOUT_A_GRANT = (Through.ADMINISTRATOR, Through.LINK, Through.GLOBAL)


@dataclass(frozen=True, slots=True)
class Reason:
    """One way on which a role reaches a person. *name* is the right's or group's, None on every other way."""

    role: Role
    through: Through
    name: str | None = None
    source: str | None = None
    until: datetime | None = None

    @property
    def sentence(self) -> str:
        """The reason as people read it, without a full stop: ``Editor through the group astro``."""
        match self.through:
            case Through.CREATOR:
                return "Creator of the workspace"
            case Through.ADMINISTRATOR:
                return f"{self.role.title} as an administrator"
            case Through.USER if self.source == ADMITTED:
                return f"{self.role.title} as admitted by the owner"
            case Through.USER if self.source != DIRECT:
                return f"{self.role.title} by an invitation"
            case Through.USER:
                return f"{self.role.title} by name"
            case Through.RIGHT | Through.GROUP:
                return f"{self.role.title} through the {self.through} {self.name}"
            case Through.LINK:
                return f"{self.role.title} because anyone with the link may view"
            case Through.GLOBAL:
                return f"{self.role.title} because the workspace is Global"


@dataclass(frozen=True, slots=True)
class Allow:
    """Somebody has a role here. *reasons* are all that reach them, strongest first; at *until* ask again."""

    role: Role
    reasons: tuple[Reason, ...]
    until: datetime | None = None

    def allows(self, need: Role) -> bool:
        """Whether this is enough for what needs *need*."""
        return self.role.reaches(need)

    @property
    def is_listed(self) -> bool:
        """Whether the workspace shows in the person's sidebar: the link alone and the office of an administrator do not
        put it there."""
        return any(reason.through not in (Through.LINK, Through.ADMINISTRATOR) for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class Deny:
    """Nothing reaches this person. Falsy, and refuses whatever is asked of it."""

    role: None = None
    reasons: tuple[()] = ()
    until: None = None
    is_listed: Literal[False] = False

    def __bool__(self) -> Literal[False]:
        return False

    def allows(self, need: Role) -> Literal[False]:  # noqa: ARG002  the same call as on Allow
        """Never."""
        return False


Decision = Allow | Deny


def decide(person: Person, workspace: Workspace, *, at: datetime) -> Decision:
    """Weigh everything that reaches *person* in *workspace* at the instant *at* (aware, any zone).

    The strongest role wins; of equally strong reasons the one that lasts longest says how long. Never raises for "no".
    """
    return _from(sorted(_reasons(person, workspace, at), key=_strength, reverse=True))


def as_told_to_strangers(decision: Decision) -> Decision:
    """*decision* as far as it may be told to people who may not name the person: what the workspace's grants give, and
    that somebody is its Creator. General access and the office of an administrator reach people whom nothing here is
    about, and would tell of each name whether somebody has it."""
    return _from([reason for reason in decision.reasons if reason.through not in _WITHOUT_A_GRANT])


def _from(reasons: Sequence[Reason]) -> Decision:
    """The decision for *reasons*, strongest first."""
    return Allow(reasons[0].role, tuple(reasons), until=reasons[0].until) if reasons else Deny()


def _strength(reason: Reason) -> tuple[Role, bool, float]:
    lasting = reason.until is None
    return reason.role, lasting, 0.0 if reason.until is None else reason.until.timestamp()


def _reasons(person: Person, workspace: Workspace, at: datetime) -> Iterator[Reason]:
    if person.id == workspace.creator:
        yield Reason(Role.CREATOR, Through.CREATOR)
    if person.administrator and not workspace.is_home:
        yield Reason(Role.CO_OWNER, Through.ADMINISTRATOR)
    blocked = person.id in workspace.blocked
    for grant in workspace.grants:
        if not person.is_named_by(grant.principal) or not grant.counts(session=workspace.session, at=at):
            continue
        if blocked and grant.source != DIRECT:
            continue
        if workspace.is_home and not grant.is_a_guests:
            continue
        yield _reason_of(grant)
    if workspace.is_home:
        return
    if workspace.general_access is GeneralAccess.GLOBAL:
        yield Reason(Role.VIEWER, Through.GLOBAL)
    if workspace.general_access is GeneralAccess.LINK and not blocked:
        yield Reason(Role.VIEWER, Through.LINK)


def _reason_of(grant: Grant) -> Reason:
    kind = grant.principal.kind
    name = None if kind is PrincipalKind.USER else grant.principal.key
    return Reason(grant.role, Through(kind.value), name, grant.source, grant.expires_at)
