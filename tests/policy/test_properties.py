"""What holds for every decision, whatever the facts are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from coterie.policy import (
    DIRECT,
    GRANTABLE,
    Decision,
    GeneralAccess,
    Grant,
    Person,
    Principal,
    PrincipalKind,
    Role,
    Through,
    Workspace,
    decide,
)

START = datetime(2030, 1, 1, tzinfo=UTC)
IDS = ("p1", "p2", "p3")
NAMES = ("astro", "/astro", "/astro/dust", "p1")  # a right and a group may be called like a person's id
SESSIONS = (None, "monday", "tuesday")

# Few moments, close together: grants that end at the very moment of asking have to come up often.
moments = st.integers(0, 6).map(lambda hour: START + timedelta(hours=hour))
names = st.frozensets(st.sampled_from(NAMES))
people = st.builds(
    Person, id=st.sampled_from(IDS), name=st.just("somebody"), groups=names, rights=names, administrator=st.booleans()
)
principals = st.one_of(
    st.builds(Principal, st.just(PrincipalKind.USER), st.sampled_from(IDS)),
    st.builds(Principal, st.sampled_from([PrincipalKind.RIGHT, PrincipalKind.GROUP]), st.sampled_from(NAMES)),
)
grants = st.builds(
    Grant,
    principal=principals,
    role=st.sampled_from(GRANTABLE),
    source=st.sampled_from([DIRECT, "invitation-1"]),
    session=st.sampled_from(SESSIONS),
    expires_at=st.none() | moments,
)
workspaces = st.builds(
    Workspace,
    creator=st.sampled_from(IDS),
    general_access=st.sampled_from(GeneralAccess),
    is_home=st.booleans(),
    session=st.sampled_from(SESSIONS),
    grants=st.lists(grants, max_size=6).map(tuple),
    blocked=st.frozensets(st.sampled_from(IDS)),
)


def _strength(decision: Decision) -> int:
    return 0 if decision.role is None else int(decision.role)


@given(people, workspaces, grants, moments)
def test_one_more_grant_never_takes_access_away(
    person: Person, workspace: Workspace, grant: Grant, at: datetime
) -> None:
    before = decide(person, workspace, at=at)
    after = decide(person, replace(workspace, grants=(*workspace.grants, grant)), at=at)

    assert _strength(before) <= _strength(after)
    assert set(before.reasons) <= set(after.reasons)
    if before and before.role == after.role:
        assert after.until is None or (before.until is not None and before.until <= after.until)


@settings(suppress_health_check=[HealthCheck.filter_too_much])  # many workspaces have no grant that is weaker
@given(people, workspaces, st.sampled_from(GRANTABLE), moments, st.data())
def test_a_stronger_grant_in_place_of_a_weaker_never_takes_access_away(
    person: Person, workspace: Workspace, role: Role, at: datetime, data: st.DataObject
) -> None:
    assume(workspace.grants)
    index = data.draw(st.integers(0, len(workspace.grants) - 1))
    old = workspace.grants[index]
    assume(old.role < role)
    changed = (*workspace.grants[:index], replace(old, role=role), *workspace.grants[index + 1 :])

    before = decide(person, workspace, at=at)
    after = decide(person, replace(workspace, grants=changed), at=at)

    assert _strength(before) <= _strength(after)


@given(people, workspaces, names, moments)
def test_one_more_group_or_right_never_takes_access_away(
    person: Person, workspace: Workspace, more: frozenset[str], at: datetime
) -> None:
    before = decide(person, workspace, at=at)
    in_groups = decide(replace(person, groups=person.groups | more), workspace, at=at)
    with_rights = decide(replace(person, rights=person.rights | more), workspace, at=at)

    assert _strength(before) <= _strength(in_groups)
    assert _strength(before) <= _strength(with_rights)


@given(people, workspaces, moments)
def test_wider_general_access_never_takes_access_away(person: Person, workspace: Workspace, at: datetime) -> None:
    strengths = [
        _strength(decide(person, replace(workspace, general_access=level), at=at))
        for level in (GeneralAccess.RESTRICTED, GeneralAccess.LINK, GeneralAccess.GLOBAL)
    ]

    assert sorted(strengths) == strengths


@given(people, workspaces, moments)
def test_a_block_never_gives_anything(person: Person, workspace: Workspace, at: datetime) -> None:
    free = decide(person, replace(workspace, blocked=frozenset()), at=at)
    blocked = decide(person, replace(workspace, blocked=frozenset({person.id})), at=at)

    assert set(blocked.reasons) <= set(free.reasons)
    assert all(reason.source in (None, DIRECT) for reason in blocked.reasons)
    assert all(reason.through is not Through.LINK for reason in blocked.reasons)


@given(people, workspaces, moments)
def test_whom_nothing_reaches_any_more_is_denied(person: Person, workspace: Workspace, at: datetime) -> None:
    kept = tuple(grant for grant in workspace.grants if not person.is_named_by(grant.principal))
    left = replace(workspace, grants=kept, general_access=GeneralAccess.RESTRICTED, creator="somebody-else")

    assert not decide(replace(person, administrator=False), left, at=at)


@given(people, workspaces, moments)
def test_a_decision_without_reasons_is_a_denial_and_the_strongest_reason_is_the_role(
    person: Person, workspace: Workspace, at: datetime
) -> None:
    decision = decide(person, workspace, at=at)

    assert bool(decision) == bool(decision.reasons)
    if decision:
        assert decision.role == decision.reasons[0].role
        assert all(first.role >= second.role for first, second in pairwise(decision.reasons))


@given(people, workspaces, moments, moments)
def test_until_is_honest(person: Person, workspace: Workspace, at: datetime, later: datetime) -> None:
    """The role stays the same up to *until* while the facts stay; nobody gains by waiting; and at *until* itself what
    made the role has ended."""
    assume(at <= later)
    now = decide(person, workspace, at=at)
    then = decide(person, workspace, at=later)

    assert _strength(then) <= _strength(now)
    if now.until is None or later < now.until:
        assert now.role == then.role
    else:
        assert now.role != then.role


@given(people, workspaces, moments)
def test_until_lies_ahead(person: Person, workspace: Workspace, at: datetime) -> None:
    decision = decide(person, workspace, at=at)

    assert decision.until is None or at < decision.until


@given(people, workspaces, moments, st.randoms(use_true_random=False))
def test_the_order_of_grants_does_not_matter(
    person: Person, workspace: Workspace, at: datetime, random: Random
) -> None:
    shuffled = list(workspace.grants)
    random.shuffle(shuffled)

    one = decide(person, workspace, at=at)
    other = decide(person, replace(workspace, grants=tuple(shuffled)), at=at)

    assert (one.role, one.until, one.is_listed) == (other.role, other.until, other.is_listed)
    assert set(one.reasons) == set(other.reasons)


@given(people, workspaces, moments)
def test_only_the_creator_is_creator(person: Person, workspace: Workspace, at: datetime) -> None:
    assert (decide(person, workspace, at=at).role is Role.CREATOR) == (person.id == workspace.creator)


@given(people, workspaces, moments)
def test_an_administrator_is_co_owner_of_every_workspace_and_by_that_nothing_in_a_home(
    person: Person, workspace: Workspace, at: datetime
) -> None:
    administrator = replace(person, administrator=True)
    decision = decide(administrator, workspace, at=at)

    if workspace.is_home:
        assert decide(replace(person, administrator=False), workspace, at=at) == decision
    else:
        assert decision.allows(Role.CO_OWNER)


@given(people, workspaces, moments, st.sampled_from(SESSIONS))
def test_in_another_session_a_grant_for_one_session_is_as_if_it_were_not_there(
    person: Person, workspace: Workspace, at: datetime, session: str | None
) -> None:
    lasting = tuple(grant for grant in workspace.grants if grant.session in (None, session))

    with_all = decide(person, replace(workspace, session=session), at=at)
    with_few = decide(person, replace(workspace, session=session, grants=lasting), at=at)

    assert with_few == with_all


@given(people, workspaces, moments)
def test_a_guest_of_a_home_stays_no_longer_than_the_session(person: Person, workspace: Workspace, at: datetime) -> None:
    assume(person.id != workspace.creator)
    stopped = replace(workspace, is_home=True, session=None)

    assert not decide(person, stopped, at=at)
