"""The pages that administrators have: people, anonymising them, the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from coterie.policy import Principal, PrincipalKind, Role
from coterie.store import AuditEntry
from coterie.wire.audit import AuditAct, Via
from pages.html import read
from pages.visiting import Service, Visitor

Visitors = dict[str, Visitor]


@pytest.fixture
async def leaver(service: Service) -> AsyncIterator[str]:
    """Somebody who is to be anonymised, with a workspace of their own and an Editor's grant in one of alice's."""
    name = f"leaver-{uuid4().hex[:6]}"
    await service.hub.create_user(name)
    person = await service.person(name)
    await service.create(name, f"Of {name}")
    place = await service.create("alice", f"With {name}")
    alice = await service.person("alice")
    async with service.world.store.writing() as tx:
        who = Principal(PrincipalKind.USER, person.id)
        await tx.put_grant(place, who, Role.EDITOR, expires_at=None, by=alice.id, at=service.world.now())
    yield name
    await service.hub.remove_user(name)


@pytest.mark.parametrize("path", ["people", "people?q=bob", "people/anonymise?name=bob", "audit", "audit?act=created"])
async def test_they_are_for_administrators_only(visitors: Visitors, path: str) -> None:
    refused = await visitors["alice"].get(path)
    shown = await visitors["admin"].get(path)

    assert (403, 200) == (refused.status_code, shown.status_code)
    assert "Only administrators look at people and at the whole audit log" in read(refused.text).text


async def test_nobody_else_learns_whether_somebody_exists(visitors: Visitors) -> None:
    answers = [await visitors["alice"].get(f"people/anonymise?name={name}") for name in ("bob", "nobody", "%00")]

    assert {(403, answers[0].text)} == {(answer.status_code, answer.text) for answer in answers}


async def test_the_header_leads_administrators_there_and_nobody_else(visitors: Visitors) -> None:
    def header(page: httpx.Response) -> list[str]:
        return [link.text for link in read(page.text).one("nav").all("a")]

    assert ["People", "Audit log", "Control panel", "Log out"] == header(await visitors["admin"].get("audit"))
    assert ["Control panel", "Log out"] == header(await visitors["alice"].get(""))


async def test_people_are_found_by_a_part_of_their_name(visitors: Visitors, leaver: str) -> None:
    page = read((await visitors["admin"].get(f"people?q={leaver[:-2].upper()}")).text)
    nobody = read((await visitors["admin"].get("people?q=nobody-of-that-name")).text)

    assert leaver in page.one("ul").text
    assert "Nobody has that in their name." in nobody.text


async def test_the_plan_lists_what_will_happen_and_changes_nothing(visitors: Visitors, leaver: str) -> None:
    first = await visitors["admin"].get(f"people/anonymise?name={leaver}")
    again = await visitors["admin"].get(f"people/anonymise?name={leaver}")

    text = read(first.text).text
    assert f"Workspaces that become yours: 1 Of {leaver}" in text
    assert f"Grants that are removed: 1 Editor With {leaver}" in text
    assert read(again.text).text == text


@pytest.mark.parametrize("typed", ["", "somebody else", "LEAVER"])
async def test_a_name_that_is_typed_otherwise_changes_nothing(visitors: Visitors, leaver: str, typed: str) -> None:
    answer = await visitors["admin"].post("people/anonymise", {"name": leaver, "confirmation": typed})

    assert answer.status_code == 422
    assert "Type the name exactly as it is shown." in answer.text
    assert "become yours: 1" in read((await visitors["admin"].get(f"people/anonymise?name={leaver}")).text).text


@pytest.mark.parametrize("fragment", [True, False])
async def test_typing_the_name_does_it(visitors: Visitors, leaver: str, fragment: bool) -> None:
    form = {"name": leaver, "confirmation": leaver}
    answer = await visitors["admin"].post("people/anonymise", form, fragment=fragment)
    left = await visitors["admin"].get(f"people/anonymise?name={leaver}")

    text = read(answer.text).text
    assert answer.status_code == 200
    assert "The person is now known as anonymised-" in text
    assert "Grants removed: 1" in text
    assert f"Yours now Of {leaver}" in text
    assert ("<html" in answer.text) is not fragment
    assert "There is nothing to do" in read(left.text).text


@pytest.mark.parametrize("csrf", ["", "wrong"])
async def test_a_form_from_elsewhere_does_not(visitors: Visitors, leaver: str, csrf: str) -> None:
    form = {"name": leaver, "confirmation": leaver}

    answers = [
        await visitors["admin"].post("people/anonymise", form, csrf=csrf),
        await visitors["alice"].post("people/anonymise", form),
    ]

    assert [403, 403] == [answer.status_code for answer in answers]
    assert "become yours: 1" in read((await visitors["admin"].get(f"people/anonymise?name={leaver}")).text).text


async def test_nobody_is_offered_to_anonymise_themselves(visitors: Visitors) -> None:
    page = read((await visitors["admin"].get("people?q=admin")).text)
    tried = await visitors["admin"].get("people/anonymise?name=admin")

    assert page.one("ul").all("a") == []
    assert tried.status_code == 403


async def test_a_workspaces_history_is_for_those_who_manage_it(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    await visitors["alice"].post(f"w/{workspace}/share/grants", kind="user", name="bob", role="editor")

    pages = {who: await visitors[who].get(f"w/{workspace}/audit") for who in ("alice", "bob", "dave", "admin")}

    assert {"alice": 200, "bob": 403, "dave": 404, "admin": 200} == {who: p.status_code for who, p in pages.items()}
    records = read(pages["alice"].text).one("ol")
    assert ["alice made bob Editor", "alice created the workspace"] == [
        deed.text for deed in records.all("span") if deed.attributes.get("class") == "deed"
    ]
    assert "on a page" in records.text
    assert "from 127.0.0.1" not in records.text
    assert "from 127.0.0.1" in read(pages["admin"].text).one("ol").text


async def test_the_filter_says_what_it_shows_and_the_download_has_the_same(
    service: Service, visitors: Visitors
) -> None:
    workspace = await service.create("alice")
    query = "actor=alice&act=created&since=2020-01-31&until=2999-12-31"

    page = read((await visitors["alice"].get(f"w/{workspace}/audit?{query}")).text)
    nothing = await visitors["alice"].get(f"w/{workspace}/audit?since=2999-12-31")
    (link,) = [link for link in page.all("a") if "download" in link.attributes]
    lines = await visitors["alice"].client.get(service.url.split("/services")[0] + link.attributes["href"])

    assert "alice" == page.one("input", id="actor").attributes["value"]
    assert ["created"] == [
        option.attributes["value"] for option in page.one("select").all("option") if "selected" in option.attributes
    ]
    assert (200, 1, "created") == (lines.status_code, len(lines.text.splitlines()), lines.json()["act"])
    assert "Nothing that is recorded fits the filter." in nothing.text


@pytest.mark.parametrize("query", ["since=yesterday", "until=9999-12-31", "act=flown", "after=x"])
async def test_a_filter_that_cannot_be_read_is_said_so(visitors: Visitors, query: str) -> None:
    answer = await visitors["admin"].get(f"audit?{query}")

    assert answer.status_code == 422
    assert 'class="lead"' in answer.text


async def test_show_more_brings_the_part_that_follows(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    alice = visitors["alice"]
    person = await service.person("alice")
    async with service.world.store.writing() as tx:
        for _ in range(101):
            entry = AuditEntry(service.world.now(), person.id, AuditAct.STOPPED, Via.API, workspace_id=workspace)
            await tx.append_audit(entry)

    page = read((await alice.get(f"w/{workspace}/audit")).text)
    (more,) = [link for link in page.all("a") if link.text == "Show more"]
    part = await alice.get(service.url.split("/services")[0] + more.attributes["href"], fragment=True)

    assert 101 == len(page.one("ol").all("li"))
    assert 2 == len(read(part.text).all("li"))
    assert "<html" not in part.text
