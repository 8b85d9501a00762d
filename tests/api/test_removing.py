"""The account of a deleted workspace, and its files with it, goes in the end, whatever happens in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.service import Service
from coterie.actions.removing import remove_accounts
from coterie.actions.world import World
from coterie.hubapi import Hub, HubError, HubRefused, HubServer, HubUnavailable, HubUser
from coterie.store import StoredRemoval

pytestmark = pytest.mark.hub


@pytest.fixture
def later(service: Service) -> World:
    """The service's world, two minutes from now."""
    return replace(service.world, now=lambda: datetime.now(UTC) + timedelta(minutes=2))


async def _account(service: Service, workspace: str) -> str:
    """The account of *workspace*, made in the Hub as its first opening does."""
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(workspace)
    assert stored is not None
    await service.world.hub.create_user(stored.account)
    return stored.account


async def _note(service: Service, account: str) -> None:
    async with service.world.store.writing() as tx:
        await tx.note_removal(account, service.world.now())


async def _noted(service: Service) -> list[str]:
    async with service.world.store.reading() as tx:
        return [removal.account for removal in await tx.list_removals()]


@pytest.mark.parametrize(
    "why", [HubUnavailable("the Hub restarts"), HubRefused(400, "pending spawn"), RuntimeError("the process ends")]
)
async def test_an_account_that_could_not_be_removed_with_its_workspace_is_removed_later(
    service: Service, later: World, monkeypatch: pytest.MonkeyPatch, why: Exception
) -> None:
    workspace = await service.create("alice", "Left over")
    account = await _account(service, workspace)

    async def fails(_hub: Hub, _account: str) -> None:
        raise why

    with monkeypatch.context() as patch:
        patch.setattr(Hub, "remove_user", fails)
        deleted = await service.call("alice", "DELETE", f"workspaces/{workspace}")
        assert deleted.status_code == (204 if isinstance(why, HubError) else 500)
        assert await service.world.hub.find_user(account) is not None
        assert account in await _noted(service)

    await remove_accounts(later)
    await remove_accounts(later)

    assert await service.world.hub.find_user(account) is None
    assert account not in await _noted(service)


async def test_an_account_that_an_opening_made_anew_is_removed_again(service: Service, later: World) -> None:
    workspace = await service.create("alice", "Opened while it was deleted")
    account = await _account(service, workspace)
    await service.call("alice", "DELETE", f"workspaces/{workspace}")
    await remove_accounts(service.world)
    await service.world.hub.create_user(account)

    await remove_accounts(later)

    assert await service.world.hub.find_user(account) is None


async def test_accounts_of_workspaces_and_people_are_never_removed(service: Service, later: World) -> None:
    account = await _account(service, await service.create("alice", "Alive"))
    for name in (account, "dave"):
        await _note(service, name)

    await remove_accounts(later)

    assert await service.world.hub.find_user(account) is not None
    assert await service.world.hub.find_user("dave") is not None
    assert not {account, "dave"} & set(await _noted(service))


async def test_one_that_fails_holds_up_no_other_and_what_runs_is_stopped_first(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    running = {"ws-bbbbbbbbbbbbbbbb"}

    async def noted(_tx: object) -> list[StoredRemoval]:
        accounts = ("ws-aaaaaaaaaaaaaaaa", "ws-bbbbbbbbbbbbbbbb")
        return [StoredRemoval(account, service.world.now()) for account in accounts]

    async def find_user(_hub: Hub, account: str) -> HubUser:
        if account == "ws-aaaaaaaaaaaaaaaa":
            raise HubRefused(403, "no")
        servers = {"": HubServer(ready=True, url="/")} if account in running else {}
        return HubUser(name=account, created=service.world.now(), servers=servers)

    async def stop_server(_hub: Hub, account: str) -> None:
        asked.append(("stop", account))
        running.discard(account)

    async def remove_user(_hub: Hub, account: str) -> None:
        asked.append(("remove", account))

    monkeypatch.setattr("coterie.store.Transaction.list_removals", noted)
    for call in (find_user, stop_server, remove_user):
        monkeypatch.setattr(Hub, call.__name__, call)

    await remove_accounts(service.world)
    await remove_accounts(service.world)

    assert asked == [("stop", "ws-bbbbbbbbbbbbbbbb"), ("remove", "ws-bbbbbbbbbbbbbbbb")]
