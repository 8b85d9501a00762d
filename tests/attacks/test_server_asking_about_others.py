"""A server that was taken over asks the service about another workspace, or in its name: whatever it puts into
addresses, bodies and headers, its token names the workspace."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from attacks.as_a_server import Server
from revocation.holding import account_of
from support.demo import Demo

pytestmark = pytest.mark.hub

NOTHING: dict[str, Any] = {"person": "", "role": None, "reasons": [], "until": None}


def _said(decisions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in each.items() if key != "name"} for each in decisions]


async def test_a_session_of_another_workspace_gives_nothing_of_it(mine: Server, other: Server) -> None:
    control = await other.decisions(["dave", "erin", "carol"], other.session)
    assert ["editor", "viewer", None] == [each["role"] for each in control]

    for session in (mine.session, other.session):
        assert [NOTHING] * 2 == _said(await mine.decisions(["dave", "erin"], session))
    # What was given for a session counts in no other, though the same server asks.
    assert ["editor", None] == [each["role"] for each in await other.decisions(["dave", "erin"], mine.session)]


async def test_naming_another_workspace_anywhere_asks_about_ones_own(mine: Server, other: Server) -> None:
    theirs, account = other.place.id, account_of(other.place.url)
    query = f"session={other.session}&workspace={theirs}&id={theirs}&account={account}&name=dave&server={account}"
    headers = {
        "X-Coterie-Workspace": theirs,
        "X-Forwarded-User": account,
        "X-Forwarded-For": "127.0.0.1",
        "X-Original-URL": f"/services/coterie/api/v1/workspaces/{theirs}",
    }
    facts = await mine.ask("GET", f"?{query}", headers=headers)
    single = await mine.ask("GET", f"/decisions/dave?{query}", headers=headers)
    bulk = [
        await mine.ask("POST", f"/decisions?{query}", headers=headers, json={"names": ["dave", "erin"], **more})
        for more in ({}, {"workspace": theirs}, {"session": other.session}, {"account": account, "id": theirs})
    ]

    assert (200, mine.place.id) == (facts.status_code, facts.json()["workspace"])
    assert [NOTHING] == _said([single.json()])
    assert NOTHING | {"name": "dave"} == single.json()
    for answer in bulk:
        assert answer.status_code == 422 or [NOTHING] * 2 == _said(answer.json()["decisions"])
    assert 200 == bulk[0].status_code


@pytest.mark.parametrize(
    "name",
    [
        "~alice",
        "WS",
        "ws-aaaaaaaaaaaaaaaa",
        "dave@{theirs}",
        "{theirs}",
        "{account}",
        "../{theirs}/decisions/dave",
        "dave\0",
        "dave\n",
        " dave",
        "DAVE",
        "*",
        "%",
        "da%",
        "?state=active",
        "dave?include=all",
        "dave/server",
        "%2e%2e",
        "/",
        "x" * 20_000,
        "\N{FULLWIDTH LATIN SMALL LETTER D}ave",
    ],
    ids=lambda name: ascii(name[:20]),
)
async def test_no_way_to_write_a_name_reaches_another_account(mine: Server, other: Server, name: str) -> None:
    written = name.format(theirs=other.place.id, account=account_of(other.place.url))
    single = await mine.ask("GET", f"/decisions/{quote(written, safe='')}?session={mine.session}")
    bulk = await mine.ask("POST", f"/decisions?session={mine.session}", json={"names": [written]})

    assert single.status_code in (200, 404, 414, 422, 431), single.text
    assert bulk.status_code in (200, 422), bulk.text
    decisions = [single.json()] if single.status_code == 200 else []
    decisions += bulk.json()["decisions"] if bulk.status_code == 200 else []
    assert [NOTHING] * len(decisions) == _said(decisions)


async def test_ids_of_people_of_another_workspace_are_not_named(mine: Server, other: Server) -> None:
    people = [each["person"] for each in await other.decisions(["dave", "erin", "alice"], other.session)]
    own = await other.ask("POST", "/names", json={"people": people})
    answer = await mine.ask("POST", "/names", json={"people": people})

    assert {"dave", "erin", "alice"} == set(own.json()["names"].values())
    assert ["alice"] == list(answer.json()["names"].values())


async def test_a_report_in_another_workspaces_session_ends_nothing_there(mine: Server, other: Server) -> None:
    async with mine.following(session=other.session) as events:
        await anext(events)

    assert ["editor", "viewer"] == [each["role"] for each in await other.decisions(["dave", "erin"], other.session)]
    assert [NOTHING] * 2 == _said(await mine.decisions(["dave", "erin"], other.session))


async def test_a_server_changes_nothing_and_is_nobody_at_the_calls_of_people(
    demo: Demo, mine: Server, other: Server
) -> None:
    def grants(server: Server) -> Any:
        return demo.api("alice", "GET", f"workspaces/{server.place.id}/grants")

    before = [(await grants(server)).json() for server in (mine, other)]
    refused = [
        (await mine.ask(method, path, json={"role": "co-owner", "name": "Mine", "names": [], "people": []})).status_code
        for method in ("PUT", "PATCH", "DELETE", "POST")
        for path in (
            "",
            "/",
            "/events",
            "/decisions/dave",
            f"/../workspaces/{other.place.id}",
            f"/../workspaces/{mine.place.id}/grants/user/dave",
            f"/%2e%2e/workspaces/{other.place.id}/grants/user/dave",
        )
    ]

    assert set(refused) <= {307, 403, 404, 405}
    assert before == [(await grants(server)).json() for server in (mine, other)]
