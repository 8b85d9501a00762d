"""The list of workspaces: sections, search, who shared what, and who waits."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from api.service import Service

pytestmark = pytest.mark.hub

SECTIONS = ("favourites", "mine", "shared", "global", "archived")


async def listed(service: Service, who: str, **query: str) -> list[dict[str, Any]]:
    """All of *who*'s workspaces that *query* asks for, page after page of three."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        asked = "&".join(f"{name}={quote(value)}" for name, value in query.items()) + cursor
        answer = await service.call(who, "GET", f"workspaces?limit=3&{asked}")
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next"] is None:
            return found
        cursor = f"&cursor={answer.json()['next']}"


async def sections(service: Service, who: str, workspace: str) -> list[str]:
    """The sections of *who*'s list in which the workspace is."""
    return [
        section
        for section in SECTIONS
        if workspace in [item["id"] for item in await listed(service, who, section=section)]
    ]


async def item(service: Service, who: str, workspace: str) -> dict[str, Any]:
    """The workspace in *who*'s list; the same as it is alone."""
    in_list = {each["id"]: each for each in await listed(service, who)}[workspace]
    alone = (await service.call(who, "GET", f"workspaces/{workspace}")).json()
    assert in_list == {name: alone[name] for name in in_list}
    return in_list


async def test_each_workspace_is_in_one_section_of_each_persons_own(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "group", "astro", "editor")
    await service.call("admin", "PATCH", f"workspaces/{workspace}", json={"general_access": "global"})
    await service.call("carol", "PUT", f"workspaces/{workspace}/favourite")

    people = ("alice", "bob", "carol", "dave")
    before = {who: await sections(service, who, workspace) for who in people}
    await service.call("bob", "PATCH", f"workspaces/{workspace}", json={"archived": True})
    after = {who: await sections(service, who, workspace) for who in people}
    whole = [workspace in [each["id"] for each in await listed(service, who)] for who in people]

    assert before == {"alice": ["mine"], "bob": ["shared"], "carol": ["favourites"], "dave": ["global"]}
    assert after == {who: ["archived"] for who in people}
    assert whole == [True] * 4


async def test_the_sections_together_are_the_whole_list_in_its_order(service: Service) -> None:
    for number in range(5):
        workspace = await service.create("erin", f"Shoal {number}")
        if number == 2:
            await service.call("erin", "PUT", f"workspaces/{workspace}/favourite")

    whole = await listed(service, "erin")
    parts = {section: await listed(service, "erin", section=section) for section in SECTIONS}

    assert sorted(each["id"] for part in parts.values() for each in part) == sorted(each["id"] for each in whole)
    for part in parts.values():
        assert part == [each for each in whole if each in part]


async def test_an_end_of_a_grant_ends_its_place_among_the_shared(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "user", "bob", "viewer")
    shared = await sections(service, "bob", workspace)

    await service.call("alice", "DELETE", f"workspaces/{workspace}/grants/user/bob")

    assert [shared, await sections(service, "bob", workspace)] == [["shared"], []]


@pytest.mark.parametrize(
    ("name", "q"),
    [
        ("Übersicht der Wale", "ÜBERSICHT"),
        ("ÜBERSICHT DER ROBBEN", "übersicht"),
        ("Große Tiere", "GROSSE"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("Cafe\u0301 am Pol", "café"),
        ("100 % Krill_und\\mehr", "% krill_und\\"),
        ("مرحبا بالعالم", "بالعالم"),
        ("🐧🧊", "🧊"),
        ("O'Hara; DROP TABLE", "'hara; drop"),
        ("Krill", "  krill "),
    ],
)
async def test_a_part_of_a_name_finds_it_whatever_the_case(service: Service, name: str, q: str) -> None:
    workspace = await service.create("alice", name)
    await service.create("alice", "Snow")

    found = await listed(service, "alice", q=q)

    assert workspace in [each["id"] for each in found]
    assert "Snow" not in [each["name"] for each in found]


async def test_signs_that_databases_take_for_wildcards_are_themselves(service: Service) -> None:
    await service.create("alice", "Plain")

    found = [await listed(service, "alice", q=q) for q in ("%", "_", "*", "\\", "\0", "\ud7ff")]

    assert "Plain" not in [each["name"] for items in found for each in items]


async def test_a_search_finds_the_new_name_and_only_ones_own(service: Service) -> None:
    workspace = await service.create("alice", "Marmots of the high pass")
    await service.call("alice", "PATCH", f"workspaces/{workspace}", json={"name": "Ibex of the high pass"})

    found = [
        [each["name"] for each in await listed(service, who, q=q)]
        for who, q in (("alice", "ibex"), ("alice", "marmots"), ("bob", "ibex"))
    ]

    assert found == [["Ibex of the high pass"], [], []]


async def test_search_and_section_go_page_by_page_without_gaps(service: Service) -> None:
    created = [await service.create("dave", f"Heron {number}") for number in range(8)]
    for number in (1, 4):
        await service.call("dave", "PATCH", f"workspaces/{created[number]}", json={"archived": True})

    found = await listed(service, "dave", q="heron", section="mine")

    assert [each["name"] for each in found] == [f"Heron {number}" for number in (7, 6, 5, 3, 2, 0)]


@pytest.mark.parametrize("query", ["section=everything", f"q={'n' * 256}", "section=mine&cursor=nonsense"])
async def test_what_cannot_be_asked_is_refused(service: Service, query: str) -> None:
    answer = await service.call("alice", "GET", f"workspaces?{query}")

    assert (422, "invalid-input") == (answer.status_code, answer.json()["code"])


async def test_what_was_shared_is_new_until_it_is_opened_and_says_by_whom(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "user", "bob", "co-owner")
    await service.grant("bob", workspace, "group", "astro", "viewer")

    said = {who: await item(service, who, workspace) for who in ("alice", "bob", "carol")}
    carol = await service.world.people.find("carol")
    assert carol is not None
    async with service.world.store.writing() as tx:
        await tx.note_visit(workspace, carol.id, service.world.now())

    assert [(each["shared_by"], each["is_new"]) for each in said.values()] == [
        (None, False),
        ("alice", True),
        ("bob", True),
    ]
    assert (await item(service, "carol", workspace))["is_new"] is False


async def test_what_is_global_was_shared_by_nobody_and_is_not_new(service: Service) -> None:
    workspace = await service.create("alice")
    await service.call("admin", "PATCH", f"workspaces/{workspace}", json={"general_access": "global"})
    await service.grant("alice", workspace, "user", "bob", "editor", expires_at="2126-01-01T00:00:00Z")

    said = [await item(service, who, workspace) for who in ("bob", "dave")]

    assert [(each["shared_by"], each["is_new"]) for each in said] == [("alice", True), (None, False)]


async def test_who_waits_is_counted_for_those_alone_who_can_answer(service: Service) -> None:
    workspace = await service.create("alice")
    await service.grant("alice", workspace, "user", "bob", "editor")
    await service.grant("alice", workspace, "user", "carol", "co-owner")
    for who in ("dave", "erin"):
        await service.call(who, "POST", f"workspaces/{workspace}/requests", json={})

    counts = {who: (await item(service, who, workspace))["requests"] for who in ("alice", "bob", "carol")}

    assert counts == {"alice": 2, "bob": 0, "carol": 2}
