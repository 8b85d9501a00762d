"""The matrices against the API, with real tokens of the demo's people, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from api.conftest import Service
from coterie.policy import Act, GeneralAccess, Role
from support.matrix import Ask, Attempt, Case, ChangeCase, Named, Scene, access_params, change_params, role_params

pytestmark = pytest.mark.hub

_BY_ROLE = {Role.CREATOR: "alice", Role.CO_OWNER: "bob", Role.EDITOR: "carol", Role.VIEWER: "dave", None: "erin"}


async def _set(service: Service, scene: Scene) -> str:
    """Make the scene's workspace. An administrator grants, who may name anybody and give every role."""
    if scene.workspace.home:
        owner = await service.world.people.find(scene.workspace.creator)
        assert owner is not None
        async with service.world.store.writing() as tx:
            await tx.see_home(owner.id, owner.name, datetime.now(UTC))
        return f"~{owner.name}"
    workspace = await service.create(scene.workspace.creator, scene.name[:200])
    if scene.workspace.general_access is not GeneralAccess.RESTRICTED:
        change = {"general_access": scene.workspace.general_access.value}
        answer = await service.call("admin", "PATCH", f"workspaces/{workspace}", json=change)
        assert answer.status_code == 200, answer.text
    for line in scene.grants:
        expires = {} if line.expires_at is None else {"expires_at": line.expires_at.isoformat()}
        answer = await service.grant("admin", workspace, line.kind.value, line.name, line.role, **expires)
        assert answer.status_code == 200, answer.text
    return workspace


@pytest.mark.parametrize(("case", "ask"), access_params(api=True))
async def test_the_api_decides_as_the_matrix_says(service: Service, case: Case, ask: Ask) -> None:
    workspace = await _set(service, case)

    told = await service.call(case.workspace.creator, "GET", f"workspaces/{workspace}/access/{ask.user}")
    own = await service.call(ask.user, "GET", f"workspaces/{workspace}")
    listed = await service.call(ask.user, "GET", "workspaces?limit=500")

    assert told.json()["role"] == (None if ask.role == "none" else ask.role)
    assert tuple(reason["sentence"] for reason in told.json()["reasons"]) == ask.because
    until = told.json()["until"]
    assert (None if until is None else datetime.fromisoformat(until)) == ask.until
    if ask.role == "none":
        assert (own.status_code, own.json()["code"]) == (404, "workspace-not-found")
    else:
        assert own.json()["role"] == ask.role
    is_listed = workspace in [item["id"] for item in listed.json()["items"]]
    assert is_listed == (bool(ask.listed) if ask.listed is not None else is_listed)
    if not workspace.startswith("~"):
        await service.call("admin", "DELETE", f"workspaces/{workspace}")


def _path(workspace: str, named: Named) -> str:
    return f"workspaces/{workspace}/grants/{named.kind}/{quote(named.name, safe='')}"


@pytest.mark.parametrize(("case", "attempt"), change_params(api=True))
async def test_the_api_allows_the_changes_that_the_matrix_allows(
    service: Service, case: ChangeCase, attempt: Attempt
) -> None:
    workspace = await _set(service, case)
    owner = case.workspace.creator if case.workspace.home else "admin"
    before = (await service.call(owner, "GET", f"workspaces/{workspace}/grants")).json()

    if attempt.share_with is not None and attempt.role == "creator":
        path = _path(workspace, attempt.share_with)
        answer = await service.call(attempt.by, "PUT", path, json={"role": "creator"})
        assert answer.status_code == 422  # no such role in the API, whoever asks
    elif attempt.share_with is not None:
        path = _path(workspace, attempt.share_with)
        answer = await service.call(attempt.by, "PUT", path, json={"role": attempt.role})
    elif attempt.remove is not None:
        answer = await service.call(attempt.by, "DELETE", _path(workspace, attempt.remove))
    else:
        assert attempt.general_access is not None
        change = {"general_access": attempt.general_access.value}
        answer = await service.call(attempt.by, "PATCH", f"workspaces/{workspace}", json=change)

    after = (await service.call(owner, "GET", f"workspaces/{workspace}/grants")).json()
    if attempt.answer == "allowed":
        # Removing what is not there is allowed to whoever may remove, and says that nothing was there.
        assert answer.status_code == 200 or (attempt.remove is not None and answer.json()["code"] == "not-found")
    else:
        assert answer.status_code >= 400
        if answer.status_code != 422 and answer.json()["code"] != "not-found":
            assert answer.json()["code"] == attempt.answer.value
        assert before == after
    if not workspace.startswith("~"):
        await service.call("admin", "DELETE", f"workspaces/{workspace}")


#: How the API is asked for each act that it knows.
_CALLS = {
    Act.VIEW: ("GET", "", None),
    Act.FAVOURITE: ("PUT", "/favourite", None),
    Act.RENAME: ("PATCH", "", {"name": "Renamed"}),
    Act.ARCHIVE: ("PATCH", "", {"archived": True}),
    Act.STOP: ("POST", "/stop", None),
    Act.MANAGE_ACCESS: ("GET", "/grants", None),
    Act.DELETE: ("DELETE", "", None),
}


@pytest.mark.parametrize(("act", "is_home", "role", "allowed"), role_params())
async def test_each_role_does_by_the_api_what_the_table_says(
    service: Service, act: Act, is_home: bool, role: Role | None, allowed: bool
) -> None:
    if act not in _CALLS or is_home:
        return  # opening starts a server, which the real-Hub tests do; copies and guests of homes come later
    workspace = await service.create("alice")
    for name, word in (("bob", "co-owner"), ("carol", "editor"), ("dave", "viewer")):
        assert (await service.grant("admin", workspace, "user", name, word)).status_code == 200

    method, path, body = _CALLS[act]
    answer = await service.call(_BY_ROLE[role], method, f"workspaces/{workspace}{path}", json=body)

    assert answer.is_success == allowed, answer.text
    if not allowed:
        assert answer.json()["code"] == ("workspace-not-found" if role is None else "role-too-weak")
    await service.call("admin", "DELETE", f"workspaces/{workspace}")
