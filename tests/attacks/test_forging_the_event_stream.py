"""Following a server's event stream as somebody else, or from a position that is not one's own: the stream is for the
server that its workspace's token belongs to, tells of that workspace alone, and loses nothing whatever position is
asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from attacks.as_a_server import Server
from attacks.signing_in import page_token
from coterie.cli.demo.web import loopback_client
from support.demo import Demo

pytestmark = pytest.mark.hub


async def _change(demo: Demo, server: Server, name: str) -> None:
    """Give *name* another role there, and the one that they have again: two events."""
    for role in ("co-owner", {"bob": "viewer", "dave": "editor"}[name]):
        await demo.grant("admin", server.place.id, name, role)


async def _until_told(
    events: AsyncIterator[tuple[str, dict[str, Any]]], name: str, *, past: int = 0
) -> list[str | None]:
    """The names of all ``access`` events until one is about *name* and later than the revision *past*."""
    told: list[str | None] = []
    async with asyncio.timeout(60):
        async for event, body in events:
            if event == "access":
                told.append(body["name"])
                if body["name"] == name and body["revision"] > past:
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
    await _change(demo, other, "dave")
    now = await _position(other)
    for after in (0, now - 1):
        await _change(demo, mine, "bob")
        async with mine.following(after=after) as events:
            told = await _until_told(events, "bob", past=now)
        assert "dave" not in told
        assert set(told) <= {None, "alice", "bob", "carol"}


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
        await _change(demo, mine, "bob")
        told = await _until_told(events, "bob")

    assert "alive" == first
    assert body["revision"] >= position
    assert ["bob"] == told


async def test_a_position_from_the_future_loses_nothing(demo: Demo, mine: Server) -> None:
    for after in (await _position(mine) + 1_000_000, 2**63, 10**30):
        async with mine.following(after=after) as events:
            first = await anext(events)
            await _change(demo, mine, "bob")
            told = await _until_told(events, "bob")
        assert ("access", None) == (first[0], first[1]["name"])
        assert first[1]["revision"] < 1_000_000
        assert ["bob"] == told


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
        await _change(demo, other, "dave")
        control = await _until_told(others, "dave")
        await _change(demo, mine, "bob")
        told = await _until_told(events, "bob")

    assert "dave" in control
    assert "dave" not in told
    # The other one's session is what it was: its guests of that session are still in.
    assert ["editor", "viewer"] == [each["role"] for each in await other.decisions(["dave", "erin"], other.session)]


async def test_an_event_says_whose_access_to_look_at_and_never_what_came_of_it(demo: Demo, mine: Server) -> None:
    async with mine.following() as events:
        await anext(events)
        await _change(demo, mine, "bob")
        async with asyncio.timeout(60):
            _, body = await anext(events)

    assert {"revision", "name", "accepted"} == set(body)
