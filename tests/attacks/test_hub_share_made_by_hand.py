"""A JupyterHub share without a grant behind it passes the first door and no other."""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidStatus

from revocation.holding import Place, account_of, admitted, hub, shared_addresses
from support.demo import Demo

pytestmark = pytest.mark.hub


@pytest.fixture(scope="module")
async def share(demo: Demo, place: Place) -> None:
    """Dave, who has no role in the workspace, is let through by the Hub."""
    await hub(demo, "admin", "POST", f"shares/{account_of(place.url)}/", json={"user": "dave"})
    assert "dave" in await admitted(demo, place.url)


@pytest.mark.parametrize("path", ["api/contents", "api/kernels", "lab", "files/notes.txt", "api/status", "tree"])
async def test_the_gate_refuses_requests(demo: Demo, place: Place, share: None, path: str) -> None:
    answer = await demo.server("dave", "GET", place.url + path, headers={"Accept": "text/html"})

    assert (403, "refused") == (answer.status_code, answer.headers.get("X-Coterie-Gate"))


@pytest.mark.parametrize("kind", ["presence", "kernel", "events", "terminal", "live"])
async def test_the_gate_refuses_sockets(demo: Demo, place: Place, share: None, kind: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with demo.socket("dave", shared_addresses(place)[kind]):
            pass

    assert 403 == refused.value.response.status_code


async def test_the_service_does_not_count_it(demo: Demo, place: Place, share: None) -> None:
    decision = (await demo.api("alice", "GET", f"workspaces/{place.id}/access/dave")).json()
    own = await demo.api("dave", "GET", f"workspaces/{place.id}")
    opened = await demo.api("dave", "POST", f"workspaces/{place.id}/open")

    assert (None, [], 404, 404) == (decision["role"], decision["reasons"], own.status_code, opened.status_code)
