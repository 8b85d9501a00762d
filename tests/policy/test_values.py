"""Roles, refusals and sentences."""

from __future__ import annotations

import pytest

from coterie.policy import (
    DIRECT,
    GRANTABLE,
    Allow,
    Deny,
    Permit,
    Person,
    Principal,
    PrincipalKind,
    Reason,
    Refusal,
    Role,
    Through,
    Why,
)


def test_roles_are_ordered_from_viewer_to_creator() -> None:
    assert sorted(Role) == [Role.VIEWER, Role.EDITOR, Role.CO_OWNER, Role.CREATOR]


@pytest.mark.parametrize(
    ("role", "word", "title"),
    [
        (Role.VIEWER, "viewer", "Viewer"),
        (Role.EDITOR, "editor", "Editor"),
        (Role.CO_OWNER, "co-owner", "Co-owner"),
        (Role.CREATOR, "creator", "Creator"),
    ],
)
def test_a_role_has_a_word_for_programs_and_a_title_for_people(role: Role, word: str, title: str) -> None:
    assert word == role.word
    assert title == role.title
    assert role is Role.parse(word)


@pytest.mark.parametrize("word", ["", "Viewer", "EDITOR", "co_owner", "coowner", " viewer", "viewer ", "owner", "4"])
def test_no_other_text_is_a_role(word: str) -> None:
    with pytest.raises(ValueError, match="no role is called"):
        Role.parse(word)


@pytest.mark.parametrize(
    "named", ["/astro", "astro", "/", "", "/astro/", "/astro/dust/", "/astro/dust/sub", "/ASTRO/DUST"]
)
def test_a_grant_to_any_other_group_does_not_reach_a_member_of_a_group_below_or_above(named: str) -> None:
    person = Person("id-of-bob", "bob", groups=frozenset({"/astro/dust"}))

    assert person.is_named_by(Principal(PrincipalKind.GROUP, "/astro/dust"))
    assert not person.is_named_by(Principal(PrincipalKind.GROUP, named))


def test_a_right_a_group_and_a_person_of_one_name_are_three_principals() -> None:
    person = Person("x", "somebody", groups=frozenset({"y"}), rights=frozenset({"z"}))
    reached = {
        (kind, key) for kind in PrincipalKind for key in ("x", "y", "z") if person.is_named_by(Principal(kind, key))
    }

    assert reached == {(PrincipalKind.USER, "x"), (PrincipalKind.GROUP, "y"), (PrincipalKind.RIGHT, "z")}


def test_creator_is_never_granted() -> None:
    assert set(Role) - {Role.CREATOR} == set(GRANTABLE)


def test_a_denial_is_falsy_and_allows_nothing() -> None:
    denial = Deny()

    assert not denial
    assert not any(denial.allows(need) for need in Role)
    assert not denial.is_listed


@pytest.mark.parametrize("role", Role)
def test_a_decision_allows_its_own_role_and_every_weaker_one(role: Role) -> None:
    decision = Allow(role, (Reason(role, Through.USER),))

    assert decision
    assert [need for need in Role if need <= role] == [need for need in Role if decision.allows(need)]


def test_a_refusal_is_falsy_and_a_permit_is_not() -> None:
    assert not any(Refusal(why) for why in Why)
    assert Permit()


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (Reason(Role.CREATOR, Through.CREATOR), "Creator of the workspace"),
        (Reason(Role.CO_OWNER, Through.ADMINISTRATOR), "Co-owner as an administrator"),
        (Reason(Role.EDITOR, Through.USER, source=DIRECT), "Editor by name"),
        (Reason(Role.VIEWER, Through.USER, source="invitation-1"), "Viewer by an invitation"),
        (Reason(Role.EDITOR, Through.GROUP, "/astro/dust"), "Editor through the group /astro/dust"),
        (Reason(Role.VIEWER, Through.RIGHT, "gpu-users"), "Viewer through the right gpu-users"),
        (Reason(Role.VIEWER, Through.LINK), "Viewer because anyone with the link may view"),
        (Reason(Role.VIEWER, Through.GLOBAL), "Viewer because the workspace is Global"),
    ],
)
def test_a_reason_reads_as_a_sentence(reason: Reason, sentence: str) -> None:
    assert sentence == reason.sentence
