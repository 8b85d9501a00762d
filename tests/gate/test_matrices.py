"""The matrices against the gate of a real server: who is let in, and who may change something."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

import pytest

from coterie.policy import GeneralAccess, Role
from support.demo import Demo, until
from support.matrix import Ask, Case, load_access

pytestmark = pytest.mark.hub

CASES = [
    pytest.param(case, id=case.name)
    for case in load_access()
    if case.api and not case.workspace.home and case.workspace.creator == "alice"
]


@pytest.fixture(scope="module")
async def gated(demo: Demo) -> tuple[str, str]:
    """A workspace of alice's that runs, and its server's address."""
    workspace = await demo.create("alice", "Matrices")
    return workspace, await demo.open("alice", workspace)


async def _set(demo: Demo, workspace: str, case: Case) -> None:
    """Bring the workspace to what *case* says, whatever the case before left."""
    grants = (await demo.api("alice", "GET", f"workspaces/{workspace}/grants")).json()["items"]
    for grant in grants[1:]:
        path = f"workspaces/{workspace}/grants/{grant['kind']}/{quote(grant['name'], safe='')}"
        assert (await demo.api("alice", "DELETE", path)).is_success
    change = {"general_access": case.workspace.general_access.value}
    assert (await demo.api("admin", "PATCH", f"workspaces/{workspace}", json=change)).is_success
    for line in case.grants:
        path = f"workspaces/{workspace}/grants/{line.kind}/{quote(line.name, safe='')}"
        expires = {} if line.expires_at is None else {"expires_at": line.expires_at.isoformat()}
        assert (await demo.api("admin", "PUT", path, json={"role": line.role} | expires)).is_success


@pytest.mark.parametrize("case", CASES)
async def test_the_gate_decides_as_the_matrix_says(demo: Demo, gated: tuple[str, str], case: Case) -> None:
    workspace, url = gated
    await _set(demo, workspace, case)

    for ask in case.ask:
        opened = await demo.api(ask.user, "POST", f"workspaces/{workspace}/open")
        assert opened.is_success == (ask.expected_role is not None), ask
        # The gate hears of a change a moment after whoever made it.
        assert await until(partial(_lets_in_as_expected, demo, url, ask)), ask


async def _lets_in_as_expected(demo: Demo, url: str, ask: Ask) -> bool:
    role = ask.expected_role
    read = await demo.server(ask.user, "GET", f"{url}api/contents")
    changed = await demo.server(ask.user, "POST", f"{url}api/contents", json={"type": "file", "ext": ".txt"})
    may_change = role is not None and role >= Role.EDITOR
    return (read.is_success, changed.is_success) == (role is not None, may_change)


async def test_the_gate_looks_at_general_access_again_when_it_is_lowered(demo: Demo, gated: tuple[str, str]) -> None:
    workspace, url = gated
    await _set(demo, workspace, Case(name="none", ask=[{"user": "bob", "role": "none"}]))
    change = {"general_access": GeneralAccess.LINK.value}
    assert (await demo.api("alice", "PATCH", f"workspaces/{workspace}", json=change)).is_success
    assert (await demo.api("erin", "POST", f"workspaces/{workspace}/open")).is_success
    assert 200 == (await demo.server("erin", "GET", f"{url}api/contents")).status_code

    change = {"general_access": GeneralAccess.RESTRICTED.value}
    assert (await demo.api("alice", "PATCH", f"workspaces/{workspace}", json=change)).is_success

    async def is_refused() -> bool:
        return (await demo.server("erin", "GET", f"{url}api/contents")).status_code == 403

    await until(is_refused)
