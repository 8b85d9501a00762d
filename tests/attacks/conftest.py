"""A workspace to attack: alice's, carol is Editor, bob is Viewer, and a kernel and a terminal run. And one of carol's
from which to attack others: alice and bob come to look at it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from attacks.as_a_server import Server, server_of
from coterie.cli.demo.hub import why_unconfined
from revocation.holding import Place, furnished
from revocation.inviting import accept, invite
from support.demo import Demo


@pytest.fixture(scope="session")
def confined(demo: Demo) -> None:
    """Whatever is tried against the sandbox is left out where this machine has none."""
    why = why_unconfined(demo.state)
    if why is not None:
        pytest.skip(why)


@pytest.fixture(scope="session")
async def place(demo: Demo) -> Place:
    place = await furnished(demo, "alice", "To be attacked", {"carol": "editor", "bob": "viewer"})
    demo.keep(place.id)
    return place


@pytest.fixture(scope="session")
async def trap(demo: Demo) -> Place:
    trap = await furnished(demo, "carol", "A trap", {"alice": "editor", "bob": "viewer"})
    demo.keep(trap.id)
    return trap


@pytest.fixture(scope="session")
async def mine(demo: Demo) -> Server:
    """The server of a workspace of alice's, taken over. Carol is Editor there and bob Viewer."""
    return await _taken_over(demo, "Taken over", {"carol": "editor", "bob": "viewer"})


@pytest.fixture(scope="session")
async def other(demo: Demo) -> Server:
    """Of another of hers, of which the first is to learn nothing: nobody else in it is in the first. Dave is a lasting
    Editor, and erin a Viewer by an invitation for its present session."""
    server = await _taken_over(demo, "Not taken over", {"dave": "editor"})
    link = await invite(demo, "alice", server.place.id, role="viewer", lifetime="session")
    assert (await accept(demo, "erin", link)).is_success
    return server


async def _taken_over(demo: Demo, name: str, roles: Mapping[str, str]) -> Server:
    workspace = await demo.create("alice", name)
    demo.keep(workspace)
    for person, role in roles.items():
        await demo.grant("admin", workspace, person, role)
    for person in ("alice", *roles):
        url = await demo.open(person, workspace)
    # The rest of what a place has nobody asks for.
    return await server_of(demo, Place(workspace, url, "", "", ""))
