"""Invite people by a secret link, and have links work no longer."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from coterie import policy
from coterie.actions import show
from coterie.actions.actor import Actor, record
from coterie.actions.errors import Refused
from coterie.actions.homes import ensure_known
from coterie.actions.sight import insist, see, see_alone
from coterie.actions.world import World
from coterie.policy import Act, Person, Role
from coterie.wire.audit import AuditAct
from coterie.wire.bodies import Page
from coterie.wire.events import EventKind
from coterie.wire.invitations import Invitation, MadeInvitation, NewInvitation
from coterie.wire.problems import ProblemCode

_SECRET_BYTES = 32
#: How many invitations to one workspace or home may work at a time: windows show them all.
INVITATIONS_MAX = 100


def digest_of(secret: str) -> str:
    """What is kept of a secret: SHA-256 in hexadecimal. A text that no secret can be has one too."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


async def make_invitation(world: World, actor: Actor, workspace: str, new: NewInvitation) -> MadeInvitation:
    """A new link to *workspace*. Its secret is in the answer and nowhere else."""
    await ensure_known(world, actor.person, workspace)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    now = world.now()
    async with world.store.writing() as tx:
        sight = await see_alone(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)
        is_home = sight.facts.is_home
        role = policy.usual_role(is_home=is_home) if new.role is None else Role.parse(new.role)
        insist(policy.may_invite(sight.decision, role=role, is_home=is_home), sight.decision)
        if is_home and new.lifetime == "lasting":
            raise Refused(ProblemCode.INVALID_INPUT, "A home is shared for the session alone. Leave out the lifetime.")
        if len(await tx.list_invitations(sight.id, now)) >= INVITATIONS_MAX:
            raise Refused(
                ProblemCode.TOO_MANY_INVITATIONS,
                f"{INVITATIONS_MAX} links work here already. Revoke those that nobody needs, then make a new one.",
            )
        stored = await tx.add_invitation(
            sight.id,
            digest_of(secret),
            role,
            for_session=is_home or new.lifetime == "session",
            max_uses=new.max_uses,
            expires_at=now + timedelta(seconds=new.expires_in),
            by=actor.id,
            at=now,
        )
        shown = show.invitation(stored, actor.person.name)
        await record(
            world,
            tx,
            actor,
            AuditAct.INVITED,
            sight.stored,
            invitation=stored.id,
            role=role.word,
            lifetime=shown.lifetime,
            expires_at=stored.expires_at.isoformat(),
            max_uses=stored.max_uses,
        )
        await tx.append_event(sight.id, EventKind.INVITED, None, now)
    return MadeInvitation(**shown.model_dump(), url=f"{world.service_url}invite/#{secret}")


async def list_invitations(world: World, actor: Person, workspace: str) -> Page[Invitation]:
    """The invitations to *workspace* that are neither revoked nor run out, the oldest first."""
    await ensure_known(world, actor, workspace)
    async with world.store.reading() as tx:
        sight = await see(world, tx, actor, workspace, Act.MANAGE_ACCESS)
        stored = await tx.list_invitations(sight.id, world.now())
        makers = await tx.get_people({each.created_by for each in stored})
    return Page[Invitation](items=[show.invitation(each, makers[each.created_by].name) for each in stored])


async def revoke_invitations(world: World, actor: Actor, workspace: str, invitation: str | None = None) -> int:
    """Have *invitation*, or all links to *workspace* (None), work no longer. Who accepted one stays a guest.

    Answers how many were revoked. Raises Refused for an invitation that does not work here anyway.
    """
    await ensure_known(world, actor.person, workspace)
    async with world.store.writing() as tx:
        sight = await see_alone(world, tx, actor.person, workspace, Act.MANAGE_ACCESS)
        revoked = await tx.revoke_invitations(sight.id, world.now(), id_=invitation)
        if invitation is not None and not revoked:
            raise Refused(ProblemCode.NOT_FOUND, "There is no such invitation here, or it does not work any more.")
        if revoked:
            await record(
                world,
                tx,
                actor,
                AuditAct.INVITATIONS_REVOKED,
                sight.stored,
                invitation=invitation,
                count=revoked,
            )
            await tx.append_event(sight.id, EventKind.INVITED, None, world.now())
    return revoked
