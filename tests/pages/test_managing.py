"""The small pages that rename, copy, archive and delete, with script and without."""

from __future__ import annotations

import pytest

from coterie.actions.actor import Actor
from coterie.actions.errors import Refused
from coterie.actions.listing import get_workspace, list_workspaces
from coterie.actions.share import list_grants, set_grant
from coterie.wire.audit import Via
from coterie.wire.bodies import GrantChange, RoleWord, WorkspaceDetail
from pages.html import read
from pages.visiting import Service, Visitor

Visitors = dict[str, Visitor]

PAGES = ("rename", "favourite", "copy", "archive", "delete")
FORMS = {
    "rename": {"name": "Taken over"},
    "copy": {"name": "Taken along"},
    "archive": {"archived": "true"},
    "delete": {"confirmation": "Penguins"},
}
MAY: dict[RoleWord, tuple[str, ...]] = {
    "viewer": ("favourite",),
    "editor": ("rename", "favourite", "copy", "archive"),
    "co-owner": PAGES,
}


async def _shared(service: Service, role: str, name: str = "Penguins") -> str:
    """A workspace of alice's in which carol has *role*."""
    workspace = await service.create("alice", name)
    alice = Actor(await service.person("alice"), Via.PAGE)
    await set_grant(service.world, alice, workspace, "user", "carol", GrantChange.model_validate({"role": role}))
    return workspace


async def _look(service: Service, workspace: str, who: str = "alice") -> WorkspaceDetail:
    return await get_workspace(service.world, await service.person(who), workspace)


@pytest.mark.parametrize("role", MAY)
async def test_each_page_is_there_for_those_alone_who_may(service: Service, visitors: Visitors, role: RoleWord) -> None:
    workspace = await _shared(service, role)

    answers = {page: await visitors["carol"].get(f"w/{workspace}/{page}") for page in PAGES}

    assert {page: 200 if page in MAY[role] else 403 for page in PAGES} == {
        page: answer.status_code for page, answer in answers.items()
    }


@pytest.mark.parametrize("page", PAGES)
async def test_a_stranger_gets_the_page_of_a_workspace_that_does_not_exist(
    service: Service, visitors: Visitors, page: str
) -> None:
    workspace = await service.create("alice")

    answers = [await visitors["dave"].get(f"w/{each}/{page}") for each in (workspace, "aaaaaaaaaaaaaaaa", "~alice")]

    assert {(404, answers[0].text)} == {(answer.status_code, answer.text) for answer in answers}


@pytest.mark.parametrize(("who", "csrf", "status"), [("dave", None, 404), ("bob", None, 403), ("alice", "wrong", 403)])
@pytest.mark.parametrize("fragment", [True, False])
async def test_who_may_not_changes_nothing(
    service: Service, visitors: Visitors, who: str, csrf: str | None, status: int, fragment: bool
) -> None:
    workspace = await service.create("alice")
    alice = Actor(await service.person("alice"), Via.PAGE)
    await set_grant(service.world, alice, workspace, "user", "bob", GrantChange(role="viewer"))
    before = await _look(service, workspace)

    answers = [
        await visitors[who].post(f"w/{workspace}/{page}", form, csrf=csrf, fragment=fragment)
        for page, form in FORMS.items()
    ]

    assert [status] * len(FORMS) == [answer.status_code for answer in answers]
    assert before == await _look(service, workspace)
    assert (await list_workspaces(service.world, await service.person(who), q="Taken")).items == []


async def _done(answer_of: Visitor, path: str, fields: dict[str, str], fragment: bool, word: str) -> None:
    """Send the form and be led back to the list, which says so."""
    answer = await answer_of.post(path, fields, fragment=fragment)
    to = answer.headers["HX-Redirect" if fragment else "Location"]
    assert (204 if fragment else 303, f"/services/coterie/?done={word}") == (answer.status_code, to)
    assert read((await answer_of.get(f"?done={word}")).text).one("div", id="notice").text


@pytest.mark.parametrize("fragment", [True, False])
async def test_a_workspace_is_renamed(service: Service, visitors: Visitors, fragment: bool) -> None:
    workspace = await _shared(service, "editor")

    await _done(visitors["carol"], f"w/{workspace}/rename", {"name": "Robben & Wale"}, fragment, "renamed")

    assert (await _look(service, workspace)).name == "Robben & Wale"


@pytest.mark.parametrize("page", ["rename", "copy"])
async def test_a_name_that_cannot_be_is_asked_for_again_as_it_was_typed(
    service: Service, visitors: Visitors, page: str
) -> None:
    workspace = await service.create("alice")

    whole = await visitors["alice"].post(f"w/{workspace}/{page}", {"name": "<b>Krill</b>"}, fragment=False)
    fragment = await visitors["alice"].post(f"w/{workspace}/{page}", {"name": "<b>Krill</b>"})

    assert [422, 422] == [whole.status_code, fragment.status_code]
    assert read(whole.text).one("div", id="notice").text == "A name cannot contain HTML tags."
    assert read(whole.text).one("input", type="text").attributes["value"] == "<b>Krill</b>"
    assert read(fragment.text).text == "A name cannot contain HTML tags."


@pytest.mark.parametrize("fragment", [True, False])
async def test_a_workspace_goes_into_the_archive_for_everybody_and_comes_back(
    service: Service, visitors: Visitors, fragment: bool
) -> None:
    workspace = await _shared(service, "editor")
    page = read((await visitors["carol"].get(f"w/{workspace}/archive")).text)
    await _done(visitors["carol"], f"w/{workspace}/archive", {"archived": "true"}, fragment, "archived")
    archived = (await _look(service, workspace)).archived
    back = read((await visitors["carol"].get(f"w/{workspace}/archive")).text)
    await _done(visitors["carol"], f"w/{workspace}/archive", {"archived": "false"}, fragment, "unarchived")

    assert "for everybody" in page.one("form").text
    assert back.one("h1").text == 'Unarchive "Penguins"'
    assert [archived, (await _look(service, workspace)).archived] == [True, False]


async def test_the_copys_page_proposes_a_name_and_says_what_stays_behind(service: Service, visitors: Visitors) -> None:
    workspace = await _shared(service, "editor")
    long = await service.create("alice", "n" * 255)

    seen = {who: read((await visitors[who].get(f"w/{workspace}/copy")).text) for who in ("alice", "carol")}
    cut = read((await visitors["alice"].get(f"w/{long}/copy")).text).one("input", name="name").attributes["value"]

    boxes = {
        who: {
            box.attributes["name"]: "checked" in box.attributes
            for box in page.all("input")
            if box.attributes["type"] == "checkbox"
        }
        for who, page in seen.items()
    }
    assert boxes == {"alice": {"with_outputs": True, "with_access": False}, "carol": {"with_outputs": True}}
    assert seen["carol"].one("input", name="name").attributes["value"] == "Copy of Penguins"
    assert "Not copied: files that are known to hold secrets" in seen["carol"].text
    assert cut == ("Copy of " + "n" * 255)[:255]


async def test_a_copy_is_made_as_it_was_ordered(service: Service, visitors: Visitors) -> None:
    workspace = await _shared(service, "co-owner")
    order = {"name": "Second try", "with_access": "true"}

    await _done(visitors["alice"], f"w/{workspace}/copy", order, False, "copied")

    alice = await service.person("alice")
    copies = (await list_workspaces(service.world, alice, q="Second try")).items
    assert [("Second try", "creator")] == [(each.name, each.role) for each in copies]
    grants = (await list_grants(service.world, alice, copies[0].id)).items
    assert [("alice", "creator"), ("carol", "co-owner")] == [(each.name, each.role) for each in grants]
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(copies[0].id)
    assert stored is not None
    assert stored.copies_outputs is False


async def test_an_editor_does_not_take_the_access_list_along(service: Service, visitors: Visitors) -> None:
    workspace = await _shared(service, "editor")

    answer = await visitors["carol"].post(
        f"w/{workspace}/copy", {"name": "Taken along", "with_access": "true"}, fragment=False
    )

    assert answer.status_code == 403
    assert (await list_workspaces(service.world, await service.person("carol"), q="Taken along")).items == []


async def test_the_page_before_a_deletion_says_what_is_lost_and_for_whom(service: Service, visitors: Visitors) -> None:
    workspace = await _shared(service, "viewer")

    page = read((await visitors["alice"].get(f"w/{workspace}/delete")).text)

    assert [item.text for item in page.one("ul", **{"class": "losing"}).all("li")] == [
        "alice (Creator)",
        "carol (Viewer)",
    ]
    assert "gone for good" in page.text
    assert "Its server stops first" in page.text


async def test_nothing_is_deleted_before_the_name_is_typed(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")

    answers = [
        await visitors["alice"].post(f"w/{workspace}/delete", {"confirmation": typed}, fragment=fragment)
        for typed, fragment in (("", True), ("penguins", False), ("Penguins!", True), ("Penguin", False))
    ]

    assert [422] * 4 == [answer.status_code for answer in answers]
    assert all("This is not the name of the workspace." in answer.text for answer in answers)
    assert (await _look(service, workspace)).name == "Penguins"


@pytest.mark.parametrize("fragment", [True, False])
async def test_a_workspace_is_deleted_once_its_name_is_typed(
    service: Service, visitors: Visitors, fragment: bool
) -> None:
    workspace = await service.create("alice", 'Cafe\u0301  "quoted" 🐧')

    typed = {"confirmation": ' café "quoted" 🐧'.replace("c", "C")}
    await _done(visitors["alice"], f"w/{workspace}/delete", typed, fragment, "deleted")

    with pytest.raises(Refused):
        await _look(service, workspace)


async def test_a_home_has_none_of_these_pages(service: Service, visitors: Visitors) -> None:
    bob = await service.person("bob")
    async with service.world.store.writing() as tx:
        await tx.see_home(bob.id, "bob", service.world.now())

    assert [403] * len(PAGES) == [(await visitors["bob"].get(f"w/~bob/{page}")).status_code for page in PAGES]
