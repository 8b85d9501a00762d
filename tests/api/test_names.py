"""Whose names a server is told: of people who have to do with its own workspace, or once had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from api.service import Service
from coterie.cli.demo.web import loopback_client
from coterie.policy import Principal, PrincipalKind
from coterie.store import StoredWorkspace
from coterie.wire.bodies import PEOPLE_MAX
from coterie.wire.events import EventKind

pytestmark = pytest.mark.hub


@dataclass(frozen=True)
class Server:
    """A server as the service knows it: a workspace, and the token that the Hub would give its process."""

    service: Service
    stored: StoredWorkspace
    token: str

    async def ask(self, people: Any) -> httpx.Response:
        """Ask for the names of the people with these ids."""
        headers = {"Authorization": f"token {self.token}"}
        return await self.service.call(None, "POST", "server/names", json={"people": people}, headers=headers)

    async def names(self, people: list[str]) -> Mapping[str, str]:
        """The same, answered."""
        answer = await self.ask(people)
        assert answer.status_code == 200, answer.text
        assert {"names"} == set(answer.json())
        names: dict[str, str] = answer.json()["names"]
        return names


async def _hub(service: Service, who: str, path: str, **options: Any) -> Any:
    async with loopback_client() as http:
        answer = await http.post(
            f"{service.settings.hub_api_url}/{path}",
            headers={"Authorization": f"token {service.demo.tokens[who]}"},
            **options,
        )
    assert answer.is_success, answer.text
    return answer.json()


async def _server(service: Service, stored: StoredWorkspace, by: str = "admin") -> Server:
    account = stored.account
    scopes = [f"access:servers!server={account}/", f"users:activity!user={account}"]
    body = {"note": "a server of a test", "scopes": scopes}
    return Server(service, stored, str((await _hub(service, by, f"users/{account}/tokens", json=body))["token"]))


async def _workspace(service: Service, creator: str) -> Server:
    workspace = await service.create(creator, f"Names {uuid4().hex}")
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(workspace)
    assert stored is not None
    await _hub(service, "admin", f"users/{stored.account}")
    return await _server(service, stored)


async def _id(service: Service, name: str) -> str:
    person = await service.world.people.find(name)
    assert person is not None
    return person.id


@pytest.fixture
async def server(service: Service) -> Server:
    return await _workspace(service, "alice")


async def test_the_creator_and_whoever_was_granted_a_role_are_named(service: Service, server: Server) -> None:
    people = {await _id(service, name): name for name in ("admin", "alice", "bob", "carol")}
    await service.grant("admin", server.stored.id, "user", "bob", "editor")

    names = await server.names(list(people))

    assert {key: name for key, name in people.items() if name != "carol"} == names


async def test_somebody_whose_role_was_removed_is_named_still(service: Service, server: Server) -> None:
    bob = await _id(service, "bob")
    await service.grant("alice", server.stored.id, "user", "bob", "editor")
    await service.call("alice", "DELETE", f"workspaces/{server.stored.id}/grants/user/bob")

    assert {bob: "bob"} == await server.names([bob])


async def test_who_came_in_through_a_group_is_named(service: Service, server: Server) -> None:
    dave, erin = await _id(service, "dave"), await _id(service, "erin")
    async with service.world.store.writing() as tx:
        await tx.want_entry(server.stored.id, dave, service.world.now())
    async with service.world.store.writing() as tx:
        principal = Principal(PrincipalKind.USER, erin)
        await tx.append_event(server.stored.id, EventKind.OPENED, principal, service.world.now())

    assert {dave: "dave", erin: "erin"} == await server.names([dave, erin])


async def test_people_of_another_workspace_are_left_out_like_those_who_do_not_exist(
    service: Service, server: Server
) -> None:
    other = await _workspace(service, "dave")
    await service.grant("admin", other.stored.id, "user", "erin", "editor")
    async with service.world.store.writing() as tx:
        await tx.want_entry(other.stored.id, await _id(service, "carol"), service.world.now())
    ids = [await _id(service, name) for name in ("dave", "erin", "carol")]

    assert {} == await server.names([*ids, "aaaaaaaaaaaaaaaa"])
    assert set(ids) == set(await other.names(ids))


async def test_a_group_that_is_called_like_an_id_names_nobody(service: Service, server: Server) -> None:
    carol = await _id(service, "carol")
    async with service.world.store.writing() as tx:
        principal = Principal(PrincipalKind.GROUP, carol)
        await tx.append_event(server.stored.id, EventKind.ACCESS, principal, service.world.now())

    assert {} == await server.names([carol])


async def test_the_server_of_a_home_names_its_owner(service: Service) -> None:
    erin, alice = await _id(service, "erin"), await _id(service, "alice")
    async with service.world.store.writing() as tx:
        home = await tx.see_home(erin, "erin", service.world.now())

    assert {erin: "erin"} == await (await _server(service, home, by="erin")).names([erin, alice])


async def test_ids_that_cannot_be_anybodys_are_left_out(server: Server) -> None:
    ids = ["", "outside", "alice", "A" * 16, "a" * 255, "\0", "' OR 1=1 --", "ü", "a" * 16, "a" * 16]

    assert {} == await server.names(ids)
    assert {} == await server.names([])


@pytest.mark.parametrize(
    "people", [None, "abc", {}, [1], [None], ["a" * 256], ["a"] * (PEOPLE_MAX + 1)], ids=lambda people: str(people)[:20]
)
async def test_a_question_of_the_wrong_shape_is_refused(server: Server, people: Any) -> None:
    answer = await server.ask(people)

    assert (422, "invalid-input") == (answer.status_code, answer.json()["code"])
