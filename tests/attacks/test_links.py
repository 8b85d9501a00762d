"""The link is a condition and no grant: who came by it is out when it is turned off, and it lists nothing."""

from __future__ import annotations

import pytest

from revocation.holding import Place, ended, holding, room_address
from support.demo import Demo, until

pytestmark = pytest.mark.hub


async def _general_access(demo: Demo, place: Place, who: str, value: str) -> int:
    answer = await demo.api(who, "PATCH", f"workspaces/{place.id}", json={"general_access": value})
    return answer.status_code


async def test_only_an_administrator_makes_a_workspace_global(demo: Demo, place: Place) -> None:
    assert 403 == await _general_access(demo, place, "alice", "global")


@pytest.mark.parametrize(("by", "level"), [("alice", "link"), ("admin", "global")])
async def test_whoever_came_in_by_general_access_is_out_when_it_is_lowered(
    demo: Demo, place: Place, by: str, level: str
) -> None:
    assert 404 == (await demo.api("erin", "POST", f"workspaces/{place.id}/open")).status_code
    assert 200 == await _general_access(demo, place, by, level)
    await demo.open("erin", place.id)
    listed = [item["id"] for item in (await demo.api("erin", "GET", "workspaces")).json()["items"]]
    async with holding(demo, "erin", place, without=("kernel", "terminal")) as held:
        assert 200 == await _general_access(demo, place, "alice", "restricted")
        closed = {kind: (await ended(socket)) for kind, socket in held.items()}

    assert (level == "global") == (place.id in listed)
    assert {
        "room": (1003, "access-ended"),
        "presence": (1003, "access-ended"),
        "events": (4403, "access-ended"),
        "live": (4403, "access-ended"),
    } == closed
    assert 403 == (await demo.server("erin", "GET", f"{place.url}api/contents")).status_code
    assert 404 == (await demo.api("erin", "GET", f"workspaces/{place.id}")).status_code


async def test_the_link_makes_a_viewer_and_nothing_more(demo: Demo, place: Place) -> None:
    assert 200 == await _general_access(demo, place, "alice", "link")
    await demo.open("erin", place.id)
    await room_address(demo, "erin", place)

    statuses = [
        (await demo.server("erin", "POST", f"{place.url}api/kernels", json={})).status_code,
        (await demo.server("erin", "POST", f"{place.url}api/terminals", json={})).status_code,
        (await demo.api("erin", "GET", f"workspaces/{place.id}/grants")).status_code,
    ]
    assert [403, 403, 403] == statuses

    async def is_out() -> bool:
        return (await demo.server("erin", "GET", f"{place.url}api/contents")).status_code == 403

    assert 200 == await _general_access(demo, place, "alice", "restricted")
    await until(is_out)
