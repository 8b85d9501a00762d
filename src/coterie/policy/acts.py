"""What people do with a workspace, and who may: one table, and the few rules a table cannot say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from coterie.policy.decision import Decision
from coterie.policy.facts import GeneralAccess, Person, Principal, PrincipalKind, Workspace
from coterie.policy.roles import GRANTABLE, Role


class Act(StrEnum):
    """Something a person can ask to do with a workspace."""

    VIEW = "view"
    OPEN = "open"
    FAVOURITE = "favourite"
    RENAME = "rename"
    ARCHIVE = "archive"
    COPY = "copy"
    STOP = "stop"
    MANAGE_ACCESS = "manage-access"
    DELETE = "delete"


#: The weakest role that may do each act with a workspace.
NEEDS: dict[Act, Role] = {
    Act.VIEW: Role.VIEWER,
    Act.OPEN: Role.VIEWER,
    Act.FAVOURITE: Role.VIEWER,
    Act.RENAME: Role.EDITOR,
    Act.ARCHIVE: Role.EDITOR,
    Act.COPY: Role.EDITOR,
    Act.STOP: Role.EDITOR,
    Act.MANAGE_ACCESS: Role.CO_OWNER,
    Act.DELETE: Role.CO_OWNER,
}

#: The same for a home. An act that is not here is nobody's: a home has no name, no archive and no copy.
HOME_NEEDS: dict[Act, Role] = {
    Act.VIEW: Role.VIEWER,
    Act.OPEN: Role.VIEWER,
    Act.STOP: Role.CREATOR,
    Act.MANAGE_ACCESS: Role.CREATOR,
}


class Why(StrEnum):
    """Why an act is refused."""

    UNKNOWN_WORKSPACE = "workspace-not-found"
    ROLE_TOO_WEAK = "role-too-weak"
    CREATOR_IS_FIXED = "creator-is-fixed"
    ROLE_NOT_GRANTABLE = "role-not-grantable"
    PRINCIPAL_NOT_AVAILABLE = "principal-not-available"
    ADMINISTRATORS_ONLY = "administrators-only"
    ONESELF = "oneself"
    INVITATION_REVOKED = "invitation-revoked"
    INVITATION_EXPIRED = "invitation-expired"
    INVITATION_USED_UP = "invitation-used-up"
    INVITATION_BLOCKED = "invitation-blocked"
    INVITATION_IS_OWN = "invitation-is-own"
    INVITATION_HAS_NO_MAKER = "invitation-has-no-maker"
    SERVER_NOT_RUNNING = "server-not-running"


@dataclass(frozen=True, slots=True)
class Permit:
    """The act may go on."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The act may not go on. Falsy. *need* is the role that would have been enough, where a role is what is missing."""

    why: Why
    need: Role | None = None

    def __bool__(self) -> Literal[False]:
        return False


Verdict = Permit | Refusal


def may(decision: Decision, act: Act, *, is_home: bool = False) -> Verdict:
    """Whether somebody with *decision* may do *act*.

    Whoever has no role at all is told what they would be told of a workspace that does not exist.
    """
    if not decision:
        return Refusal(Why.UNKNOWN_WORKSPACE)
    need = (HOME_NEEDS if is_home else NEEDS).get(act)
    if need is None or not decision.allows(need):
        return Refusal(Why.ROLE_TOO_WEAK, need)
    return Permit()


def may_name(actor: Person, principal: Principal, *, exists: bool, groups: frozenset[str] = frozenset()) -> Verdict:
    """Whether *actor* may name *principal* in a grant at all.

    *exists* says whether the Hub knows the principal; *groups* are the groups of the user that is named. A principal
    that does not exist and one that may not be named are refused alike.
    """
    if exists and (actor.administrator or _is_near(actor, principal, groups)):
        return Permit()
    return Refusal(Why.PRINCIPAL_NOT_AVAILABLE)


def _is_near(actor: Person, principal: Principal, groups: frozenset[str]) -> bool:
    match principal.kind:
        case PrincipalKind.USER:
            return principal.key == actor.id or not actor.groups.isdisjoint(groups)
        case PrincipalKind.RIGHT:
            return principal.key in actor.rights
        case PrincipalKind.GROUP:
            return True


def may_grant(decision: Decision, workspace: Workspace, principal: Principal, role: Role) -> Verdict:
    """Whether somebody with *decision* may set the direct grant of *principal* to *role*. Ask may_name() as well.

    A home is shared by invitation only, so nobody grants anything there.
    """
    allowed = _may_touch(decision, workspace, principal)
    if not allowed:
        return allowed
    if role not in GRANTABLE or workspace.is_home:
        return Refusal(Why.ROLE_NOT_GRANTABLE)
    return allowed


def may_request(person: Person, workspace: Workspace) -> Verdict:
    """Whether those who manage access hear of it when *person* asks for a role. A home is shared by invitation only,
    and who is blocked is not heard."""
    if workspace.is_home or person.id in workspace.blocked:
        return Refusal(Why.UNKNOWN_WORKSPACE)
    return Permit()


def may_remove(decision: Decision, workspace: Workspace, principal: Principal) -> Verdict:
    """Whether somebody with *decision* may remove what names *principal*. Removing needs no nearness: who left the
    remover's groups can still be removed."""
    return _may_touch(decision, workspace, principal)


def may_administer(actor: Person) -> Verdict:
    """Whether *actor* may look at everybody: who exists, and the whole audit log. Ask it before anything is looked up,
    so that nobody else learns whether somebody exists."""
    return Permit() if actor.administrator else Refusal(Why.ADMINISTRATORS_ONLY)


def may_anonymise(actor: Person, person: Person) -> Verdict:
    """Whether *actor* may anonymise *person*: administrators alone, and not themselves, because what the person created
    moves to the actor."""
    allowed = may_administer(actor)
    return Refusal(Why.ONESELF) if allowed and actor.id == person.id else allowed


def may_run(role: Role) -> Verdict:
    """Whether somebody with *role* can run code in the server, and so leave something running there."""
    return Permit() if role.reaches(Role.EDITOR) else Refusal(Why.ROLE_TOO_WEAK, Role.EDITOR)


def _may_touch(decision: Decision, workspace: Workspace, principal: Principal) -> Verdict:
    allowed = may(decision, Act.MANAGE_ACCESS, is_home=workspace.is_home)
    if allowed and principal == Principal(PrincipalKind.USER, workspace.creator):
        return Refusal(Why.CREATOR_IS_FIXED)
    return allowed


def may_set_general_access(actor: Person, decision: Decision, workspace: Workspace, wanted: GeneralAccess) -> Verdict:
    """Whether *actor* may turn general access to *wanted*: administrators alone to Global; lowering it is a Co-owner's
    right like any other change. Keeping what is there changes nothing and is allowed."""
    allowed = may(decision, Act.MANAGE_ACCESS, is_home=workspace.is_home)
    if not allowed:
        return allowed
    if workspace.is_home:
        return Refusal(Why.ROLE_TOO_WEAK)
    is_raising = wanted is GeneralAccess.GLOBAL and workspace.general_access is not GeneralAccess.GLOBAL
    if is_raising and not actor.administrator:
        return Refusal(Why.ADMINISTRATORS_ONLY)
    return allowed
