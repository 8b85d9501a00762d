"""The matrices against the API, with real tokens of the demo's people, on both databases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from api.calls import CALLS, FOR_ANYBODY, template
from api.service import Service
from coterie.policy import GRANTABLE, Act, GeneralAccess, Role
from support.matrix import (
    Ask,
    Attempt,
    Case,
    ChangeCase,
    Named,
    RoleRow,
    Scene,
    access_params,
    change_params,
    load_roles,
)

pytestmark = pytest.mark.hub


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

    asker = case.workspace.creator if case.workspace.home else "admin"  # who is told everything about everybody
    told = await service.call(asker, "GET", f"workspaces/{workspace}/access/{ask.user}")
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


async def _invite(service: Service, workspace: str, case: ChangeCase) -> str:
    """The secret of the case's invitation."""
    line = case.invitation
    assert line is not None
    lifetime = {} if case.workspace.home else {"lifetime": "session" if line.for_session else "lasting"}
    url = f"workspaces/{workspace}/invitations"
    made = await service.call(line.by, "POST", url, json={"role": line.role, "max_uses": line.max_uses} | lifetime)
    assert made.status_code == 201, made.text
    if line.revoked:
        assert 204 == (await service.call(line.by, "DELETE", url)).status_code
    return str(made.json()["url"].partition("#")[2])


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
    elif attempt.invite is not None:
        answer = await service.call(
            attempt.by, "POST", f"workspaces/{workspace}/invitations", json={"role": attempt.invite}
        )
    elif attempt.accept is not None:
        secret = await _invite(service, workspace, case)
        before = (await service.call(owner, "GET", f"workspaces/{workspace}/grants")).json()
        answer = await service.call(attempt.by, "POST", "invitations/accept", json={"secret": secret})
    else:
        assert attempt.general_access is not None
        change = {"general_access": attempt.general_access.value}
        answer = await service.call(attempt.by, "PATCH", f"workspaces/{workspace}", json=change)

    after = (await service.call(owner, "GET", f"workspaces/{workspace}/grants")).json()
    if attempt.answer == "allowed":
        # Removing what is not there is allowed to whoever may remove, and says that nothing was there.
        assert answer.is_success or (attempt.remove is not None and answer.json()["code"] == "not-found")
    else:
        assert answer.status_code >= 400
        if answer.status_code != 422 and answer.json()["code"] != "not-found":
            assert answer.json()["code"] == attempt.answer.value
        assert before == after
    if not workspace.startswith("~"):
        await service.call("admin", "DELETE", f"workspaces/{workspace}")


@dataclass(frozen=True)
class Way:
    """A person, their role, and how it reaches them."""

    words: str
    who: str
    role: Role | None
    grant: tuple[str, str] | None = None
    level: str = "restricted"

    def __str__(self) -> str:
        return self.words


_NAMED = {"user": ("erin", "erin"), "right": ("curators", "carol"), "group": ("bio", "dave")}
WAYS = (
    Way("creator", "alice", Role.CREATOR),
    *(
        Way(f"{role.word} through a {kind}", who, role, (kind, name))
        for role in GRANTABLE
        for kind, (name, who) in _NAMED.items()
    ),
    Way("co-owner as an administrator", "admin", Role.CO_OWNER),
    Way("viewer through the link", "erin", Role.VIEWER, level="link"),
    Way("viewer because it is Global", "erin", Role.VIEWER, level="global"),
    Way("nobody", "erin", None),
)


@pytest.fixture
def nothing_starts(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening and copying ask the Hub for a server; whether they may is all that is looked at here."""

    async def do_nothing(_name: str) -> None:
        pass

    monkeypatch.setattr(service.world.hub, "create_user", do_nothing)
    monkeypatch.setattr(service.world.hub, "start_server", do_nothing)


async def _outcomes(service: Service, who: str, workspace: str) -> dict[str, str]:
    """What becomes of each call, in words: ``allowed``, also where nothing is there to be changed, or why not."""
    outcomes = {}
    for act, calls in CALLS.items():
        for method, path, body in calls:
            url = f"workspaces/{workspace}{path.format(oneself=who)}"
            answer = await service.call(who, method, url, json=body)
            is_allowed = answer.is_success or answer.json()["code"] == "not-found"
            outcomes[f"{act}: {method} {path}"] = "allowed" if is_allowed else answer.json()["code"]
            if act is Act.COPY and answer.is_success:
                await service.call("admin", "DELETE", f"workspaces/{answer.json()['id']}")
    return outcomes


def _expected(rows: dict[Act, RoleRow], role: Role | None) -> dict[str, str]:
    refusal = "workspace-not-found" if role is None else "role-too-weak"
    return {
        f"{act}: {method} {path}": "allowed" if rows[act].allows(role) else refusal
        for act, calls in CALLS.items()
        for method, path, _ in calls
    }


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_each_role_does_by_the_api_what_the_table_says_however_it_came(service: Service, way: Way) -> None:
    workspace = await service.create("alice")
    if way.grant is not None and way.role is not None:
        assert (await service.grant("admin", workspace, *way.grant, way.role.word)).status_code == 200
    await service.call("admin", "PATCH", f"workspaces/{workspace}", json={"general_access": way.level})

    assert _expected(load_roles().workspace, way.role) == await _outcomes(service, way.who, workspace)
    await service.call("admin", "DELETE", f"workspaces/{workspace}")


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(("who", "role"), [("erin", Role.CREATOR), ("dave", None), ("admin", None)])
async def test_a_home_is_its_owners_by_the_api_as_the_table_says(service: Service, who: str, role: Role | None) -> None:
    owner = await service.world.people.find("erin")
    assert owner is not None
    async with service.world.store.writing() as tx:
        await tx.see_home(owner.id, owner.name, datetime.now(UTC))
    expected = _expected(load_roles().home, role)
    if role is not None:
        # Whoever may ask is still told that a home is shared by invitation only.
        expected["manage-access: PUT /grants/group/astro"] = "role-not-grantable"

    assert expected == await _outcomes(service, who, "~erin")


def test_every_call_of_the_api_on_a_workspace_is_some_act_of_the_table(service: Service) -> None:
    prefix = f"{service.settings.prefix}api/v1/workspaces/{{workspace}}"
    offered = {
        (method.upper(), path.removeprefix(prefix))
        for path, methods in service.app.openapi()["paths"].items()
        if path.startswith(prefix)
        for method in methods
    }
    asked = {(method, path) for calls in CALLS.values() for method, path, _ in calls}

    assert offered - FOR_ANYBODY == {(method, template(path)) for method, path in asked}
