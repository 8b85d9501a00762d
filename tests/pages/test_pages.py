"""The pages of the running service, as a browser without script gets them and as htmx does."""

from __future__ import annotations

import pytest

from pages.html import read
from pages.visiting import Service, Visitor

Visitors = dict[str, Visitor]
UNKNOWN = ("aaaaaaaaaaaaaaaa", "nonsense", "~nobody", "%00", "a" * 300, "%3Cscript%3E")


async def test_somebody_who_is_not_signed_in_is_sent_to_the_hub(service: Service, visitors: Visitors) -> None:
    stranger = visitors["alice"]
    stranger.client.cookies.clear()

    answers = [await stranger.get(path) for path in ("", "w/aaaaaaaaaaaaaaaa", "w/aaaaaaaaaaaaaaaa/share")]

    assert [answer.status_code for answer in answers] == [302, 302, 302]
    assert all(answer.headers["location"].startswith("http://hub.localhost/hub/api/oauth2/") for answer in answers)


async def test_a_new_workspace_shows_in_the_list_of_its_creator_alone(visitors: Visitors) -> None:
    answer = await visitors["alice"].post("workspaces", name="Penguins & 'fish'")

    assert answer.status_code == 200
    assert "Penguins & 'fish'" in read(answer.text).one("div", id="notice").text
    assert "Penguins & 'fish'" in read((await visitors["alice"].get("")).text).text
    assert "fish" not in (await visitors["bob"].get("")).text


@pytest.mark.parametrize("name", ["", "   ", "<b>x</b>", "a\nb", "n" * 256])
async def test_a_name_that_cannot_be_is_refused_in_a_sentence(visitors: Visitors, name: str) -> None:
    before = (await visitors["alice"].get("")).text
    fragment = await visitors["alice"].post("workspaces", name=name)
    page = await visitors["alice"].post("workspaces", fragment=False, name=name)

    assert [fragment.status_code, page.status_code] == [422, 422]
    assert read(fragment.text).one("p").attributes["class"] == "problem"
    assert read(fragment.text).text in read(page.text).text
    assert before == (await visitors["alice"].get("")).text


@pytest.mark.parametrize("path", ["w/{id}/share", "w/{id}/row", "w/{id}/share/principals?q="])
async def test_an_unknown_a_malformed_and_a_foreign_id_get_the_same_page(
    service: Service, visitors: Visitors, path: str
) -> None:
    foreign = await service.create("dave")

    answers = [await visitors["alice"].get(path.replace("{id}", each)) for each in (foreign, *UNKNOWN)]

    assert "This workspace does not exist, or you have no access to it." in answers[0].text
    assert {(404, answers[0].text)} == {(answer.status_code, answer.text) for answer in answers}


async def test_looking_at_a_workspace_starts_nothing(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")

    before = await service.accounts()
    page = await visitors["alice"].get(f"w/{workspace}")

    assert page.status_code == 200
    assert before == await service.accounts()


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("workspaces", {"name": "Snails"}),
        ("w/{id}/open", {}),
        ("w/{id}/stop", {}),
        ("w/{id}/share/grants", {"q": "bob", "role": "editor"}),
        ("w/{id}/share/remove", {"kind": "user", "name": "carol"}),
        ("w/{id}/share/general-access", {"general_access": "link"}),
    ],
)
@pytest.mark.parametrize("csrf", ["", "wrong"])
async def test_a_change_without_the_pages_own_token_does_not_happen(
    service: Service, visitors: Visitors, path: str, fields: dict[str, str], csrf: str
) -> None:
    workspace = await service.create("alice")
    await visitors["alice"].post(f"w/{workspace}/share/grants", kind="user", name="carol", role="viewer")
    before = await service.accounts()

    answer = await visitors["alice"].post(path.replace("{id}", workspace), fields, csrf=csrf)

    assert answer.status_code == 403
    assert await visitors["alice"].people(workspace) == [("alice", "Creator"), ("carol", "Viewer")]
    assert "Snails" not in (await visitors["alice"].get("")).text
    assert before == await service.accounts()


async def test_sharing_without_script_leads_back_to_the_window(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")

    answer = await visitors["alice"].post(f"w/{workspace}/share/grants", fragment=False, q="carol", role="editor")

    assert (303, f"/services/coterie/w/{workspace}/share") == (answer.status_code, answer.headers["location"])
    assert await visitors["alice"].people(workspace) == [("alice", "Creator"), ("carol", "Editor")]


@pytest.mark.parametrize(
    ("typed", "who"),
    [("carol", "carol"), (" carol ", "carol"), ("/astro/dust", "/astro/dust"), ("gpu-users", "gpu-users")],
)
async def test_a_typed_name_is_enough(service: Service, visitors: Visitors, typed: str, who: str) -> None:
    workspace = await service.create("alice")

    await visitors["alice"].post(f"w/{workspace}/share/grants", q=typed, role="editor")

    assert [("alice", "Creator"), (who, "Editor")] == await visitors["alice"].people(workspace)


async def test_a_typed_name_of_a_user_and_a_group_is_asked_back_and_changes_nothing(
    service: Service, visitors: Visitors
) -> None:
    workspace = await service.create("alice")

    answer = await visitors["alice"].post(f"w/{workspace}/share/grants", q="bob", role="editor")
    page = await visitors["alice"].post(f"w/{workspace}/share/grants", fragment=False, q="bob", role="editor")

    assert answer.headers["HX-Retarget"] == "#notice"
    for asked in (answer, page):
        assert [button.text for button in read(asked.text).all("button")] == ["The user", "The group"]
    assert await visitors["alice"].people(workspace) == [("alice", "Creator")]


@pytest.mark.parametrize("typed", ["dave", "nobody", "curators", "<b>", "", "  ", "n" * 300])
async def test_a_name_that_may_not_be_named_is_refused_in_a_sentence(
    service: Service, visitors: Visitors, typed: str
) -> None:
    workspace = await service.create("alice")

    answer = await visitors["alice"].post(f"w/{workspace}/share/grants", q=typed, role="viewer")

    assert answer.status_code in (404, 422)
    assert read(answer.text).one("p").attributes["class"] == "problem"
    assert await visitors["alice"].people(workspace) == [("alice", "Creator")]


@pytest.mark.parametrize("role", ["", "creator", "owner", "Viewer"])
async def test_a_role_that_cannot_be_given_is_refused(service: Service, visitors: Visitors, role: str) -> None:
    workspace = await service.create("alice")

    answer = await visitors["alice"].post(f"w/{workspace}/share/grants", kind="user", name="carol", role=role)

    assert answer.status_code == 422
    assert read(answer.text).text == "The role is not one that can be chosen."


async def test_the_picker_offers_only_whom_one_may_share_with(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")

    answer = await visitors["alice"].get(f"w/{workspace}/share/principals?q=", fragment=True)

    offered = {(li.attributes["data-kind"], li.attributes["data-name"]) for li in read(answer.text).all("li")}
    assert {
        ("user", "bob"),
        ("user", "carol"),
        ("right", "gpu-users"),
        ("group", "astro"),
        ("group", "/astro/dust"),
        ("group", "bio"),
        ("group", "bob"),
    } == offered


async def test_a_removal_says_what_still_lets_the_person_in(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await visitors["alice"].post(f"w/{workspace}/share/grants", kind="user", name="carol", role="editor")
    await visitors["alice"].post(f"w/{workspace}/share/grants", kind="group", name="astro", role="viewer")

    first = await visitors["alice"].post(f"w/{workspace}/share/remove", kind="user", name="carol")
    second = await visitors["alice"].post(f"w/{workspace}/share/remove", kind="group", name="astro")

    notice = read(first.text).one("div", id="notice").text
    assert notice == "carol still views through the group astro. Remove the group too"
    assert read(second.text).one("div", id="notice").text == "The group astro has been removed."
    assert (await visitors["carol"].get(f"w/{workspace}")).status_code == 404


async def test_a_co_owner_who_steps_down_gets_the_window_anew(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await visitors["alice"].post(f"w/{workspace}/share/grants", kind="user", name="carol", role="co-owner")

    fields = {"kind": "user", "name": "carol", "role": "viewer"}
    asked = await visitors["carol"].post(f"w/{workspace}/share/grants", fields)
    answer = await visitors["carol"].post(f"w/{workspace}/share/grants", fields, confirmed="yes")
    window = read((await visitors["carol"].get(f"w/{workspace}/share")).text)

    assert "You would no longer manage access here" in read(asked.text).text
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (204, "true")
    assert "Ask alice, the Creator" in window.text


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_who_may_not_manage_access_sees_no_list_and_changes_nothing(
    service: Service, visitors: Visitors, role: str
) -> None:
    workspace = await service.create("alice")
    await visitors["alice"].post(f"w/{workspace}/share/grants", kind="user", name="carol", role=role)

    window = await visitors["carol"].get(f"w/{workspace}/share")
    answers = [
        await visitors["carol"].post(f"w/{workspace}/share/grants", kind="user", name="carol", role="co-owner"),
        await visitors["carol"].post(f"w/{workspace}/share/remove", kind="user", name="carol"),
        await visitors["carol"].post(f"w/{workspace}/share/general-access", general_access="link"),
    ]

    assert "People with access" not in window.text
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert [("alice", "Creator"), ("carol", role.capitalize())] == await visitors["alice"].people(workspace)


async def test_the_link_opens_a_workspace_while_it_is_on(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")

    before = await visitors["erin"].get(f"w/{workspace}")
    on = await visitors["alice"].post(f"w/{workspace}/share/general-access", general_access="link")
    during = await visitors["erin"].get(f"w/{workspace}")
    await visitors["alice"].post(f"w/{workspace}/share/general-access", general_access="restricted")
    after = await visitors["erin"].get(f"w/{workspace}")

    assert read(on.text).one("div", id="notice").text == "General access is now Anyone with link."
    assert [page.status_code for page in (before, during, after)] == [404, 200, 404]


async def test_global_is_for_administrators(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")

    refused = await visitors["alice"].post(f"w/{workspace}/share/general-access", general_access="global")
    made = await visitors["admin"].post(f"w/{workspace}/share/general-access", general_access="global")

    sentence = "Only administrators make a workspace Global or anonymise somebody."
    assert (refused.status_code, read(refused.text).text) == (403, sentence)
    assert made.status_code == 200
    assert workspace in (await visitors["erin"].get("")).text


async def test_a_viewer_cannot_stop_the_server(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await visitors["alice"].post(f"w/{workspace}/share/grants", kind="user", name="carol", role="viewer")

    answer = await visitors["carol"].post(f"w/{workspace}/stop")

    assert answer.status_code == 403
    assert "This needs the role Editor here; you are Viewer." in read(answer.text).text
