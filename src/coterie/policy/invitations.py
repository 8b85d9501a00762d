"""Invitations: who may make one, and who may accept it."""

from __future__ import annotations

from datetime import datetime

from coterie.policy.acts import Act, Permit, Refusal, Verdict, Why, may
from coterie.policy.decision import Decision
from coterie.policy.facts import Invitation, Person, Workspace
from coterie.policy.roles import INVITABLE, Role


def usual_role(*, is_home: bool) -> Role:
    """The role that an invitation carries unless its maker says otherwise."""
    return Role.EDITOR if is_home else Role.VIEWER


def may_invite(decision: Decision, *, role: Role, is_home: bool = False) -> Verdict:
    """Whether somebody with *decision* may make an invitation with *role*. An invitation works only while its maker
    could still make it."""
    allowed = may(decision, Act.MANAGE_ACCESS, is_home=is_home)
    if allowed and role not in INVITABLE:
        return Refusal(Why.ROLE_NOT_GRANTABLE)
    return allowed


def may_accept(
    person: Person, workspace: Workspace, invitation: Invitation, maker: Decision, *, has_used: bool, at: datetime
) -> Verdict:
    """Whether *person*, who knows the secret of *invitation* to *workspace*, may accept it at the instant *at*.

    *maker* is the present decision for whoever made it. *has_used* says that the person is counted already among those
    who accepted it, as after an earlier session: they may come again where it is used up. What ended the invitation for
    everybody is said before what is wrong with the person.
    """
    if invitation.is_revoked:
        return Refusal(Why.INVITATION_REVOKED)
    if not invitation.works(at=at):
        return Refusal(Why.INVITATION_EXPIRED)
    if not may_invite(maker, role=invitation.role, is_home=workspace.is_home):
        return Refusal(Why.INVITATION_HAS_NO_MAKER)
    if person.id in (invitation.maker, workspace.creator):
        return Refusal(Why.INVITATION_IS_OWN)
    if person.id in workspace.blocked:
        return Refusal(Why.INVITATION_BLOCKED)
    if invitation.is_used_up and not has_used:
        return Refusal(Why.INVITATION_USED_UP)
    if invitation.for_session and workspace.session is None:
        return Refusal(Why.SERVER_NOT_RUNNING)
    return Permit()


def may_start(person: Person, workspace: Workspace) -> Verdict:
    """Whether opening *workspace* may start its server where it does not run: a home's owner alone starts a home."""
    if workspace.is_home and person.id != workspace.creator:
        return Refusal(Why.SERVER_NOT_RUNNING)
    return Permit()
