"""The forms of ids, accounts and homes."""

from __future__ import annotations

import pytest

from coterie.wire.names import SECRETS_DESCRIPTOR, home_of, is_reserved, is_secret_variable, is_workspace_id

ID = "abcdefgh234567zy"


def test_an_id_is_sixteen_characters_of_the_alphabet() -> None:
    assert is_workspace_id(ID)
    assert is_workspace_id("klmnopqrstuvwxyz")


@pytest.mark.parametrize(
    "text", ["", ID[:-1], ID + "a", ID.upper(), ID[:-1] + "1", ID[:-1] + "-", ID + "\n", f" {ID}", "~alice", "ａ" * 16]
)
def test_nothing_else_is_an_id(text: str) -> None:
    assert not is_workspace_id(text)


@pytest.mark.parametrize("account", [f"ws-{ID}", f"WS-{ID.upper()}", f"Ws-{ID}"])
def test_a_workspaces_account_is_reserved_in_any_case(account: str) -> None:
    assert is_reserved(account)


@pytest.mark.parametrize(
    "account", ["", "alice", "ws-", f"ws-{ID}x", f"ws-{ID[:-1]}", f"aws-{ID}", f"ws_{ID}", f"ws-{ID}\n"]
)
def test_every_other_account_is_free(account: str) -> None:
    assert not is_reserved(account)


def test_letters_that_only_look_like_the_form_do_not_have_it() -> None:
    assert not is_reserved(f"w\u017f-{ID}")
    assert not is_reserved(f"ws-{ID[:-1]}\u212a")


@pytest.mark.parametrize(
    ("text", "owner"), [("~alice", "alice"), ("~~", "~"), ("~", None), ("alice", None), ("", None)]
)
def test_a_home_is_written_with_a_tilde_before_its_owner(text: str, owner: str | None) -> None:
    assert owner == home_of(text)


@pytest.mark.parametrize("name", ["JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN", "GITHUB_TOKEN", "TOKENS_OF_OURS"])
def test_a_variable_with_a_token_in_its_name_is_secret(name: str) -> None:
    assert is_secret_variable(name)


@pytest.mark.parametrize("name", ["PATH", "COTERIE_WORKSPACE", SECRETS_DESCRIPTOR, ""])
def test_other_variables_are_not(name: str) -> None:
    assert not is_secret_variable(name)
