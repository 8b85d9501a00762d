"""A Hub share of a home that somebody made by hand: no grant stands behind it, and the gate lets nobody in by it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import InvalidStatus

from revocation.holding import Place, admitted, hub, shared_addresses
from revocation.inviting import at_home, is_in, refusal
from support.demo import Demo, until

pytestmark = pytest.mark.hub


@pytest.fixture(scope="module")
async def home(demo: Demo) -> AsyncIterator[Place]:
    async with at_home(demo) as place:
        yield place
        await hub(demo, "admin", "DELETE", "shares/alice/")


@pytest.fixture(scope="module")
async def shared(demo: Demo, home: Place) -> Place:
    """Dave is let through by the Hub."""
    await hub(demo, "admin", "POST", "shares/alice/", json={"user": "dave"})
    assert "dave" in await admitted(demo, home.url)
    return home


@pytest.mark.parametrize(
    "path", ["api/contents", "api/kernels", "lab", "files/notes.txt", "api/status", "coterie/reach"]
)
async def test_the_gate_refuses_requests(demo: Demo, shared: Place, path: str) -> None:
    answer = await demo.server("dave", "GET", shared.url + path, headers={"Accept": "text/html"})

    assert (403, "refused") == (answer.status_code, answer.headers.get("X-Coterie-Gate"))


@pytest.mark.parametrize("kind", ["presence", "kernel", "events", "terminal", "live"])
async def test_the_gate_refuses_sockets(demo: Demo, shared: Place, kind: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with demo.socket("dave", shared_addresses(shared)[kind]):
            pass

    assert 403 == refused.value.response.status_code


async def test_the_service_does_not_count_it(demo: Demo, shared: Place) -> None:
    own = await demo.api("dave", "GET", "workspaces/~alice")
    opened = await demo.api("dave", "POST", "workspaces/~alice/open")
    listed = [item["id"] for item in (await demo.api("dave", "GET", "workspaces")).json()["items"]]

    assert (404, 404, False) == (own.status_code, opened.status_code, "~alice" in listed)


async def test_a_share_with_a_group_lets_none_of_its_members_in(demo: Demo, home: Place) -> None:
    await hub(demo, "admin", "POST", "shares/alice/", json={"group": "astro"})
    for who in ("bob", "carol"):
        answer = await demo.server(who, "GET", f"{home.url}api/contents")
        assert (403, "refused") == (answer.status_code, answer.headers.get("X-Coterie-Gate"))
    shown = (await demo.api("alice", "GET", "workspaces/~alice/hub-shares")).json()["items"]
    removed = await demo.api("alice", "DELETE", "workspaces/~alice/hub-shares/group/astro")

    assert {"kind": "group", "name": "astro"} in shown
    assert 204 == removed.status_code


async def test_whoever_has_it_does_not_admit_themselves(demo: Demo, shared: Place) -> None:
    for who in ("dave", "admin", "bob"):
        answers = [
            await demo.api(who, "PUT", "workspaces/~alice/hub-shares/user/dave", json={"role": "editor"}),
            await demo.api(who, "GET", "workspaces/~alice/hub-shares"),
        ]
        assert {404} == {answer.status_code for answer in answers}
    assert not await is_in(demo, "dave", shared)


async def test_only_its_owner_admits_and_only_until_they_revoke(demo: Demo, shared: Place) -> None:
    shown = (await demo.api("alice", "GET", "workspaces/~alice/hub-shares")).json()["items"]
    strange = await demo.api("alice", "PUT", "workspaces/~alice/hub-shares/user/erin", json={"role": "editor"})
    assert ([{"kind": "user", "name": "dave"}], (404, "not-found")) == (shown, refusal(strange))

    admission = await demo.api("alice", "PUT", "workspaces/~alice/hub-shares/user/dave", json={"role": "viewer"})
    assert 204 == admission.status_code
    await demo.open("dave", "~alice")
    assert await is_in(demo, "dave", shared)
    assert 403 == (await demo.server("dave", "POST", f"{shared.url}api/kernels", json={})).status_code
    assert [] == (await demo.api("alice", "GET", "workspaces/~alice/hub-shares")).json()["items"]

    assert 204 == (await demo.api("alice", "DELETE", "workspaces/~alice/guests")).status_code

    async def is_out() -> bool:
        return not await is_in(demo, "dave", shared)

    await until(is_out)

    async def is_withdrawn() -> bool:
        return "dave" not in await admitted(demo, shared.url)

    await until(is_withdrawn)
