"""The matrices, tried on ``coterie.policy`` itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from coterie.policy import (
    Act,
    Allow,
    Decision,
    Deny,
    Permit,
    Reason,
    Refusal,
    Role,
    Through,
    Verdict,
    Why,
    decide,
    may,
    may_accept,
    may_grant,
    may_invite,
    may_name,
    may_remove,
    may_set_general_access,
)
from support.matrix import (
    INVITATION,
    NOW,
    PEOPLE,
    Ask,
    Attempt,
    Case,
    ChangeCase,
    Named,
    access_params,
    change_params,
    load_changes,
    load_roles,
    role_params,
)


@pytest.mark.parametrize(("case", "ask"), access_params())
def test_access(case: Case, ask: Ask) -> None:
    decision = decide(PEOPLE[ask.user], case.facts, at=case.at)

    assert ask.expected_role == decision.role
    assert list(ask.because) == [reason.sentence for reason in decision.reasons]
    assert ask.until == decision.until
    assert ask.listed in (None, decision.is_listed)


@pytest.mark.parametrize(("case", "attempt"), change_params())
def test_changes(case: ChangeCase, attempt: Attempt) -> None:
    verdict = _try(case, attempt)

    assert attempt.answer == ("allowed" if isinstance(verdict, Permit) else verdict.why)


def _try(case: ChangeCase, attempt: Attempt) -> Verdict:
    actor = PEOPLE[attempt.by]
    decision = decide(actor, case.facts, at=case.at)
    if attempt.general_access is not None:
        return may_set_general_access(actor, decision, case.facts, attempt.general_access)
    if attempt.remove is not None:
        return may_remove(decision, case.facts, attempt.remove.principal)
    if attempt.invite is not None:
        return may_invite(decision, role=Role.parse(attempt.invite), is_home=case.workspace.home)
    if attempt.accept is not None:
        return _accept(case, attempt.by)
    named, role = attempt.share_with, attempt.role
    assert named is not None
    assert role is not None
    allowed = may_grant(decision, case.facts, named.principal, Role.parse(role))
    return allowed and may_name(actor, named.principal, exists=named.exists, groups=named.groups)


def _accept(case: ChangeCase, by: str) -> Verdict:
    invitation = case.invitation
    assert invitation is not None
    maker = decide(PEOPLE[invitation.by], case.facts, at=case.at)
    has_used = any(line.source == INVITATION and line.name == by for line in case.grants)
    return may_accept(PEOPLE[by], case.facts, invitation.fact, maker, has_used=has_used, at=case.at)


def _decision_of(role: Role | None) -> Decision:
    return Deny() if role is None else Allow(role, (Reason(role, Through.USER),))


@pytest.mark.parametrize(("act", "is_home", "role", "allowed"), role_params())
def test_roles(act: Act, is_home: bool, role: Role | None, allowed: bool) -> None:
    verdict = may(_decision_of(role), act, is_home=is_home)

    assert allowed == bool(verdict)
    if isinstance(verdict, Refusal):
        assert verdict.why == (Why.UNKNOWN_WORKSPACE if role is None else Why.ROLE_TOO_WEAK)


def test_every_act_has_a_row_for_workspaces_and_for_homes() -> None:
    table = load_roles()

    assert set(Act) == set(table.workspace)
    assert set(Act) == set(table.home)


def test_a_refusal_names_the_weakest_role_that_would_do() -> None:
    assert Refusal(Why.ROLE_TOO_WEAK, Role.EDITOR) == may(_decision_of(Role.VIEWER), Act.STOP)
    assert Refusal(Why.ROLE_TOO_WEAK, Role.CREATOR) == may(_decision_of(Role.EDITOR), Act.STOP, is_home=True)
    assert Refusal(Why.ROLE_TOO_WEAK, None) == may(_decision_of(Role.CREATOR), Act.COPY, is_home=True)


def test_every_refusal_that_exists_is_in_the_matrix_of_changes() -> None:
    answers = {attempt.answer for case in load_changes() for attempt in case.attempts}

    assert {"allowed", *Why} - {Why.ONESELF} == answers  # that one is about anonymising, which changes no grant


@pytest.mark.parametrize("key", ["exprires_at", "until", "level"])
def test_a_case_with_an_unknown_key_does_not_load(key: str) -> None:
    with pytest.raises(ValueError, match=key):
        Case.model_validate({"name": "x", "grants": [{"user": "bob", "role": "viewer", key: 1}], "ask": []})


@pytest.mark.parametrize("named", [{}, {"user": "bob", "group": "astro"}])
def test_a_grant_names_exactly_one(named: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="one user, one right or one group"):
        Named.model_validate(named)


def test_a_case_that_the_api_cannot_set_up_has_to_say_so() -> None:
    grant = {"user": "bob", "role": "viewer", "expires_at": datetime(2029, 1, 1, tzinfo=UTC)}

    with pytest.raises(ValueError, match="say api: false"):
        Case.model_validate({"name": "x", "grants": [grant], "ask": [{"user": "bob", "role": "none"}]})


def test_cases_for_the_api_rest_on_nothing_that_it_cannot_make() -> None:
    for parameter in access_params(api=True):
        case = parameter.values[0]
        assert case.api
        assert case.at == NOW
