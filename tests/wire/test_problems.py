"""The shape of problem documents, and the codes in them."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from coterie.policy import Why
from coterie.wire.problems import Problem, ProblemCode


def test_a_problem_has_the_five_members_of_the_contract() -> None:
    problem = Problem(
        type="about:blank", title="Not found", status=404, detail="Look.", code=ProblemCode.WORKSPACE_NOT_FOUND
    )

    assert problem.model_dump(mode="json") == {
        "type": "about:blank",
        "title": "Not found",
        "status": 404,
        "detail": "Look.",
        "code": "workspace-not-found",
    }


@pytest.mark.parametrize("status", [200, 302, 399, 600])
def test_a_problem_has_the_status_of_an_error(status: int) -> None:
    with pytest.raises(ValidationError):
        Problem(type="about:blank", title="t", status=status, detail="d", code=ProblemCode.NOT_FOUND)


def test_every_refusal_of_the_policy_has_a_problem_code() -> None:
    assert {why.value for why in Why} <= {code.value for code in ProblemCode}


@pytest.mark.parametrize("code", ProblemCode)
def test_a_code_is_words_with_hyphens(code: ProblemCode) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code.value)
