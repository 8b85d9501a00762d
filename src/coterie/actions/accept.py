"""Accept an invitation: whoever knows its secret, can sign in and is not refused becomes a guest."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from urllib.parse import quote

from coterie import policy
from coterie.actions.actor import Actor, record
from coterie.actions.errors import Refused
from coterie.actions.invite import digest_of
from coterie.actions.sight import insist
from coterie.actions.world import World
from coterie.policy import Decision, Deny, Person, Principal, PrincipalKind
from coterie.store import StoredInvitation, StoredPerson, StoredWorkspace, Transaction
from coterie.wire.audit import AuditAct
from coterie.wire.events import EventKind
from coterie.wire.invitations import Accepted, InvitationPreview
from coterie.wire.problems import ProblemCode


class OwnInvitation(Refused):
    """Whoever made an invitation, or whose home or workspace it leads to, accepts it in vain. *workspace* is where it
    leads: its id, or ``~name``."""

    def __init__(self, refused: Refused, workspace: str) -> None:
        super().__init__(refused.code, refused.detail, workspace)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Who made an invitation, and who that is now: None where the Hub's account is gone or is somebody else's."""

    stored: StoredPerson
    person: Person | None


@dataclass(frozen=True, slots=True)
class _Offer:
    """An invitation that the person may accept, to *place*, where they have *decision* before they do. *is_taken* says
    that they have what it gives already, *has_used* that they are counted among those who accepted it."""

    invitation: StoredInvitation
    place: StoredWorkspace
    decision: Decision
    has_used: bool
    is_taken: bool


async def preview_invitation(world: World, actor: Person, secret: str) -> InvitationPreview:
    """What the invitation with this *secret* offers *actor*. Raises Refused where they could not accept it."""
    maker = await _find_maker(world, actor, secret)
    async with world.store.reading() as tx:
        offer = await _weigh(world, tx, actor, secret, maker)
    return InvitationPreview.model_validate(
        {
            "workspace": offer.place.public_id,
            "name": offer.place.title,
            "by": maker.stored.name,
            "role": offer.invitation.role.word,
            "lifetime": "session" if offer.invitation.for_session else "lasting",
            "expires_at": offer.invitation.expires_at,
            "has_role": offer.decision.role.word if offer.decision.role else None,
        }
    )


async def accept_invitation(world: World, actor: Actor, secret: str) -> Accepted:
    """Make *actor* a guest. Doing so twice is the same as once. Raises Refused where the invitation refuses them."""
    maker = await _find_maker(world, actor.person, secret)
    now = world.now()
    async with world.store.writing() as tx:
        found = await tx.find_invitation(digest_of(secret))
        if found is None:
            raise _unknown()
        # Two people may want its last use: who comes second is weighed when the first is through.
        await tx.hold(found.workspace_id)
        offer = await _weigh(world, tx, actor.person, secret, maker)
        if not offer.is_taken:
            await _take(world, tx, actor, offer)
        decision = policy.decide(actor.person, await tx.facts(offer.place.id, actor.person), at=now)
        if not offer.is_taken:
            await tx.append_event(offer.place.id, EventKind.ACCEPTED, Principal(PrincipalKind.USER, actor.id), now)
    workspace = offer.place.public_id
    return Accepted.model_validate(
        {
            "workspace": workspace,
            "role": (decision.role or offer.invitation.role).word,
            "url": f"{world.service_url}w/{quote(workspace, safe='~')}",
        }
    )


async def _take(world: World, tx: Transaction, actor: Actor, offer: _Offer) -> None:
    invitation = offer.invitation
    await tx.put_guest(
        offer.place.id,
        actor.id,
        invitation.role,
        source=invitation.id,
        session=offer.place.session if invitation.for_session else None,
        by=invitation.created_by,
        at=world.now(),
    )
    if not offer.has_used:
        await tx.count_use(invitation)
    if policy.may_run(invitation.role):
        await tx.remove_request(offer.place.id, actor.id)  # there is hardly more that they can have asked for
    await record(world, tx, actor, AuditAct.ACCEPTED, offer.place, invitation=invitation.id, role=invitation.role.word)


async def _find_maker(world: World, actor: Person, secret: str) -> _Maker:
    """Who made the invitation with this secret. Raises Refused where there is none, and for whoever guesses."""
    async with world.store.reading() as tx:
        invitation = await tx.find_invitation(digest_of(secret))
        maker = None if invitation is None else (await tx.get_people([invitation.created_by]))[invitation.created_by]
    # Only now, and with nothing awaited before the guess is noted: however many are sent at once, each is counted.
    if wait := world.guesses.wait(actor.id):
        raise Refused(
            ProblemCode.TOO_MANY_GUESSES, f"Too many links that do not exist. Try again in {ceil(wait)} seconds."
        )
    if maker is None:
        world.guesses.note(actor.id)
        raise _unknown()
    person = await world.people.find(maker.name, remember=False)
    return _Maker(maker, person if person is not None and person.id == maker.id else None)


async def _weigh(world: World, tx: Transaction, actor: Person, secret: str, maker: _Maker) -> _Offer:
    """The invitation as it stands now. Raises Refused."""
    invitation = await tx.find_invitation(digest_of(secret))
    place = None if invitation is None else await tx.find_by_id(invitation.workspace_id)
    if invitation is None or place is None:
        raise _unknown()
    now = world.now()
    facts = await tx.facts(place.id, actor)
    makers: Decision = Deny()
    if maker.person is not None:
        makers = policy.decide(maker.person, await tx.facts(place.id, maker.person), at=now)
    earlier = await tx.find_guest(place.id, actor.id, invitation.id)
    verdict = policy.may_accept(actor, facts, invitation.fact, makers, has_used=earlier is not None, at=now)
    try:
        insist(verdict, Deny())
    except Refused as refused:
        if refused.code is ProblemCode.INVITATION_IS_OWN:
            raise OwnInvitation(refused, place.public_id) from None
        refused.workspace = place.public_id
        raise
    is_taken = earlier is not None and earlier.fact.counts(session=place.session, at=now)
    return _Offer(invitation, place, policy.decide(actor, facts, at=now), earlier is not None, is_taken)


def _unknown() -> Refused:
    return Refused(
        ProblemCode.INVITATION_UNKNOWN,
        "There is no such invitation. Check that the link is complete, or ask for a new one.",
    )
