"""Turns what is stored and decided into the bodies that the API and the pages show."""

from __future__ import annotations

from collections.abc import Mapping

from coterie import policy
from coterie.actions.reach import Reach
from coterie.actions.world import World
from coterie.store import ListedWorkspace, StoredGrant, StoredInvitation, StoredPerson, StoredWorkspace
from coterie.wire import bodies, invitations


def reasons(decision: policy.Decision) -> list[bodies.Reason]:
    """Why somebody has access, strongest first."""
    return [
        bodies.Reason.model_validate(
            {
                "role": reason.role.word,
                "through": reason.through.value,
                "name": reason.name,
                "until": reason.until,
                "sentence": reason.sentence,
            }
        )
        for reason in decision.reasons
    ]


_BY_GRANT = (policy.Through.USER, policy.Through.RIGHT, policy.Through.GROUP)


def listed(world: World, item: ListedWorkspace, decision: policy.Allow, requests: int) -> bodies.WorkspaceDetail:
    """*item* as the person whose item it is sees it, who has *decision*. *requests* is how many wait, where the person
    may answer them."""
    is_own = any(reason.through is policy.Through.CREATOR for reason in decision.reasons)
    is_granted = not is_own and any(reason.through in _BY_GRANT for reason in decision.reasons)
    return workspace(
        world,
        item.workspace,
        decision,
        creator=item.creator.name,
        favourite=item.is_favourite,
        shared_by=item.given_by.name if item.given_by is not None and is_granted else None,
        is_new=is_granted and not item.is_visited,
        requests=requests,
    )


def workspace(
    world: World,
    stored: StoredWorkspace,
    decision: policy.Allow,
    *,
    creator: str,
    favourite: bool,
    shared_by: str | None = None,
    is_new: bool = False,
    requests: int = 0,
) -> bodies.WorkspaceDetail:
    """A workspace as somebody with *decision* sees it; *creator* and *shared_by* are names."""
    return bodies.WorkspaceDetail.model_validate(
        {
            "id": stored.public_id,
            "name": stored.title,
            "role": decision.role.word,
            "general_access": stored.general_access.value,
            "creator": creator,
            "favourite": favourite,
            "archived": stored.archived_at is not None,
            "server": server_state(world, stored),
            "created_at": stored.created_at,
            "shared_by": shared_by,
            "is_new": is_new,
            "requests": requests,
            "reasons": reasons(decision),
        }
    )


def server_state(world: World, stored: StoredWorkspace) -> bodies.ServerState:
    """Where the workspace's server is: a gate that has reported runs; else what was asked for last, if anything was."""
    on_its_way = world.on_their_way.get(stored.account)
    if stored.session is not None:
        return "stopping" if on_its_way == "stopping" else "running"
    return "starting" if on_its_way == "starting" else "stopped"


def grant(stored: StoredGrant, people: Mapping[str, StoredPerson], reach: Reach) -> bodies.Grant:
    """A stored grant with the names of *people* in place of their ids."""
    by = people.get(stored.created_by)
    return bodies.Grant.model_validate(
        {
            "kind": stored.principal.kind.value,
            "name": principal_name(stored.principal, people),
            "role": stored.role.word,
            "since": stored.created_at,
            "by": by.name if by else None,
            "expires_at": stored.expires_at,
            "source": stored.source,
            "version": stored.version,
            "people": reach.people,
            "subgroups": list(reach.subgroups),
            "is_gone": reach.is_gone,
        }
    )


def creator(stored: StoredWorkspace, person: StoredPerson) -> bodies.Grant:
    """The Creator's own line in the list of grants, which no stored grant stands behind."""
    return bodies.Grant.model_validate(
        {
            "kind": policy.PrincipalKind.USER.value,
            "name": person.name,
            "role": policy.Role.CREATOR.word,
            "since": stored.created_at,
            "source": policy.DIRECT,
        }
    )


def invitation(stored: StoredInvitation, maker: str) -> invitations.Invitation:
    """An invitation without its secret; *maker* is the name of who made it."""
    return invitations.Invitation.model_validate(
        {
            "id": stored.id,
            "role": stored.role.word,
            "lifetime": "session" if stored.for_session else "lasting",
            "by": maker,
            "created_at": stored.created_at,
            "expires_at": stored.expires_at,
            "max_uses": stored.max_uses,
            "uses": stored.uses,
        }
    )


def guest(stored: StoredGrant, people: Mapping[str, StoredPerson]) -> invitations.Guest:
    """A guest's grant with the names of *people* in place of their ids."""
    return invitations.Guest.model_validate(
        {
            "name": principal_name(stored.principal, people),
            "role": stored.role.word,
            "accepted_at": stored.created_at,
            "invitation": stored.source,
            "lifetime": "lasting" if stored.session is None else "session",
            "by": people[stored.created_by].name,
        }
    )


def principal_name(principal: policy.Principal, people: Mapping[str, StoredPerson]) -> str:
    """What people call *principal*: a user by the current name."""
    return people[principal.key].name if principal.kind is policy.PrincipalKind.USER else principal.key
