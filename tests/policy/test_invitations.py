"""Who may invite with which role, and who may anonymise whom."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from coterie.policy import (
    Allow,
    Decision,
    Deny,
    Person,
    Role,
    Why,
    Workspace,
    decide,
    may_anonymise,
    may_invite,
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
