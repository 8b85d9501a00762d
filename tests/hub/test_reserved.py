"""Names of workspaces' accounts are nobody's to sign in with."""

from __future__ import annotations

from typing import Any

import pytest
from jupyterhub.auth import Authenticator, DummyAuthenticator

from coterie.hub.confirm import NoConfirm
from coterie.hub.reserved import refuse_reserved_names
from coterie.wire.names import is_reserved

ACCOUNT = "ws-abcdefgh234567ab"


@pytest.mark.parametrize("name", [ACCOUNT, ACCOUNT.upper(), "Ws-AbCdEfGh234567aB"])
def test_the_exact_form_is_reserved_in_any_case(name: str) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ws-",
        "ws-abc",
        ACCOUNT + "a",
        ACCOUNT[:-1],
        ACCOUNT + "\n",
        "x" + ACCOUNT,
        "ws-abcdefgh234567a1",
        "ws-abcdefgh234567a8",
        "ws-abcdefgh234567aſ",
        "ws_abcdefgh234567ab",
        "alice",
    ],
)
def test_every_other_name_is_free(name: str) -> None:
    assert not is_reserved(name)


async def _sign_in(authenticator: Authenticator, name: str) -> Any:
    return await authenticator.get_authenticated_user(None, {"username": name, "password": "x"})


async def test_an_authenticator_that_takes_everybody_refuses_reserved_names() -> None:
    authenticator = refuse_reserved_names(DummyAuthenticator)(allow_all=True)

    assert await _sign_in(authenticator, ACCOUNT) is None
    assert await _sign_in(authenticator, ACCOUNT.upper()) is None
    assert (await _sign_in(authenticator, "ws-abc"))["name"] == "ws-abc"


async def test_existing_accounts_and_explicit_allowance_change_nothing() -> None:
    authenticator = refuse_reserved_names(DummyAuthenticator)(
        allowed_users={ACCOUNT, "alice"}, allow_existing_users=True, admin_users={ACCOUNT}
    )

    assert await _sign_in(authenticator, ACCOUNT) is None
    assert (await _sign_in(authenticator, "alice"))["name"] == "alice"


async def test_the_operators_own_block_list_still_counts() -> None:
    authenticator = refuse_reserved_names(DummyAuthenticator)(allow_all=True, blocked_users={"mallory"})

    assert await _sign_in(authenticator, "mallory") is None


def test_an_authenticator_is_wrapped_once() -> None:
    once = refuse_reserved_names(DummyAuthenticator)

    assert refuse_reserved_names(once) is once


def test_workspaces_and_the_service_are_entered_without_confirmation_but_homes_are_not() -> None:
    clients = NoConfirm({"service-coterie"})

    assert "service-coterie" in clients
    assert f"jupyterhub-user-{ACCOUNT}" in clients
    assert "jupyterhub-user-alice" not in clients
    assert "jupyterhub-user-ws-abc" not in clients
    assert f"jupyterhub-user-{ACCOUNT}-named" not in clients
    assert ACCOUNT not in clients
    assert None not in clients
