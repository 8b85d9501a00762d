"""The share window: what it shows, what it asks before it changes anything, and what it says of others' changes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import insert

from coterie.actions import watch
from coterie.actions.sessions import report_session
from coterie.actions.watch import watch_access
from coterie.policy import Person, PrincipalKind, Role
from coterie.store.tables import grants as grants_table
from pages.html import Element, read
from pages.samples import HOSTILE
from pages.visiting import Service, Visitor

Visitors = dict[str, Visitor]


async def window(visitor: Visitor, workspace: str, query: str = "") -> Element:
    return read((await visitor.get(f"w/{workspace}/share{query}")).text)


async def row(visitor: Visitor, workspace: str, name: str) -> Element:
    """The row of *name* in the list of people."""
    rows = (await window(visitor, workspace)).one("ul", id="people").all("li")
    found = [each for each in rows if [span.text for span in each.all("span") if "title" in span.attributes] == [name]]
    assert len(found) == 1
    return found[0]


def version(row: Element) -> str:
    return next(field.attributes["value"] for field in row.all("input") if field.attributes.get("name") == "version")


def said(answer: httpx.Response) -> str:
    return read(answer.text).one("div", id="notice").text


async def give(visitor: Visitor, workspace: str, kind: str, name: str, role: str, **more: str) -> httpx.Response:
    fields = {"kind": kind, "name": name, "role": role} | more
    return await visitor.post(f"w/{workspace}/share/grants", fields)


async def running(service: Service, creator: str) -> str:
    """A workspace whose server runs."""
    workspace = await service.create(creator)
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(workspace)
    assert stored is not None
    await service.hub.create_user(stored.account)
    await service.hub.start_server(stored.account)
    await report_session(service.world, stored, "a-session")
    return workspace


# --- Who can be chosen -----------------------------------------------------------------------------------------------


async def test_the_picker_says_how_many_a_group_reaches_and_whom_not(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")

    answer = await visitors["alice"].get(f"w/{workspace}/share/principals?q=astro", fragment=True)

    about = {li.attributes["data-name"]: li.all("span")[-1].text for li in read(answer.text).all("li")}
    assert {"astro": "3 people · Does not include /astro/dust", "/astro/dust": "1 person"} == about


async def test_the_picker_says_who_is_there_already(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await give(visitors["alice"], workspace, "user", "carol", "editor")

    answer = await visitors["alice"].get(f"w/{workspace}/share/principals?q=car", fragment=True)

    (option,) = read(answer.text).all("li")
    assert "Editor here already" in option.text
    assert version(await row(visitors["alice"], workspace, "carol")) == option.attributes["data-version"]


async def test_who_shares_no_group_with_anyone_reads_what_to_do_instead(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("erin")

    answer = await visitors["erin"].get(f"w/{workspace}/share/principals?q=bob", fragment=True)

    text = read(answer.text).text
    assert "You share no group with anyone here." in text
    assert "choose Anyone with link under General access and send them the link" in text


async def test_somebody_who_is_there_already_is_not_given_another_role_unasked(
    service: Service, visitors: Visitors
) -> None:
    workspace = await service.create("alice")
    await give(visitors["alice"], workspace, "user", "carol", "editor")

    asked = await visitors["alice"].post(f"w/{workspace}/share/grants", q="carol", role="viewer", version="none")
    before = await visitors["alice"].people(workspace)
    fields = {f.attributes["name"]: f.attributes["value"] for f in read(asked.text).all("input")}
    fields.pop("csrf")
    made = await visitors["alice"].post(f"w/{workspace}/share/grants", fields)

    assert "carol is Editor here already. Change the role in the list." in read(asked.text).text
    assert read(asked.text).one("button").text == "Make carol Viewer"
    assert [("alice", "Creator"), ("carol", "Editor")] == before
    assert said(made) == "carol is now Viewer."


# --- Ends ------------------------------------------------------------------------------------------------------------


async def test_a_last_day_ends_at_midnight_utc_without_script(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")

    await give(visitors["alice"], workspace, "user", "carol", "editor", until="2099-12-31")

    text = (await row(visitors["alice"], workspace, "carol")).text
    assert "until 2099-12-31 23:59 UTC" in text
    assert "The last day ends at midnight UTC." in (await window(visitors["alice"], workspace)).text


async def test_script_sends_the_end_of_the_day_where_the_reader_is(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")

    ends = {"until": "2099-12-31", "expires_at": "2099-12-31T23:59:59+09:00"}
    await give(visitors["alice"], workspace, "user", "carol", "editor", **ends)

    assert "until 2099-12-31 14:59 UTC" in (await row(visitors["alice"], workspace, "carol")).text


@pytest.mark.parametrize(
    ("until", "sentence"),
    [
        ("2020-01-01", "The end has passed already. Choose a day to come, or none."),
        ("tomorrow", "The end is not a date. Write it like 2030-01-31."),
        ("99999-01-01", "The end is not a date. Write it like 2030-01-31."),
    ],
)
async def test_an_end_that_cannot_be_is_refused_in_a_sentence(
    service: Service, visitors: Visitors, until: str, sentence: str
) -> None:
    workspace = await service.create("alice")

    answer = await give(visitors["alice"], workspace, "user", "carol", "editor", until=until)

    assert (422, sentence) == (answer.status_code, read(answer.text).text)
    assert [("alice", "Creator")] == await visitors["alice"].people(workspace)


async def test_a_role_that_is_changed_in_place_keeps_its_end(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await give(visitors["alice"], workspace, "user", "carol", "editor", until="2099-12-31")

    (form, *_) = (await row(visitors["alice"], workspace, "carol")).all("form")
    fields = {field.attributes["name"]: field.attributes["value"] for field in form.all("input")}
    fields.pop("csrf")
    await visitors["alice"].post(f"w/{workspace}/share/grants", fields, role="viewer")

    text = (await row(visitors["alice"], workspace, "carol")).text
    assert "until 2099-12-31 23:59 UTC" in text
    assert ("carol", "Viewer") in await visitors["alice"].people(workspace)


async def test_an_end_is_taken_off_and_the_role_stays(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await give(visitors["alice"], workspace, "user", "carol", "editor", until="2099-12-31")

    menu = (await row(visitors["alice"], workspace, "carol")).one("details")
    fields = {field.attributes["name"]: field.attributes["value"] for field in menu.all("input")}
    fields.pop("csrf")
    await visitors["alice"].post(f"w/{workspace}/share/grants", fields, lasting="yes")

    assert "until" not in (await row(visitors["alice"], workspace, "carol")).one("div", **{"class": "what"}).text
    assert ("carol", "Editor") in await visitors["alice"].people(workspace)


# --- Removing, and what runs ------------------------------------------------------------------------------------------


async def test_removing_an_editor_says_that_what_runs_goes_on(service: Service, visitors: Visitors) -> None:
    workspace = await running(service, "alice")
    await give(visitors["alice"], workspace, "user", "carol", "editor")

    answer = await visitors["alice"].post(f"w/{workspace}/share/remove", kind="user", name="carol")
    stopped = await visitors["alice"].post(f"w/{workspace}/share/stop")

    assert said(answer).startswith("carol has been removed. What they left running goes on.")
    assert read(answer.text).one("div", id="notice").one("button").text == "Stop the server"
    assert said(stopped) == "The server is stopping. It starts again when somebody opens the workspace."
    assert (await window(visitors["alice"], workspace)).all("details") != []


async def test_remove_and_restart_removes_and_stops_the_server(service: Service, visitors: Visitors) -> None:
    workspace = await running(service, "alice")
    await give(visitors["alice"], workspace, "user", "carol", "editor")
    await give(visitors["alice"], workspace, "group", "bio", "viewer")

    offered = [
        [button.text for button in (await row(visitors["alice"], workspace, name)).all("button")]
        for name in ("carol", "bio")
    ]
    answer = await visitors["alice"].post(f"w/{workspace}/share/remove", kind="user", name="carol", restart="yes")
    async with service.world.store.reading() as tx:
        stored = await tx.find_workspace(workspace)

    assert ["Remove and restart" in buttons for buttons in offered] == [True, False]
    assert said(answer).startswith("carol has been removed. The server is stopping.")
    assert stored is not None
    assert stored.session is None
    assert ("carol", "Editor") not in await visitors["alice"].people(workspace)


async def test_nothing_is_said_of_what_runs_when_nothing_does(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await give(visitors["alice"], workspace, "user", "carol", "editor")

    assert "Remove and restart" not in (await row(visitors["alice"], workspace, "carol")).text
    answer = await visitors["alice"].post(f"w/{workspace}/share/remove", kind="user", name="carol")

    assert said(answer) == "carol has been removed."


# --- Oneself ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fragment", [True, False])
async def test_a_co_owner_is_asked_before_they_remove_themselves(
    service: Service, visitors: Visitors, fragment: bool
) -> None:
    workspace = await service.create("alice")
    await give(visitors["alice"], workspace, "user", "carol", "co-owner")

    fields = {"kind": "user", "name": "carol"}
    asked = await visitors["carol"].post(f"w/{workspace}/share/remove", fields, fragment=fragment)
    before = await visitors["alice"].people(workspace)
    await visitors["carol"].post(f"w/{workspace}/share/remove", fields, fragment=fragment, confirmed="yes")

    assert "You would no longer manage access here" in asked.text
    assert ("carol", "Co-owner") in before
    assert [("alice", "Creator")] == await visitors["alice"].people(workspace)


async def test_who_stays_co_owner_by_another_way_is_not_asked(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await give(visitors["alice"], workspace, "user", "carol", "co-owner")
    await give(visitors["alice"], workspace, "group", "astro", "co-owner")

    first = await visitors["carol"].post(f"w/{workspace}/share/remove", kind="user", name="carol")
    second = await visitors["carol"].post(f"w/{workspace}/share/remove", kind="group", name="astro")

    assert "still manages access through the group astro" in said(first)
    assert "You would no longer manage access here" in read(second.text).text
    assert ("astro", "Co-owner") in await visitors["alice"].people(workspace)


# --- Two at once ------------------------------------------------------------------------------------------------------


async def test_the_second_of_two_is_told_and_overwrites_nothing(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    for name, role in (("carol", "co-owner"), ("bob", "viewer")):
        await give(visitors["alice"], workspace, "user", name, role)
    seen = version(await row(visitors["alice"], workspace, "bob"))

    await give(visitors["carol"], workspace, "user", "bob", "editor", version=seen)
    late = await give(visitors["alice"], workspace, "user", "bob", "co-owner", version=seen)
    gone = await visitors["alice"].post(f"w/{workspace}/share/remove", kind="user", name="bob", version=seen)

    sentence = "carol made bob Editor a moment ago. The list shows it now; choose again if you still want to change it."
    for answer in (late, gone):
        assert (409, sentence) == (answer.status_code, read(answer.text).one("p", **{"class": "problem"}).text)
        assert "outerHTML" == read(answer.text).one("ul", id="people").attributes["hx-swap-oob"]
    assert ("bob", "Editor") in await visitors["alice"].people(workspace)


async def test_a_change_of_what_was_removed_says_who_removed_it(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    for name, role in (("carol", "co-owner"), ("bob", "viewer")):
        await give(visitors["alice"], workspace, "user", name, role)
    seen = version(await row(visitors["alice"], workspace, "bob"))
    await visitors["carol"].post(f"w/{workspace}/share/remove", kind="user", name="bob", version=seen)

    late = await give(visitors["alice"], workspace, "user", "bob", "editor", version=seen)
    gone = await visitors["alice"].post(f"w/{workspace}/share/remove", kind="user", name="bob", version=seen)

    assert ["carol removed bob a moment ago." in answer.text for answer in (late, gone)] == [True, True]
    assert ("bob", "Editor") not in await visitors["alice"].people(workspace)


async def test_the_second_of_two_who_set_general_access_is_told(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await give(visitors["alice"], workspace, "user", "carol", "co-owner")
    path = f"w/{workspace}/share/general-access"

    await visitors["carol"].post(path, general_access="link", seen="restricted")
    late = await visitors["alice"].post(path, general_access="restricted", seen="restricted")
    again = await visitors["alice"].post(path, general_access="restricted", seen="link")

    assert 409 == late.status_code
    assert "carol changed general access a moment ago." in read(late.text).one("p", **{"class": "problem"}).text
    chosen = [option.text for option in read(late.text).all("option") if "selected" in option.attributes]
    assert ["Anyone with link"] == chosen
    assert 200 == again.status_code


# --- Who is gone ------------------------------------------------------------------------------------------------------


async def test_who_is_gone_at_the_hub_is_marked_and_can_be_removed(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    service.hub.groups["passing"] = ["carol"]
    await service.hub.create_user("zoe")
    service.hub.groups["astro"].append("zoe")
    try:
        await give(visitors["alice"], workspace, "group", "passing", "viewer")
        await give(visitors["alice"], workspace, "user", "zoe", "editor")
    finally:
        del service.hub.groups["passing"]
        service.hub.groups["astro"].remove("zoe")
        await service.hub.remove_user("zoe")

    marked = [(await row(visitors["alice"], workspace, name)) for name in ("passing", "zoe")]
    for each, kind, name in zip(marked, ("group", "user"), ("passing", "zoe"), strict=True):
        assert "No longer exists" in each.text
        assert each.all("select") == []
        fields = {"kind": kind, "name": name, "version": version(each)}
        assert (await visitors["alice"].post(f"w/{workspace}/share/remove", fields)).status_code == 200
    assert [("alice", "Creator")] == await visitors["alice"].people(workspace)


# --- Long lists -------------------------------------------------------------------------------------------------------


async def fill(service: Service, workspace: str, count: int) -> None:
    """Add *count* grants to groups."""
    alice = await service.person("alice")
    then = datetime(2025, 1, 1, tzinfo=UTC)
    rows = [
        {
            "workspace_id": workspace,
            "principal_kind": PrincipalKind.GROUP,
            "principal_key": f"group-{number:05}",
            "role": Role.VIEWER,
            "source": "direct",
            "created_at": then + timedelta(seconds=number),
            "created_by": alice.id,
        }
        for number in range(count)
    ]
    async with service.world.store.writing() as tx:
        await tx._connection.execute(insert(grants_table), rows)


async def test_a_long_list_comes_in_parts_and_can_be_searched(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await fill(service, workspace, 120)

    first = await window(visitors["alice"], workspace)
    more = first.one("li", id="more").one("a")
    second = read((await visitors["alice"].get(more.attributes["href"].removeprefix("/services/coterie/"))).text)
    part = await visitors["alice"].get(more.attributes["hx-get"].removeprefix("/services/coterie/"), fragment=True)
    found = await window(visitors["alice"], workspace, "?matching=GROUP-0011")

    def names(page: Element) -> list[str]:
        return [li.one("span", dir="auto").text for li in page.all("li") if li.attributes.get("data-state")]

    assert names(first.one("ul", id="people")) == ["alice", *(f"group-{number:05}" for number in range(49))]
    assert names(second.one("ul", id="people")) == [f"group-{number:05}" for number in range(49, 99)]
    assert names(read(part.text)) == names(second.one("ul", id="people"))
    assert names(found.one("ul", id="people")) == [f"group-{number:05}" for number in range(110, 120)]
    assert first.one("input", id="matching").attributes["type"] == "search"


async def test_what_is_shown_stays_shown_after_a_change(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await fill(service, workspace, 120)

    fields = {"kind": "group", "name": "group-00003", "shown": "100"}
    answer = await visitors["alice"].post(f"w/{workspace}/share/remove", fields)

    assert 101 == len(read(answer.text).one("ul", id="people").all("li"))


# --- Why --------------------------------------------------------------------------------------------------------------


async def test_a_co_owner_checks_anybodys_access(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await give(visitors["alice"], workspace, "group", "astro", "editor", until="2099-12-31")
    await visitors["admin"].post(f"w/{workspace}/share/general-access", general_access="global")

    async def ask(who: str, *, fragment: bool = True) -> str:
        return read((await visitors["alice"].get(f"w/{workspace}/share/check?who={who}", fragment=fragment)).text).text

    assert await ask("carol") == (
        "carol Editor until 2099-12-31 23:59 UTC Editor through the group astro, until 2099-12-31 23:59 UTC "
        "Viewer because the workspace is Global"
    )
    assert "Editor through the group astro" in await ask("carol", fragment=False)
    assert await ask("nobody") == "nobody has no access, as far as you can check."
    assert await ask("dave") == "dave has no access, as far as you can check."


async def test_others_access_is_for_co_owners_and_ones_own_for_everybody(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await give(visitors["alice"], workspace, "group", "astro", "editor")

    refused = await visitors["carol"].get(f"w/{workspace}/share/check?who=bob", fragment=True)
    own = await window(visitors["carol"], workspace)

    assert 403 == refused.status_code
    assert "Why do I have access? Editor Editor through the group astro" in own.text


async def test_a_home_is_not_shared_by_name(service: Service, visitors: Visitors) -> None:
    alice = await service.person("alice")
    async with service.world.store.writing() as tx:
        await tx.see_home(alice.id, "alice", service.world.now())

    page = await window(visitors["alice"], "~alice")

    assert 'Share "Home of alice"' == page.one("h1").text
    for words in ("General access", "Check access", "Add people", "Requests for access", "People with access"):
        assert words not in page.text
    ours = {form.attributes["action"].removeprefix("/services/coterie/w/~alice/share") for form in page.all("form")}
    about_guests = {path for path in ours if path.startswith(("/invitations", "/guests/", "/hub-shares/"))}
    assert {"", "/invitations"} <= ours
    assert {""} == ours - about_guests


@pytest.mark.parametrize("name", [*HOSTILE, "'; DROP TABLE grants; --"])
async def test_a_group_of_any_name_is_shared_with_and_removed(service: Service, visitors: Visitors, name: str) -> None:
    workspace = await service.create("alice")
    groups = dict(service.hub.groups)
    service.hub.groups[name] = ["carol"]
    try:
        given = await give(visitors["alice"], workspace, "group", name, "viewer", version="none")
        seen = version(await row(visitors["alice"], workspace, " ".join(name.split())))
        fields = {"kind": "group", "name": name, "version": seen}
        removed = await visitors["alice"].post(f"w/{workspace}/share/remove", fields)
    finally:
        service.hub.groups = groups

    assert [200, 200] == [given.status_code, removed.status_code]
    assert [("alice", "Creator")] == await visitors["alice"].people(workspace)


# --- Live -------------------------------------------------------------------------------------------------------------


async def events(visitor: Visitor, workspace: str) -> AsyncIterator[str]:
    """The names of the events of the window's stream; ``watching`` when it is open."""
    async with visitor.client.stream("GET", f"w/{workspace}/share/events", timeout=20) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield "watching"
        async for line in response.aiter_lines():
            if found := re.fullmatch(r"event: (\w+)", line):
                yield found.group(1)


async def test_the_stream_tells_of_changes_by_others_and_of_an_end(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")

    async with asyncio.timeout(60):
        stream = events(visitors["alice"], workspace)
        assert "watching" == await anext(stream)
        ends = (datetime.now(UTC) + timedelta(seconds=5)).isoformat()
        await give(visitors["admin"], workspace, "user", "carol", "viewer", expires_at=ends)
        assert "changed" == await anext(stream)
        assert "changed" == await anext(stream)

    assert datetime.now(UTC) >= datetime.fromisoformat(ends)
    assert "ended" in (await row(visitors["alice"], workspace, "carol")).text
    await stream.aclose()


async def test_what_ends_while_the_window_is_told_of_something_else_is_told_of_too(
    service: Service, visitors: Visitors
) -> None:
    workspace, alice = await service.create("alice"), await service.person("alice")

    async def watcher() -> Person:
        return alice

    told = watch_access(service.world, alice, workspace, watcher)
    assert ": watching\n\n" == await anext(told)
    now = service.world.now
    ends = now() + timedelta(hours=1)
    await give(visitors["admin"], workspace, "user", "carol", "viewer", expires_at=ends.isoformat())
    assert "changed" in await anext(told)
    # The world is frozen for everybody but a test that turns its clock.
    object.__setattr__(service.world, "now", lambda: ends + timedelta(seconds=1))
    try:
        async with asyncio.timeout(20):
            assert "changed" in await anext(told)
    finally:
        object.__setattr__(service.world, "now", now)
        await told.aclose()


async def test_what_ends_while_it_is_asked_whether_somebody_may_still_watch_is_told_of(
    service: Service, visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_REVIEW_EVERY", 0.0)
    workspace, alice = await service.create("alice"), await service.person("alice")
    now = service.world.now
    ends = now() + timedelta(hours=1)
    await give(visitors["admin"], workspace, "user", "carol", "viewer", expires_at=ends.isoformat())

    async def watcher() -> Person:
        object.__setattr__(service.world, "now", lambda: ends + timedelta(seconds=1))
        return alice

    told = watch_access(service.world, alice, workspace, watcher)
    try:
        async with asyncio.timeout(20):
            while "changed" not in await anext(told):
                pass
    finally:
        object.__setattr__(service.world, "now", now)
        await told.aclose()


async def test_the_stream_ends_for_who_may_not_manage_access_any_more(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await give(visitors["alice"], workspace, "user", "carol", "co-owner")

    async with asyncio.timeout(20):
        stream = events(visitors["carol"], workspace)
        assert "watching" == await anext(stream)
        await give(visitors["alice"], workspace, "user", "carol", "viewer")
        assert ["ended"] == [event async for event in stream]


async def test_the_stream_is_for_those_who_manage_access_and_not_too_many_at_once(
    service: Service, visitors: Visitors
) -> None:
    workspace = await service.create("alice")
    await give(visitors["alice"], workspace, "user", "carol", "editor")
    alice = await service.person("alice")

    refused = [(await visitors[name].get(f"w/{workspace}/share/events")).status_code for name in ("carol", "dave")]
    service.world.watchers[alice.id] += 10
    too_many = await visitors["alice"].get(f"w/{workspace}/share/events")
    service.world.watchers[alice.id] -= 10

    assert [403, 404] == refused
    assert 429 == too_many.status_code
