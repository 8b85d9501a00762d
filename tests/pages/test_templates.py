"""Every template, for every role, with names that try to be more than names."""

from __future__ import annotations

from collections import Counter

import pytest

from coterie.actions.share import Removal
from coterie.service.pages.rendering import render
from coterie.wire.bodies import RoleWord
from pages.html import Element, read
from pages.samples import ADDRESSES, HOSTILE, ROLES, caller, grants, principals, templates, workspace

WHOLE_PAGES = (
    "listing/page.html",
    "managing/rename.html",
    "managing/favourite.html",
    "managing/copy.html",
    "managing/archive.html",
    "managing/delete.html",
    "sidebar/page.html",
    "sidebar/signed_out.html",
    "entrance/page.html",
    "entrance/no_access.html",
    "requests/asked.html",
    "sharing/window.html",
    "sharing/own_access.html",
    "sharing/asked.html",
    "sharing/check.html",
    "inviting/made_page.html",
    "accepting/page.html",
    "audit/page.html",
    "people/page.html",
    "people/anonymise.html",
    "people/anonymised.html",
    "error.html",
)


def rendered(template: str, name: str = "Penguins", role: RoleWord = "creator") -> Element:
    return read(render(template.partition(" ")[0], ADDRESSES, caller(name), **templates(name, role)[template]))


every_template = pytest.mark.parametrize("template", sorted(templates("x", "viewer")))
every_page = pytest.mark.parametrize(
    "template", [name for name in templates("x", "viewer") if name.partition(" ")[0] in WHOLE_PAGES]
)
every_role = pytest.mark.parametrize("role", ROLES)


@every_template
@every_role
def test_a_name_is_text_and_adds_no_element_and_no_attribute(template: str, role: RoleWord) -> None:
    def shape(name: str) -> list[tuple[str, list[str]]]:
        return [(element.tag, sorted(element.attributes)) for element in rendered(template, name, role).all()]

    plain = shape("plain")
    assert [] == [name for name in HOSTILE if shape(name) != plain]


@every_template
@every_role
def test_nothing_needs_inline_script_or_style(template: str, role: RoleWord) -> None:
    elements = rendered(template, role=role).all()

    assert [element for element in elements if element.tag in ("style", "iframe", "object", "base")] == []
    assert [element for element in elements if element.tag == "script" and "src" not in element.attributes] == []
    assert [
        (element.tag, name)
        for element in elements
        for name in element.attributes
        if name == "style" or name.startswith(("on", "hx-on", "hx-vals"))
    ] == []


@every_template
@every_role
def test_every_id_is_there_once_and_every_reference_finds_it(template: str, role: RoleWord) -> None:
    elements = rendered(template, role=role).all()
    ids = Counter(element.attributes["id"] for element in elements if "id" in element.attributes)
    references = {
        reference
        for element in elements
        for name in ("for", "aria-labelledby", "aria-describedby", "aria-controls")
        for reference in element.attributes.get(name, "").split()
    }

    assert [name for name, count in ids.items() if count > 1] == []
    if template.partition(" ")[0] in WHOLE_PAGES:
        assert set() == references - set(ids)


@every_template
@every_role
def test_every_control_has_a_name(template: str, role: RoleWord) -> None:
    page = rendered(template, role=role)
    labelled = {label.attributes["for"] for label in page.all("label")}

    for control in page.all("input", "select", "textarea"):
        is_hidden = control.attributes.get("type") == "hidden"
        has_label = control.attributes.get("id") in labelled
        assert is_hidden or has_label or {"aria-label", "aria-labelledby"} & set(control.attributes)
    for control in page.all("button", "a", "summary"):
        assert control.text


@every_template
def test_every_address_of_ours_lies_below_the_base_path(template: str) -> None:
    ours = [
        value
        for element in rendered(template).all()
        for name, value in element.attributes.items()
        if name in ("action", "src", "hx-get", "hx-post")
    ]

    assert [value for value in ours if not value.startswith("/services/coterie/")] == []


@every_template
def test_every_form_carries_the_csrf_token_and_goes_the_same_way_without_script(template: str) -> None:
    for form in rendered(template).all("form"):
        if form.attributes["method"] == "get":  # it asks and changes nothing, and its address is no place for a token
            assert [field for field in form.all("input") if field.attributes.get("name") == "csrf"] == []
            assert "hx-post" not in form.attributes
            continue
        assert form.attributes["method"] == "post"
        assert form.one("input", name="csrf").attributes["value"] == "0123456789abcdef"
        assert form.attributes["action"] == form.attributes.get("hx-post", form.attributes["action"])


@every_page
def test_every_page_has_one_main_heading(template: str) -> None:
    assert len(rendered(template).all("h1")) == 1


def test_the_list_offers_each_role_what_it_may_do() -> None:
    menus = {role: rendered("listing/row.html", role=role).one("div", **{"class": "items"}) for role in ROLES}
    offered = {role: [entry.text for entry in menu.all("a", "button")] for role, menu in menus.items()}

    editing = ["Open", "Access", "Rename", "Add to favourites", "Copy", "Archive", "Stop"]
    managing = ["Open", "Share", *editing[2:], "Delete"]
    assert offered == {
        "viewer": ["Open", "Access", "Add to favourites"],
        "editor": editing,
        "co-owner": managing,
        "creator": managing,
    }


@pytest.mark.parametrize("role", ROLES)
def test_the_sidebar_offers_the_same_but_stopping_as_links_to_windows_of_their_own(role: RoleWord) -> None:
    in_list = rendered("listing/row.html", role=role).one("div", **{"class": "items"}).all("a", "button")
    sidebar = rendered("sidebar/list.html", role=role)
    menu = next(div for div in sidebar.all("div") if div.attributes.get("class") == "items")

    assert [entry.text for entry in in_list if entry.text != "Stop"] == [link.text for link in menu.all("a")]
    assert {("_blank", "noopener")} == {(a.attributes["target"], a.attributes["rel"]) for a in sidebar.all("a")}


@pytest.mark.parametrize("template", ["sidebar/page.html", "sidebar/list.html", "sidebar/signed_out.html"])
def test_nothing_in_the_sidebar_changes_anything(template: str) -> None:
    page = rendered(template)

    assert page.all("form", "button") == []
    assert [element for element in page.all() if "hx-post" in element.attributes] == []
    assert "0123456789abcdef" not in str(page)


def test_a_stopped_workspace_cannot_be_stopped() -> None:
    row = read(render("listing/row.html", ADDRESSES, caller(), workspace=workspace(server="stopped")))

    assert "Stop" not in [button.text for button in row.all("button")]


@pytest.mark.parametrize(("state", "asks_again"), [("stopped", 0), ("starting", 1), ("running", 0), ("stopping", 1)])
def test_a_row_asks_again_only_while_its_server_is_on_its_way(state: str, asks_again: int) -> None:
    row = read(render("listing/row.html", ADDRESSES, caller(), workspace=workspace(server=state)))

    assert asks_again == len([element for element in row.all("li") if "hx-get" in element.attributes])


def test_somebody_without_workspaces_reads_what_one_is() -> None:
    page = read(render("listing/page.html", ADDRESSES, caller(), sections={}, q="", done=None, is_whole=True))

    assert "No workspaces yet." in page.text
    assert page.all("ul") == []


def test_the_creator_comes_first_and_their_role_cannot_be_chosen() -> None:
    people = rendered("sharing/window.html").one("ul", id="people").all("li")

    assert "User · created it" in people[0].one("div", **{"class": "what"}).text
    assert people[0].one("span", **{"class": "role creator"}).text == "Creator"
    assert people[0].all("select", "button") == []


def test_a_grant_can_be_changed_in_place_and_removed_unless_an_invitation_made_it() -> None:
    people = rendered("sharing/window.html").one("ul", id="people").all("li")[1:5]

    assert [option.text for option in people[0].one("select").all("option")] == ["Viewer", "Editor", "Co-owner"]
    assert [len(person.all("select")) for person in people] == [1, 1, 1, 0]
    assert [person.one("button", **{"class": "quiet"}).text for person in people] == ["Remove"] * 4
    assert people[0].one("button", **{"class": "quiet"}).attributes["aria-label"] == "Remove Penguins2"


@pytest.mark.parametrize(("is_administrator", "disabled"), [(True, []), (False, ["Global"])])
def test_global_can_be_chosen_by_administrators_alone(is_administrator: bool, disabled: list[str]) -> None:
    context = templates("x", "creator")["sharing/window.html"]
    page = read(render("sharing/window.html", ADDRESSES, caller(administrator=is_administrator), **context))

    general = page.one("select", id="general")

    assert [option.text for option in general.all("option")] == ["Restricted", "Anyone with link", "Global"]
    assert disabled == [option.text for option in general.all("option") if "disabled" in option.attributes]
    assert ("Only administrators can choose Global." in page.text) is not is_administrator


def test_a_global_workspace_shows_so_to_a_co_owner_who_may_lower_it() -> None:
    context = templates("x", "co-owner")["sharing/window.html"]
    context["workspace"] = workspace(role="co-owner", general_access="global")
    page = read(render("sharing/window.html", ADDRESSES, caller(), **context))

    options = page.one("select", id="general").all("option")

    assert [option.text for option in options if "selected" in option.attributes] == ["Global"]
    assert [option.text for option in options if "disabled" in option.attributes] == []


def test_the_share_window_names_the_workspace_and_gives_its_link() -> None:
    page = rendered("sharing/window.html")

    assert page.one("h1").text == 'Share "Penguins"'
    assert (
        page.one("input", id="link").attributes["value"] == "http://coterie.example/services/coterie/w/abcdefgh23456777"
    )


def test_who_may_not_manage_access_reads_their_role_and_whom_to_ask() -> None:
    page = rendered("sharing/own_access.html", role="viewer")

    assert page.one("h1").text == 'Access to "Penguins"'
    assert page.one("span", **{"class": "role viewer"}).text == "Viewer"
    assert "Editor through the group Penguins" in page.text
    assert "Ask Penguins, the Creator" in page.text
    assert [form.attributes["action"].rpartition("/")[2] for form in page.all("form")] == ["requests"]


def test_what_still_lets_somebody_in_is_said_and_can_be_removed_too() -> None:
    answer = rendered("sharing/removed.html", "astro")

    notice = answer.one("div", id="notice")

    assert notice.text.startswith("astro still views through the group astro. Remove the group too")
    assert "astro still views because anyone with the link may view." in notice.text
    assert [button.text for button in notice.all("button")] == [
        "Remove the group too",
        "Remove and restart",
        "Stop the server",
    ]
    assert notice.one("input", name="name").attributes["value"] == "astro"


def test_a_complete_removal_is_said_in_one_sentence() -> None:
    removal = Removal([], left_running=False)
    context = {"workspace": workspace(), "grants": grants("x"), "principal": principals("bob")[0], "removal": removal}

    answer = read(render("sharing/removed.html", ADDRESSES, caller(), **context))

    assert answer.one("div", id="notice").text == "bob has been removed."


def test_a_typed_name_of_several_kinds_is_asked_back() -> None:
    question = rendered("notice/which.html", "bio")

    assert [button.text for button in question.all("button")] == ["The user", "The right", "The group"]
    assert [field.attributes["value"] for field in question.all("input") if field.attributes["name"] == "role"] == [
        "editor"
    ] * 3


def test_an_empty_picker_says_whom_one_can_share_with() -> None:
    context = {"principals": [], "present": {}, "typed": "zoe", "knows_nobody": True}
    answer = read(render("sharing/suggestions.html", ADDRESSES, caller(), **context))

    assert answer.all("li") == []
    assert "Nobody you can share with matches zoe." in answer.text
    assert "You share no group with anyone here." in answer.text


def test_looking_at_a_workspace_opens_nothing_without_script() -> None:
    page = rendered("entrance/page.html", role="viewer")

    form = page.one("form", id="open")
    assert form.attributes["method"] == "post"
    assert form.one("button").text == "Open"
    assert page.one("progress").attributes["aria-labelledby"] == "start-heading"
    assert page.one("p", id="message").attributes["role"] == "status"


def test_the_page_of_an_error_depends_on_nobody() -> None:
    context = templates("x", "viewer")["error.html"]

    page = read(render("error.html", ADDRESSES, None, **context))

    assert page.all("script") == []
    assert "Signed in" not in page.text
