"""Who may invite with which role, who may accept, who starts a server, and who may anonymise whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.policy import (
    INVITABLE,
    Allow,
    Decision,
    Deny,
    GeneralAccess,
    Grant,
    Invitation,
    Permit,
    Person,
    Principal,
    PrincipalKind,
    Refusal,
    Role,
    Why,
    Workspace,
    decide,
    may_accept,
    may_anonymise,
    may_invite,
    may_start,
    usual_role,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ROLES: list[Role | None] = [None, *Role]


def _decision(role: Role | None) -> Decision:
    return Deny() if role is None else Allow(role, ())


@pytest.mark.parametrize("maker", ROLES)
@pytest.mark.parametrize("role", Role)
def test_co_owners_and_up_invite_viewers_and_editors(maker: Role | None, role: Role) -> None:
    verdict = may_invite(_decision(maker), role=role)

    manages = maker in (Role.CO_OWNER, Role.CREATOR)
    assert bool(verdict) == (manages and role in (Role.VIEWER, Role.EDITOR))


@pytest.mark.parametrize("maker", ROLES)
def test_only_the_owner_invites_to_a_home(maker: Role | None) -> None:
    assert bool(may_invite(_decision(maker), role=Role.EDITOR, is_home=True)) == (maker is Role.CREATOR)


def test_an_invitation_stops_working_when_its_maker_is_gone() -> None:
    maker, workspace = Person("m", "mia"), Workspace(creator="somebody else")

    verdict = may_invite(decide(maker, workspace, at=NOW), role=Role.VIEWER)

    assert getattr(verdict, "why", None) is Why.UNKNOWN_WORKSPACE


def test_an_invitation_is_for_editors_of_a_home_and_for_viewers_of_a_workspace_unless_said_otherwise() -> None:
    assert (Role.EDITOR, Role.VIEWER) == (usual_role(is_home=True), usual_role(is_home=False))


# --- Accepting -----------------------------------------------------------------------------------------------------

GUEST = Person("g", "gina")
PLACE = Workspace(creator="c", session="monday")
LINK = Invitation("i", Role.EDITOR, maker="m", expires_at=NOW + timedelta(hours=1), for_session=True)
CO_OWNER = Allow(Role.CO_OWNER, ())

#: What can be wrong, the first that is said first.
WRONGS = (
    Why.INVITATION_REVOKED,
    Why.INVITATION_EXPIRED,
    Why.INVITATION_HAS_NO_MAKER,
    Why.INVITATION_IS_OWN,
    Why.INVITATION_BLOCKED,
    Why.INVITATION_USED_UP,
    Why.SERVER_NOT_RUNNING,
)


def _why(wrongs: frozenset[Why], *, has_used: bool = False) -> Why | None:
    """What is said where all of *wrongs* are the case."""
    invitation, place = LINK, PLACE
    if Why.INVITATION_REVOKED in wrongs:
        invitation = replace(invitation, is_revoked=True)
    if Why.INVITATION_EXPIRED in wrongs:
        invitation = replace(invitation, expires_at=NOW)
    if Why.INVITATION_USED_UP in wrongs:
        invitation = replace(invitation, max_uses=3, uses=3)
    if Why.INVITATION_IS_OWN in wrongs:
        invitation = replace(invitation, maker=GUEST.id)
    if Why.INVITATION_BLOCKED in wrongs:
        place = replace(place, blocked=frozenset({GUEST.id}))
    if Why.SERVER_NOT_RUNNING in wrongs:
        place = replace(place, session=None)
    maker: Decision = Deny() if Why.INVITATION_HAS_NO_MAKER in wrongs else CO_OWNER
    verdict = may_accept(GUEST, place, invitation, maker, has_used=has_used, at=NOW)
    return verdict.why if isinstance(verdict, Refusal) else None


@pytest.mark.parametrize("has_used", [False, True])
def test_the_first_thing_that_is_wrong_is_said_and_nothing_else_refuses(has_used: bool) -> None:
    """All that can be wrong, in every combination."""
    for chosen in product([False, True], repeat=len(WRONGS)):
        wrongs = [why for why, is_wrong in zip(WRONGS, chosen, strict=True) if is_wrong]
        counting = [why for why in wrongs if not (has_used and why is Why.INVITATION_USED_UP)]
        expected = counting[0] if counting else None

        assert expected == _why(frozenset(wrongs), has_used=has_used), wrongs


@pytest.mark.parametrize("maker", ROLES)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("is_home", [False, True])
def test_it_works_while_its_maker_could_still_make_it(maker: Role | None, role: Role, is_home: bool) -> None:
    invitation, place = replace(LINK, role=role), replace(PLACE, is_home=is_home)

    accepted = may_accept(GUEST, place, invitation, _decision(maker), has_used=False, at=NOW)

    assert bool(may_invite(_decision(maker), role=role, is_home=is_home)) == bool(accepted)


@pytest.mark.parametrize("uses", range(5))
def test_as_many_people_accept_it_as_may_and_whoever_has_may_come_again(uses: int) -> None:
    limited, unlimited = replace(LINK, max_uses=3, uses=uses), replace(LINK, uses=uses)

    for invitation, has_used, expected in (
        (limited, False, uses < 3),
        (limited, True, True),
        (unlimited, False, True),
    ):
        verdict = may_accept(GUEST, PLACE, invitation, CO_OWNER, has_used=has_used, at=NOW)
        assert expected == bool(verdict)


def test_what_lasts_is_accepted_whether_the_server_runs_or_not() -> None:
    lasting = replace(LINK, for_session=False)

    verdict = may_accept(GUEST, replace(PLACE, session=None), lasting, CO_OWNER, has_used=False, at=NOW)

    assert Permit() == verdict


people = st.builds(Person, id=st.sampled_from("cgm"), name=st.just("somebody"), administrator=st.booleans())
moments = st.integers(-3, 3).map(lambda hours: NOW + timedelta(hours=hours))
links = st.builds(
    Invitation,
    id=st.just("i"),
    role=st.sampled_from(Role),
    maker=st.sampled_from("cm"),
    expires_at=moments,
    for_session=st.booleans(),
    max_uses=st.none() | st.integers(1, 2),
    uses=st.integers(0, 3),
    is_revoked=st.booleans(),
)
places = st.builds(
    Workspace,
    creator=st.just("c"),
    general_access=st.sampled_from(GeneralAccess),
    is_home=st.booleans(),
    session=st.sampled_from([None, "monday"]),
    grants=st.lists(
        st.builds(
            Grant,
            principal=st.builds(Principal, st.just(PrincipalKind.USER), st.sampled_from("gm")),
            role=st.sampled_from([Role.VIEWER, Role.CO_OWNER]),
            source=st.sampled_from(["direct", "i"]),
            session=st.sampled_from([None, "monday"]),
        ),
        max_size=3,
    ).map(tuple),
    blocked=st.frozensets(st.sampled_from("gm")),
)


@given(people, places, links, moments, st.booleans())
def test_who_may_accept_gets_the_role_by_it_and_never_more_than_editor(
    person: Person, place: Workspace, link: Invitation, at: datetime, has_used: bool
) -> None:
    maker = decide(Person(link.maker, "maker"), place, at=at)
    if not may_accept(person, place, link, maker, has_used=has_used, at=at):
        return
    # A home's invitations are always for the session.
    session = place.session if link.for_session or place.is_home else None
    given_by_it = Grant(Principal(PrincipalKind.USER, person.id), link.role, link.id, session)
    after = decide(person, replace(place, grants=(*place.grants, given_by_it)), at=at)

    assert link.role in INVITABLE
    assert at < link.expires_at
    if not (place.is_home and session is None):
        assert after.allows(link.role)


@given(people, places, links, moments, moments)
def test_what_has_run_out_or_is_revoked_never_works_again(
    person: Person, place: Workspace, link: Invitation, at: datetime, later: datetime
) -> None:
    refused = may_accept(person, place, link, CO_OWNER, has_used=True, at=at)
    revoked = may_accept(person, place, replace(link, is_revoked=True), CO_OWNER, has_used=True, at=later)

    assert not revoked
    if isinstance(refused, Refusal) and refused.why is Why.INVITATION_EXPIRED and at <= later:
        assert not may_accept(person, place, link, CO_OWNER, has_used=True, at=later)


# --- Starting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "is_home", "why"),
    [
        (Person("c", "carol"), True, None),
        (Person("g", "gina"), True, Why.SERVER_NOT_RUNNING),
        (Person("a", "admin", administrator=True), True, Why.SERVER_NOT_RUNNING),
        (Person("g", "gina"), False, None),
        (Person("c", "carol"), False, None),
    ],
)
def test_a_home_is_started_by_its_owner_alone(person: Person, is_home: bool, why: Why | None) -> None:
    verdict = may_start(person, Workspace(creator="c", is_home=is_home))

    assert bool(verdict) == (why is None)
    assert getattr(verdict, "why", None) is why


# --- Anonymising ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "person", "why"),
    [
        (Person("a", "admin", administrator=True), Person("b", "bob"), None),
        (Person("a", "admin", administrator=True), Person("a", "admin", administrator=True), Why.ONESELF),
        (Person("c", "carol"), Person("b", "bob"), Why.ADMINISTRATORS_ONLY),
        (Person("b", "bob"), Person("b", "bob"), Why.ADMINISTRATORS_ONLY),
    ],
)
def test_administrators_anonymise_others(actor: Person, person: Person, why: Why | None) -> None:
    verdict = may_anonymise(actor, person)

    assert bool(verdict) == (why is None)
    assert getattr(verdict, "why", None) is why
