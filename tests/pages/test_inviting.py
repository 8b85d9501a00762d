"""Invitations in the share window: who may make them and see who accepted, what the window says, and what it asks of
JupyterHub."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest

from coterie.actions.accept import accept_invitation
from coterie.actions.actor import Actor
from coterie.actions.invite import list_invitations, make_invitation
from coterie.actions.sessions import end_session, report_session
from coterie.wire.audit import Via
from coterie.wire.invitations import NewInvitation
from pages.html import Element, read
from pages.samples import HOSTILE
from pages.visiting import FORGED, Service, Visitor, forged

Visitors = dict[str, Visitor]

#: Every form about invitations that the window has, with fields that would do something.
FORMS = {
    "invitations": {"role": "editor"},
    "invitations/revoke": {},
    "guests/revoke": {"name": "bob"},
    "guests/revoke-all": {},
    "guests/unblock": {"name": "carol"},
    "hub-shares/admit": {"name": "dave", "role": "editor"},
    "hub-shares/remove": {"kind": "user", "name": "dave"},
}


async def window(visitor: Visitor, workspace: str) -> Element:
    return read((await visitor.get(f"w/{workspace}/share")).text)


def said(answer: httpx.Response) -> str:
    return read(answer.text).one("div", id="notice").text


def rows(page: Element, list_: str) -> list[str]:
    return [item.text for item in page.one("ul", id=list_).all("li")]


async def link(service: Service, workspace: str, by: str = "alice", **more: object) -> str:
    """The secret of a new invitation."""
    actor = Actor(await service.person(by), Via.PAGE)
    made = await make_invitation(service.world, actor, workspace, NewInvitation.model_validate(more))
    return made.url.partition("#")[2]


async def accept(service: Service, secret: str, *names: str) -> None:
    for name in names:
        await accept_invitation(service.world, Actor(await service.person(name), Via.PAGE), secret)


async def guests(service: Service, visitor: Visitor, workspace: str) -> list[str]:
    items = (await window(visitor, workspace)).one("ul", id="guests").all("li")
    return [item.one("span", dir="auto").text for item in items if "data-state" in item.attributes]


async def furnished_home(service: Service, visitors: Visitors, owner: str = "alice") -> str:
    """A home with bob for a guest, carol blocked, and a share with dave that was made at the Hub."""
    home = await service.run_home(owner)
    await visitors[owner].post(f"w/{home}/share/guests/revoke-all")
    await visitors[owner].post(f"w/{home}/share/invitations/revoke")
    for name in ("bob", "carol", "dave"):
        await visitors[owner].post(f"w/{home}/share/guests/unblock", name=name)
    await accept(service, await link(service, home, owner), "bob", "carol")
    await visitors[owner].post(f"w/{home}/share/guests/revoke", name="carol", block="yes")
    service.hub.shared = [pair for pair in service.hub.shared if pair[0] != owner] + [(owner, "dave")]
    service.hub.shared_with_groups = []
    return home


# --- Making and revoking links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "role", "fields"), [("home", "Editor", 3), ("workspace", "Viewer", 4)])
async def test_the_form_offers_viewer_and_editor_and_what_fits_the_place(
    service: Service, visitors: Visitors, place: str, role: str, fields: int
) -> None:
    workspace = await service.run_home("alice") if place == "home" else await service.create("alice")

    form = (await window(visitors["alice"], workspace)).one("form", id="invite")

    roles = form.one("select", id="invite-role").all("option")
    lasts = form.one("select", id="invite-expires").all("option")
    assert ["Viewer", "Editor"] == [option.text for option in roles]
    assert [role] == [option.text for option in roles if "selected" in option.attributes]
    assert ["600", "3600", "86400", "604800", "2592000"] == [option.attributes["value"] for option in lasts]
    assert ["1 hour"] == [option.text for option in lasts if "selected" in option.attributes]
    assert fields == len(form.all("label"))
    assert "Create invitation link" == form.one("button").text


async def test_a_link_is_shown_once_and_listed_without_its_secret(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")

    made = await visitors["alice"].post(
        f"w/{workspace}/share/invitations", role="editor", expires="600", uses="5", lifetime="session"
    )
    page = await visitors["alice"].get(f"w/{workspace}/share")

    url = read(made.text).one("input", id="invite-link").attributes["value"]
    (row,) = rows(read(made.text), "links")
    assert re.fullmatch(re.escape(f"{service.url}invite/#") + "[A-Za-z0-9_-]{43}", url)
    assert "no-store" == made.headers["cache-control"]
    assert re.match(r"Link of \d\d:\d\d UTC by alice · 0 of 5 accepted · until the server stops · works for 9 min", row)
    (later,) = rows(read(page.text), "links")
    assert row.partition("works for")[0] == later.partition("works for")[0]
    assert url.partition("#")[2] not in page.text


async def test_without_script_the_link_comes_on_a_page_of_its_own(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")

    made = await visitors["alice"].post(f"w/{workspace}/share/invitations", fragment=False)

    assert 200 == made.status_code
    assert 'Invitation to "Penguins"' == read(made.text).one("h1").text
    assert "/invite/#" in read(made.text).one("input", id="invite-link").attributes["value"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"uses": "0"}, "How many may use a link is a number from 1 to 10000, or nothing."),
        ({"uses": "ten"}, "How many may use a link is a number from 1 to 10000, or nothing."),
        ({"uses": "-1"}, "How many may use a link is a number from 1 to 10000, or nothing."),
        ({"expires": "1"}, "How long a link works is not one that can be chosen."),
        ({"expires": "9999999"}, "How long a link works is not one that can be chosen."),
        ({"expires": "soon"}, "How long a link works is not one that can be chosen."),
        ({"role": "co-owner"}, "This role cannot be given here."),
        ({"role": "creator"}, "The role is not one that can be chosen."),
        ({"lifetime": "ever"}, "The lifetime is not one that can be chosen."),
    ],
)
async def test_a_link_that_cannot_be_is_refused_in_a_sentence(
    service: Service, visitors: Visitors, fields: dict[str, str], sentence: str
) -> None:
    workspace = await service.create("alice")

    answer = await visitors["alice"].post(f"w/{workspace}/share/invitations", fields)

    assert sentence == read(answer.text).text
    assert answer.status_code in (403, 422)
    assert [] == (await list_invitations(service.world, await service.person("alice"), workspace)).items


async def test_one_link_more_than_can_work_is_refused_in_a_sentence(
    service: Service, visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await service.create("alice")
    monkeypatch.setattr("coterie.actions.invite.INVITATIONS_MAX", 1)

    await visitors["alice"].post(f"w/{workspace}/share/invitations")
    refused = await visitors["alice"].post(f"w/{workspace}/share/invitations", role="editor")

    assert 409 == refused.status_code
    assert "1 links work here already. Revoke those that nobody needs, then make a new one." == read(refused.text).text


async def test_links_of_one_minute_are_told_apart(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    now = service.world.now
    minute = now().replace(second=0, microsecond=0)
    secrets = []
    for ago in (120, 110, 60):
        # The world is frozen for everybody but a test that turns its clock.
        object.__setattr__(service.world, "now", lambda at=minute - timedelta(seconds=ago): at)
        try:
            secrets.append(await link(service, workspace))
        finally:
            object.__setattr__(service.world, "now", now)
    await accept(service, secrets[1], "bob")
    await accept(service, secrets[2], "carol")

    page = await window(visitors["alice"], workspace)

    listed = sorted(re.findall(r"Link of .*?(\d\d:\d\d(?::\d\d)?) UTC", page.one("ul", id="links").text))
    first, alone = [f"{minute - timedelta(seconds=ago):%H:%M}" for ago in (120, 60)]
    assert sorted([f"{first}:00", f"{first}:10", alone]) == listed
    by_guests = [re.findall(r"link of .*?(\d\d:\d\d(?::\d\d)?) UTC", row) for row in rows(page, "guests")]
    assert [[f"{first}:10"], [alone]] == by_guests


async def test_one_link_or_all_are_revoked_and_guests_stay(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await accept(service, await link(service, workspace), "bob")
    await link(service, workspace)
    await link(service, workspace)
    first = (await list_invitations(service.world, await service.person("alice"), workspace)).items[0].id

    one = await visitors["alice"].post(f"w/{workspace}/share/invitations/revoke", invitation=first)
    both = await visitors["alice"].post(f"w/{workspace}/share/invitations/revoke")
    none = await visitors["alice"].post(f"w/{workspace}/share/invitations/revoke")

    assert "The link works no longer. Whoever has accepted keeps their access." == said(one)
    assert "2 links work no longer. Whoever has accepted keeps their access." == said(both)
    assert said(none).startswith("No link worked any more.")
    assert ["bob"] == await guests(service, visitors["alice"], workspace)
    assert "earlier link by alice" in rows(read(none.text), "guests")[0]
    assert "hidden" in read(none.text).one("form", id="revoke-links").attributes


# --- Guests ----------------------------------------------------------------------------------------------------------


async def test_guests_are_in_their_own_list_with_their_link(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await accept(service, await link(service, workspace, role="editor"), "bob")

    page = await window(visitors["alice"], workspace)

    assert [("alice", "Creator")] == await visitors["alice"].people(workspace)
    (row,) = page.one("ul", id="guests").all("li")
    about = r"B bob accepted just now · link of \d\d:\d\d UTC by alice Editor Revoke"
    assert re.match(about, row.text)
    assert "Revoke bob" in [button.attributes.get("aria-label") for button in row.all("button")]


async def test_revoking_somebody_says_that_links_still_work_and_offers_what_to_do(
    service: Service, visitors: Visitors
) -> None:
    workspace = await service.create("alice")
    secret = await link(service, workspace)
    await accept(service, secret, "bob")

    revoked = await visitors["alice"].post(f"w/{workspace}/share/guests/revoke", name="bob")
    after = await visitors["bob"].get(f"w/{workspace}")
    await visitors["alice"].post(f"w/{workspace}/share/guests/revoke", name="bob", block="yes")
    again = await visitors["bob"].post("invite/accept", secret=secret)

    notice = read(revoked.text).one("div", id="notice")
    assert "bob has no access any more. Links that they know still work." in notice.text
    assert ["Revoke all share links", "Block bob"] == [button.text for button in notice.all("button")]
    assert 404 == after.status_code
    assert 403 == again.status_code


async def test_whoever_was_never_a_guest_is_not_blocked_by_name(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")

    fields = {"block": "yes"}
    answers = [
        await visitors["alice"].post(f"w/{workspace}/share/guests/revoke", fields, name=name)
        for name in ("bob", "nobody", "n" * 300)
    ]

    assert {(404, answers[0].text)} == {(answer.status_code, answer.text) for answer in answers}


async def test_what_still_lets_a_guest_in_is_said(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await visitors["alice"].post(f"w/{workspace}/share/grants", kind="group", name="astro", role="viewer")
    await accept(service, await link(service, workspace), "bob")

    revoked = await visitors["alice"].post(f"w/{workspace}/share/guests/revoke", name="bob")

    assert said(revoked).startswith("bob still views through the group astro. Links that they know still work.")


async def test_all_are_revoked_at_once(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await accept(service, await link(service, workspace), "bob", "carol", "dave")

    answer = await visitors["alice"].post(f"w/{workspace}/share/guests/revoke-all")

    assert said(answer).startswith("Nobody has access by an invitation any more. Links that they know still work.")
    assert ["Nobody yet. Whoever accepts an invitation appears here at once."] == rows(read(answer.text), "guests")
    assert [404] * 3 == [(await visitors[who].get(f"w/{workspace}")).status_code for who in ("bob", "carol", "dave")]


async def test_revoking_all_says_what_goes_on_and_how_it_ends(service: Service, visitors: Visitors) -> None:
    workspace, home = await service.create("alice"), await service.run_home("alice")
    idle = await service.create("alice")
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(workspace)
    assert stored is not None
    # Sessions of servers that the Hub does not know are ended within seconds.
    await service.hub.create_user(stored.account)
    await service.hub.start_server(stored.account)
    await report_session(service.world, stored, "a-session")
    for place in (workspace, home, idle):
        await accept(service, await link(service, place, role="editor"), "bob")

    of_workspace, of_home, of_idle = [
        read((await visitors["alice"].post(f"w/{place}/share/guests/revoke-all")).text).one("div", id="notice")
        for place in (workspace, home, idle)
    ]

    assert "What they left running goes on. Stopping the server ends it, for everybody" in of_workspace.text
    assert ["Revoke all share links", "Stop the server"] == [button.text for button in of_workspace.all("button")]
    assert of_home.text.endswith("What they left running goes on until you stop your server.")
    assert "left running" not in of_idle.text


async def test_a_block_is_listed_and_lifted(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await accept(service, await link(service, workspace), "bob")

    blocked = await visitors["alice"].post(f"w/{workspace}/share/guests/revoke", name="bob", block="yes")
    lifted = await visitors["alice"].post(f"w/{workspace}/share/guests/unblock", name="bob")

    assert said(blocked) == "bob has no access any more, and no invitation lets them in again."
    assert ["B bob Invitations and the workspace's own link refuse them Lift block"] == rows(
        read(blocked.text), "blocked"
    )
    assert "hidden" not in read(blocked.text).one("div", id="blocks").attributes
    assert said(lifted).startswith("The block is lifted. bob can accept invitations again")
    assert "hidden" in read(lifted.text).one("div", id="blocks").attributes


async def test_many_guests_come_in_parts(service: Service, visitors: Visitors, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = await service.create("alice")
    await accept(service, await link(service, workspace), "bob", "carol", "dave")
    monkeypatch.setattr("coterie.service.pages.inviting.GUESTS_SHOWN", 2)

    page = await window(visitors["alice"], workspace)
    # Nobody sees fewer after a change than before it.
    state = await visitors["alice"].get(f"w/{workspace}/share/state?guests_shown=3", fragment=True)

    assert 50 >= len(page.one("ul", id="guests").all("li"))
    assert 3 == len(read(state.text).one("ul", id="guests").all("li"))


# --- Homes -----------------------------------------------------------------------------------------------------------


async def test_the_window_of_a_home_says_what_its_sharing_means(service: Service, visitors: Visitors) -> None:
    home = await service.run_home("alice")

    page = await window(visitors["alice"], home)

    lead = page.one("p", **{"class": "lead"}).text
    assert "have access until you stop your server" in lead
    assert "At the start of each new session nobody has access; links that have not run out can be used again." in lead


async def test_what_guests_reach_is_asked_of_the_home_alone_and_open_before_the_first_link(
    service: Service, visitors: Visitors
) -> None:
    await furnished_home(service, visitors, "alice")
    home = await service.run_home("erin")

    first = await visitors["erin"].get(f"w/{home}/share")
    later = await visitors["alice"].get("w/~alice/share")
    other = await visitors["erin"].get("")

    panel = read(first.text).one("details", id="reach")
    assert "http://erin.localhost/user/erin/coterie/reach" == panel.attributes["data-reach"]
    assert "open" in panel.attributes
    assert "open" not in read(later.text).one("details", id="reach").attributes
    assert "connect-src 'self' http://erin.localhost;" in first.headers["content-security-policy"]
    assert "connect-src 'self';" in other.headers["content-security-policy"]


async def test_a_home_that_does_not_run_has_nobody_to_ask(service: Service, visitors: Visitors) -> None:
    await service.hub.stop_server("carol")

    page = await visitors["carol"].get("w/~carol/share")

    panel = read(page.text).one("details", id="reach")
    assert "Start your server to see what guests will reach" in panel.text
    assert "data-reach" not in panel.attributes
    assert "connect-src 'self';" in page.headers["content-security-policy"]


async def test_a_share_made_at_the_hub_is_shown_and_admitted_or_removed(service: Service, visitors: Visitors) -> None:
    home = await furnished_home(service, visitors)
    service.hub.shared_with_groups = [("alice", "bio")]

    shown = read((await visitors["alice"].get(f"w/{home}/share/hub-shares", fragment=True)).text)
    admitted = await visitors["alice"].post(f"w/{home}/share/hub-shares/admit", name="dave", role="viewer")
    inside = await visitors["dave"].get(f"w/{home}")
    removed = await visitors["alice"].post(f"w/{home}/share/hub-shares/remove", kind="group", name="bio")

    rights = "cannot open it, but may have other rights at JupyterHub"
    assert [("dave", f"User · {rights}"), ("bio", f"Group · {rights}")] == [
        (item.one("span", dir="auto").text, item.all("span")[-1].text) for item in shown.all("li")
    ]
    assert ["Admit", "Remove", "Remove"] == [button.text for button in shown.all("button")]
    assert "dave is Viewer until you stop your server." == said(admitted)
    assert any("admitted just now by alice" in row for row in rows(read(admitted.text), "guests"))
    assert 200 == inside.status_code
    assert "JupyterHub's share with the group bio has been removed." == said(removed)
    assert "hidden" in read(removed.text).one("section", id="hub-shares").attributes


async def test_a_hub_that_does_not_answer_leaves_the_window_whole(service: Service, visitors: Visitors) -> None:
    home = await furnished_home(service, visitors)
    service.hub.answers = False
    try:
        page = await visitors["alice"].get(f"w/{home}/share")
        shares = await visitors["alice"].get(f"w/{home}/share/hub-shares", fragment=True)
    finally:
        service.hub.answers = True

    assert [200, 200] == [page.status_code, shares.status_code]
    assert "JupyterHub does not answer. Choose Refresh in a moment" in read(shares.text).text


async def test_a_guest_of_a_home_reads_why_and_until_when_and_is_offered_only_what_may_be_done(
    service: Service, visitors: Visitors
) -> None:
    home = await furnished_home(service, visitors)

    own = await window(visitors["bob"], home)
    entrance = read((await visitors["bob"].get(f"w/{home}")).text)
    sidebar = read((await visitors["bob"].get("sidebar")).text)
    listing = read((await visitors["bob"].get("")).text)

    assert "Editor by an invitation" in own.text
    assert "Your access lasts until alice stops the server" in own.text
    assert [] == own.all("form")
    assert ["Open"] == [button.text for button in entrance.all("button")]
    assert "It lasts until alice stops the server." in entrance.text
    for page in (sidebar, listing):
        (row,) = [li for li in page.all("li") if "Home of alice" in li.text and li.attributes.get("id")]
        menu = row.one("div", **{"class": "items"})
        assert ["Open", "Access"] == [entry.text for entry in menu.all("a", "button")]
        assert "Shared with me" in page.text


async def test_a_guest_whose_session_is_over_finds_nothing(service: Service, visitors: Visitors) -> None:
    home = await furnished_home(service, visitors)
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace_by_account("alice")
    assert stored is not None
    await end_session(service.world, stored)

    answer = await visitors["bob"].get(f"w/{home}")

    assert 404 == answer.status_code
    assert [] == await guests(service, visitors["alice"], home)
    assert 1 == len((await window(visitors["alice"], home)).one("ul", id="links").all("li"))


# --- Who may ----------------------------------------------------------------------------------------------------------


async def test_nothing_happens_that_no_page_of_ours_asked_for(service: Service, visitors: Visitors) -> None:
    home = await furnished_home(service, visitors)

    refused = [
        (form, headers, (await forged(visitors["alice"], f"w/{home}/share/{form}", fields, headers)).status_code)
        for form, fields in FORMS.items()
        for headers in FORGED
    ]

    assert [each for each in refused if each[2] != 403] == []
    await _is_as_before(service, visitors, home)


async def test_only_the_owner_manages_a_home(service: Service, visitors: Visitors) -> None:
    home = await furnished_home(service, visitors)

    statuses = {
        who: {
            (await visitors[who].post(f"w/{home}/share/{form}", fields)).status_code for form, fields in FORMS.items()
        }
        for who in ("bob", "erin", "admin")
    }
    async with httpx.AsyncClient(base_url=service.url, verify=False, timeout=60) as stranger:
        nobodys = {(await stranger.post(f"w/{home}/share/{form}", data=FORMS[form])).status_code for form in FORMS}

    assert {"bob": {403}, "erin": {404}, "admin": {404}} == statuses
    assert {302} == nobodys
    await _is_as_before(service, visitors, home)


@pytest.mark.parametrize("who", ["carol", "dave", "erin"])
@pytest.mark.parametrize("path", ["guests", "hub-shares", "state"])
async def test_who_does_not_manage_access_sees_neither_links_nor_guests(
    service: Service, visitors: Visitors, who: str, path: str
) -> None:
    workspace = await service.create("alice")
    await visitors["alice"].post(f"w/{workspace}/share/grants", kind="user", name="carol", role="editor")
    await accept(service, await link(service, workspace), "dave")

    answer = await visitors[who].get(f"w/{workspace}/share/{path}")

    assert (404 if who == "erin" else 403) == answer.status_code
    assert "Link of" not in answer.text


async def test_an_editor_makes_no_link(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await accept(service, await link(service, workspace, role="editor"), "bob")

    answer = await visitors["bob"].post(f"w/{workspace}/share/invitations", role="viewer")

    assert 403 == answer.status_code
    assert 1 == len((await list_invitations(service.world, await service.person("alice"), workspace)).items)


async def _is_as_before(service: Service, visitors: Visitors, home: str) -> None:
    page = await window(visitors["alice"], home)
    assert 1 == len([li for li in page.one("ul", id="links").all("li") if "data-state" in li.attributes])
    assert ["bob"] == await guests(service, visitors["alice"], home)
    assert ["carol"] == [span.text for span in page.one("ul", id="blocked").all("span") if "dir" in span.attributes]
    assert ("alice", "dave") in service.hub.shared


async def test_any_text_for_a_name_is_refused(service: Service, visitors: Visitors) -> None:
    home = await furnished_home(service, visitors)

    answers = [
        await visitors["alice"].post(f"w/{home}/share/{form}", {"kind": "user", "name": name, "invitation": name})
        for name in HOSTILE
        for form in ("guests/revoke", "guests/unblock", "hub-shares/remove", "invitations/revoke")
    ]

    assert {404, 422} >= {answer.status_code for answer in answers}
    await _is_as_before(service, visitors, home)
