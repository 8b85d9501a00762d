"""Following a server's event stream as somebody else, or from a position that is not one's own: the stream is for the
server that its workspace's token belongs to, tells of that workspace alone, and loses nothing whatever position is
asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from attacks.as_a_server import Server, server_of
from attacks.signing_in import page_token
from coterie.cli.demo.web import loopback_client
from revocation.holding import Place, furnished
from support.demo import Demo

pytestmark = pytest.mark.hub


@pytest.fixture(scope="module")
async def mine(demo: Demo) -> Server:
    """Alice's workspace, taken over; carol is Editor and bob Viewer."""
    return await server_of(demo, await furnished(demo, "alice", "Follows", {"carol": "editor", "bob": "viewer"}))


@pytest.fixture(scope="module")
async def other(demo: Demo) -> Server:
    """Another of hers, of which the first is to learn nothing: nobody in it is in the first."""
    return await server_of(demo, await furnished(demo, "alice", "Is not followed", {"dave": "viewer"}))


async def _change(demo: Demo, place: Place, name: str) -> None:
    """Give *name* a role and take it away: two events."""
    await demo.grant("admin", place.id, name, "viewer")
    assert (await demo.api("alice", "DELETE", f"workspaces/{place.id}/grants/user/{name}")).is_success


async def _until_told(events: AsyncIterator[tuple[str, dict[str, Any]]], name: str) -> list[str | None]:
    """The names of all ``access`` events until one is about *name*."""
    told: list[str | None] = []
    async with asyncio.timeout(15):
        async for event, body in events:
            if event == "access":
                told.append(body["name"])
                if body["name"] == name:
                    return told
    raise AssertionError(told)


async def _position(server: Server) -> int:
    """The revision up to which everything has been told."""
    async with server.following() as events:
        return int((await anext(events))[1]["revision"])


async def test_nobody_but_a_server_follows(demo: Demo, mine: Server) -> None:
    page = await page_token("carol", mine.place.url)
    sent: list[dict[str, str]] = [
        {},
        *({"Authorization": f"token {demo.tokens[who]}"} for who in ("alice", "bob", "carol", "erin", "admin")),
        {"Authorization": f"token {page}"},
        {"Authorization": f"Bearer {page}"},
        {"Authorization": "token"},
        {"Authorization": mine.token},
        {"Authorization": f"Basic {mine.token}"},
        {"Cookie": f"__Host-coterie={mine.token}"},
        {"Cookie": f"__Host-coterie={page}", "Sec-Fetch-Site": "same-origin"},
        {"X-API-Token": mine.token},
    ]
    async with loopback_client() as http:
        answers = [
            await http.get(f"{mine.api}/events", params={"session": mine.session, **query}, headers=headers)
            for headers in sent
            for query in ({}, {"token": mine.token}, {"access_token": mine.token}, {"after": "0"})
        ]

    assert {(403, "not-a-person")} == {(answer.status_code, answer.json()["code"]) for answer in answers}
    # The same address, asked by the server itself, is the stream.
    assert 0 <= await _position(mine)


async def test_from_the_beginning_it_tells_of_its_own_workspace_alone(demo: Demo, mine: Server, other: Server) -> None:
    await _change(demo, other.place, "erin")
    for after in (0, await _position(other) - 1):
        await _change(demo, mine.place, "dave")
        async with mine.following(after=after) as events:
            told = await _until_told(events, "dave")
        assert "erin" not in told
        assert set(told) <= {None, "alice", "bob", "carol", "dave"}


@pytest.mark.parametrize(
    "named",
    [
        {"Last-Event-ID": "0"},
        {"Last-Event-ID": "99999999999999999999"},
        {"Last-Event-ID": "0", "X-Forwarded-User": "alice"},
    ],
)
async def test_a_position_in_a_header_counts_for_nothing(demo: Demo, mine: Server, named: dict[str, str]) -> None:
    position = await _position(mine)
    async with mine.following(headers=named) as events:
        first, body = await anext(events)
        await _change(demo, mine.place, "erin")
        told = await _until_told(events, "erin")

    assert "alive" == first
    assert body["revision"] >= position
    assert ["erin"] == told


async def test_a_position_from_the_future_loses_nothing(demo: Demo, mine: Server) -> None:
    for after in (await _position(mine) + 1_000_000, 2**63, 10**30):
        async with mine.following(after=after) as events:
            first = await anext(events)
            await _change(demo, mine.place, "erin")
            told = await _until_told(events, "erin")
        assert ("access", None) == (first[0], first[1]["name"])
        assert first[1]["revision"] < 1_000_000
        assert ["erin"] == told


async def test_what_is_no_position_is_refused_and_breaks_nothing(mine: Server) -> None:
    answers = [
        await mine.ask("GET", f"/events?session={mine.session}&after={after}")
        for after in ("-1", str(-(2**63)), str(-(10**30)), "x", "0x1", "1%00", "", "1.5", "9" * 5000)
    ]

    assert {422} == {answer.status_code for answer in answers}


async def test_the_session_of_another_workspace_brings_nothing_of_it(demo: Demo, mine: Server, other: Server) -> None:
    async with (
        other.following() as others,
        # To say so is to claim that one's own workspace is in that session.
        mine.following(session=other.session, headers={"X-Coterie-Workspace": other.place.id}) as events,
    ):
        await _change(demo, other.place, "erin")
        control = await _until_told(others, "erin")
        await _change(demo, mine.place, "dave")
        told = await _until_told(events, "dave")

    assert "erin" in control
    assert "erin" not in told
    # The other one's session is what it was: its guests of that session are still in.
    assert "viewer" == (await other.decisions(["dave"], other.session))[0]["role"]


async def test_an_event_says_whose_access_to_look_at_and_never_what_came_of_it(demo: Demo, mine: Server) -> None:
    async with mine.following() as events:
        await anext(events)
        await _change(demo, mine.place, "erin")
        async with asyncio.timeout(15):
            _, body = await anext(events)

    assert {"revision", "name", "accepted"} == set(body)
