"""The page with a person's workspaces: sections, search, marks, paging, what each row says and offers."""

from __future__ import annotations

import pytest

from coterie.actions.actor import Actor
from coterie.actions.change import change_workspace, set_favourite
from coterie.actions.share import set_grant
from coterie.service.pages import listing
from coterie.wire.audit import Via
from coterie.wire.bodies import GrantChange, WorkspaceChange
from pages.html import Element, read
from pages.visiting import Service, Visitor

Visitors = dict[str, Visitor]


async def _share(service: Service, by: str, workspace: str, name: str, role: str) -> None:
    actor = Actor(await service.person(by), Via.PAGE)
    await set_grant(service.world, actor, workspace, "user", name, GrantChange.model_validate({"role": role}))


def _sections(page: Element) -> dict[str, list[str]]:
    """The names in each section, by its heading."""
    headings = {heading.attributes["id"]: heading.text for heading in page.all("h2")}
    return {
        headings[each.attributes["aria-labelledby"]]: [
            link.text for link in each.all("a") if link.attributes.get("class") == "name"
        ]
        for each in page.one("div", id="workspaces").all("ul")
    }


def _row(page: Element, name: str) -> Element:
    return next(item for item in page.all("li") if name in [link.text for link in item.all("a")])


async def test_workspaces_stand_in_their_sections_and_empty_ones_are_not_there(
    service: Service, visitors: Visitors
) -> None:
    bob = await service.person("bob")
    for name in ("Own", "Own and marked", "Own and put away"):
        workspace = await service.create("bob", name)
        if "marked" in name:
            await set_favourite(service.world, bob, workspace, True)
        if "away" in name:
            await change_workspace(service.world, Actor(bob, Via.PAGE), workspace, WorkspaceChange(archived=True))
    await _share(service, "carol", await service.create("carol", "Carol's"), "bob", "editor")

    sections = _sections(read((await visitors["bob"].get("?q=")).text))
    found = _sections(read((await visitors["bob"].get("?q=OWN", fragment=True)).text))

    assert ["Favourites", "Mine", "Shared with me", "Archived"] == [each for each in sections if each != "Global"]
    assert "Own and marked" in sections["Favourites"]
    assert "Own" in sections["Mine"]
    assert "Carol's" in sections["Shared with me"]
    assert "Own and put away" in sections["Archived"]
    assert {"Favourites": ["Own and marked"], "Mine": ["Own"], "Archived": ["Own and put away"]} == found


async def test_the_archive_is_closed_unless_it_is_all_there_is(service: Service, visitors: Visitors) -> None:
    erin = Actor(await service.person("erin"), Via.PAGE)
    workspace = await service.create("erin", "Put away")
    await change_workspace(service.world, erin, workspace, WorkspaceChange(archived=True))
    await service.create("erin", "In use")

    usual = read((await visitors["erin"].get("")).text).one("details", id="section-archived")
    alone = read((await visitors["erin"].get("?section=archived")).text).one("details", id="section-archived")

    assert [False, True] == ["open" in each.attributes for each in (usual, alone)]


async def test_a_search_without_a_find_says_what_is_searched(visitors: Visitors) -> None:
    page = read((await visitors["alice"].get("?q=%3Cb%3Enothing")).text)

    assert "No workspace of yours has <b>nothing in its name." in page.one("div", id="workspaces").text
    assert page.one("input", id="q").attributes["value"] == "<b>nothing"


async def test_how_many_were_found_is_said(service: Service, visitors: Visitors) -> None:
    for number in range(2):
        await service.create("carol", f"Petrel {number}")

    answer = read((await visitors["carol"].get("?q=petrel", fragment=True)).text)

    assert answer.one("p", id="found").text == "2 found"


async def test_a_section_goes_on_where_it_stopped(
    service: Service, visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FIRST", 2)
    for number in range(5):
        await service.create("dave", f"Puffin & {number}")

    names: list[str] = []
    following = "?q=puffin+%26"
    while following:
        part = read((await visitors["dave"].get(following, fragment=True)).text)
        names += [link.text for link in part.all("a") if link.attributes.get("class") == "name"]
        more = [item.one("a").attributes for item in part.all("li") if item.attributes.get("class") == "more"]
        following = more[0]["hx-get"].removeprefix("/services/coterie/") if more else ""
        whole = read((await visitors["dave"].get(following)).text) if following else None
        if whole is not None:  # without script, the rest of that section is a page
            assert list(_sections(whole)) == ["Mine"]

    assert names == [f"Puffin & {number}" for number in (4, 3, 2, 1, 0)]


async def test_a_new_one_says_who_shared_it_until_it_is_opened(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice", "Fresh fish")
    await _share(service, "alice", workspace, "carol", "viewer")
    before = _row(read((await visitors["carol"].get("?q=fresh+fish")).text), "Fresh fish").text

    await visitors["carol"].post(f"w/{workspace}/open")
    after = _row(read((await visitors["carol"].get("?q=fresh+fish")).text), "Fresh fish").text

    assert ("Shared with you by alice" in before, "Shared with you" in after) == (True, False)
    assert "by alice" in after


async def test_requests_are_a_badge_that_leads_to_the_share_window(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice", "Wanted")
    dave = await service.person("dave")
    async with service.world.store.writing() as tx:
        await tx.add_request(workspace, dave.id, "", service.world.now())

    row = _row(read((await visitors["alice"].get("?q=wanted")).text), "Wanted")

    badge = row.one("a", **{"class": "badge"})
    assert badge.text == "1 request for access to Wanted"
    assert badge.attributes["href"] == f"/services/coterie/w/{workspace}/share"


@pytest.mark.parametrize("fragment", [True, False])
async def test_a_mark_is_set_and_taken_off(service: Service, visitors: Visitors, fragment: bool) -> None:
    workspace = await service.create("alice", f"Marked {fragment}")
    stars = []
    for on in ("true", "false"):
        answer = await visitors["alice"].post(f"w/{workspace}/favourite", on=on, q="marked", fragment=fragment)
        assert answer.status_code == (200 if fragment else 303)
        page = read(answer.text if fragment else (await visitors["alice"].get("?q=marked")).text)
        stars.append(_row(page, f"Marked {fragment}").one("button", **{"class": "star"}).attributes["aria-pressed"])

    assert ["true", "false"] == stars


async def test_a_mark_needs_the_pages_token_and_a_workspace_one_knows(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("dave")

    forged = await visitors["dave"].post(f"w/{workspace}/favourite", on="true", csrf="wrong")
    foreign = await visitors["alice"].post(f"w/{workspace}/favourite", on="true")

    assert [403, 404] == [forged.status_code, foreign.status_code]
    dave = await service.person("dave")
    async with service.world.store.reading() as tx:
        assert not await tx.is_favourite(workspace, dave.id)


async def test_what_was_done_is_said_in_words_of_ours_alone(visitors: Visitors) -> None:
    said = read((await visitors["alice"].get("?done=renamed")).text).one("div", id="notice").text
    other = read((await visitors["alice"].get("?done=%3Cb%3Ehello")).text).one("div", id="notice").text

    assert ["The workspace has been renamed.", ""] == [said, other]
