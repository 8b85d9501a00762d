"""Whose request for access is heard."""

from __future__ import annotations

import pytest

from coterie.policy import GeneralAccess, Person, Refusal, Why, Workspace, may_request

BOB = Person("id-of-bob", "bob")


@pytest.mark.parametrize("level", GeneralAccess)
def test_anybody_may_ask_in_a_workspace(level: GeneralAccess) -> None:
    assert may_request(BOB, Workspace(creator="id-of-alice", general_access=level, blocked=frozenset({"id-of-carol"})))


@pytest.mark.parametrize(
    "workspace",
    [
        Workspace(creator="id-of-alice", is_home=True),
        Workspace(creator="id-of-bob", is_home=True),
        Workspace(creator="id-of-alice", blocked=frozenset({"id-of-bob"})),
    ],
    ids=["another's home", "one's own home", "blocked"],
)
def test_a_request_that_nobody_hears_is_refused_as_if_there_were_no_workspace(workspace: Workspace) -> None:
    assert may_request(BOB, workspace) == Refusal(Why.UNKNOWN_WORKSPACE)
