"""The page of whoever may not see a workspace, asking for access on it, and answering in the share window."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from coterie.actions.requests import list_requests
from coterie.service.pages.rendering import render
from pages.html import Element, read
from pages.samples import ADDRESSES, access_requests, caller, workspace
from pages.visiting import Service, Visitor

Visitors = dict[str, Visitor]
UNKNOWN = ("aaaaaaaaaaaaaaaa", "nonsense", "%00", "a" * 300, "%3Cscript%3E", "mar%C3%ADa")
SENT = "If there is such a workspace, those who manage it will see your request."


def _form_of(page: httpx.Response) -> Element:
    return next(form for form in read(page.text).all("form") if form.all("textarea"))


def _without_address(page: httpx.Response) -> str:
    """The text of a page on which access can be asked for, less the address that it was asked for at."""
    action = _form_of(page).attributes["action"]
    assert action.endswith("/requests")
    written = action.replace("&", "&amp;")
    assert page.text.count(f'"{written}"') == 2
    return page.text.replace(f'"{written}"', '""')


async def _waiting(service: Service, workspace: str, by: str = "alice") -> list[tuple[str, str]]:
    await asyncio.gather(*service.world.asking)
    page = await list_requests(service.world, await service.person(by), workspace)
    return [(item.user, item.note) for item in page.items]


async def test_an_unknown_a_malformed_and_a_foreign_id_get_the_same_page(service: Service, visitors: Visitors) -> None:
    foreign = await service.create("dave")
    await visitors["dave"].get(f"w/{foreign}")

    answers = [await visitors["alice"].get(f"w/{each}") for each in (foreign, *UNKNOWN)]

    assert {(404, _without_address(answers[0]))} == {(page.status_code, _without_address(page)) for page in answers}
    assert {tuple(answers[0].headers)} == {tuple(page.headers) for page in answers}


async def test_a_home_that_is_there_and_one_that_is_not_get_the_same_page_on_which_nothing_is_asked_for(
    service: Service, visitors: Visitors
) -> None:
    await visitors["dave"].get("w/~dave/share")

    there, not_there = [await visitors["alice"].get(f"w/{each}") for each in ("~dave", "~nobody")]

    assert [404, 404] == [there.status_code, not_there.status_code]
    assert there.text == not_there.text
    assert read(there.text).all("form") == []
    assert "that ends when its owner stops the server" in read(there.text).text


async def test_the_page_says_who_one_is_and_leads_home(service: Service, visitors: Visitors) -> None:
    page = read((await visitors["alice"].get(f"w/{await service.create('dave', 'Secret Penguins')}")).text)

    assert "You have no access" == page.one("h1").text
    assert "You are signed in as alice." in page.one("p", **{"class": "lead"}).text
    assert "Secret" not in page.text
    assert "dave" not in page.text
    assert "/services/coterie/" == page.one("a", **{"class": "button"}).attributes["href"]
    assert "500" == page.one("textarea", name="note").attributes["maxlength"]


async def test_who_was_removed_gets_the_page_too(service: Service, visitors: Visitors) -> None:
    shared = await service.create("alice")
    await visitors["alice"].post(f"w/{shared}/share/grants", kind="user", name="carol", role="editor")
    before = await visitors["carol"].get(f"w/{shared}")
    await visitors["alice"].post(f"w/{shared}/share/remove", kind="user", name="carol")

    after = await visitors["carol"].get(f"w/{shared}")
    unknown = await visitors["carol"].get("w/aaaaaaaaaaaaaaaa")

    assert [200, 404] == [before.status_code, after.status_code]
    assert _without_address(unknown) == _without_address(after)


@pytest.mark.parametrize("fragment", [True, False])
async def test_asking_is_confirmed_in_the_same_words_whether_there_is_anybody_to_ask(
    service: Service, visitors: Visitors, fragment: bool
) -> None:
    foreign = await service.create("dave")

    answers = [
        await visitors["alice"].post(f"w/{each}/requests", fragment=fragment, note="It's me")
        for each in (foreign, foreign, *UNKNOWN)
    ]

    assert {(202, answers[0].text)} == {(answer.status_code, answer.text) for answer in answers}
    assert SENT in read(answers[0].text).text
    assert [("alice", "It's me")] == await _waiting(service, foreign, "dave")


async def test_lines_of_a_note_become_one(service: Service, visitors: Visitors) -> None:
    foreign = await service.create("dave")

    await visitors["alice"].post(f"w/{foreign}/requests", note=" Hello,\r\nit's me.\n")

    assert [("alice", "Hello, it's me.")] == await _waiting(service, foreign, "dave")


@pytest.mark.parametrize(
    ("note", "sentence"),
    [
        ("x" * 501, "The note is too long: at most 500 characters."),
        ("a\x00b", "A note cannot contain line breaks or control characters."),
        ("a\tb", "A note cannot contain line breaks or control characters."),
    ],
    ids=ascii,
)
async def test_a_note_that_cannot_be_is_refused_in_a_sentence(
    service: Service, visitors: Visitors, note: str, sentence: str
) -> None:
    foreign = await service.create("dave")

    answers = [await visitors["alice"].post(f"w/{each}/requests", note=note) for each in (foreign, "nonsense")]

    assert [(422, sentence)] * 2 == [(answer.status_code, read(answer.text).text) for answer in answers]
    assert [] == await _waiting(service, foreign, "dave")


@pytest.mark.parametrize("csrf", ["", "wrong"])
async def test_without_the_pages_own_token_nothing_is_asked_and_nothing_answered(
    service: Service, visitors: Visitors, csrf: str
) -> None:
    asked = await service.create("alice")
    await visitors["erin"].post(f"w/{asked}/requests", note="x")

    answers = [
        await visitors["dave"].post(f"w/{asked}/requests", note="x", csrf=csrf),
        await visitors["alice"].post(f"w/{asked}/requests/answer", user="erin", role="viewer", csrf=csrf),
        await visitors["alice"].post(f"w/{asked}/requests/answer", user="erin", decline="yes", csrf=csrf),
    ]

    assert [403, 403, 403] == [answer.status_code for answer in answers]
    assert [("erin", "x")] == await _waiting(service, asked)


async def test_nobody_asks_without_signing_in(service: Service, visitors: Visitors) -> None:
    foreign = await service.create("dave")
    stranger = visitors["alice"]
    stranger.client.cookies.clear()

    answer = await stranger.post(f"w/{foreign}/requests", fragment=False, csrf="x", note="x")

    assert 302 == answer.status_code
    assert [] == await _waiting(service, foreign, "dave")


async def test_an_answer_shows_who_still_waits_and_who_has_access_now(service: Service, visitors: Visitors) -> None:
    asked = await service.create("alice")
    for name in ("erin", "dave"):
        await visitors[name].post(f"w/{asked}/requests", note=f"It's {name}")
    await asyncio.gather(*service.world.asking)  # requests may be written after their answer

    given = read((await visitors["alice"].post(f"w/{asked}/requests/answer", user="erin", role="editor")).text)
    declined = read((await visitors["alice"].post(f"w/{asked}/requests/answer", user="dave", decline="yes")).text)

    assert "erin is now Editor." == given.one("div", id="notice").text
    assert ["It's dave"] == [note.text for note in given.one("section", id="requests").all("p")]
    assert "hidden" not in given.one("section", id="requests").attributes
    assert "erin" in given.one("ul", id="people").text
    assert "dave has been declined." == declined.one("div", id="notice").text
    assert "hidden" in declined.one("section", id="requests").attributes
    assert [("alice", "Creator"), ("erin", "Editor")] == await visitors["alice"].people(asked)


async def test_an_answer_without_script_leads_back_to_the_window(service: Service, visitors: Visitors) -> None:
    asked = await service.create("alice")
    await visitors["erin"].post(f"w/{asked}/requests")
    await asyncio.gather(*service.world.asking)  # requests may be written after their answer

    answer = await visitors["alice"].post(f"w/{asked}/requests/answer", fragment=False, user="erin", role="viewer")

    assert (303, f"/services/coterie/w/{asked}/share") == (answer.status_code, answer.headers["location"])
    assert [("alice", "Creator"), ("erin", "Viewer")] == await visitors["alice"].people(asked)


@pytest.mark.parametrize(
    ("user", "role", "status"), [("dave", "viewer", 404), ("erin", "creator", 422), ("erin", "", 422)]
)
async def test_an_answer_that_cannot_be_is_refused_in_a_sentence(
    service: Service, visitors: Visitors, user: str, role: str, status: int
) -> None:
    asked = await service.create("alice")
    await visitors["erin"].post(f"w/{asked}/requests")

    answer = await visitors["alice"].post(f"w/{asked}/requests/answer", user=user, role=role)

    assert (status, "problem") == (answer.status_code, read(answer.text).one("p").attributes["class"])
    assert [("erin", "")] == await _waiting(service, asked)


@pytest.mark.parametrize(("who", "status"), [("erin", 404), ("bob", 403), ("carol", 403)])
async def test_who_does_not_manage_access_answers_nobody_on_a_page(
    service: Service, visitors: Visitors, who: str, status: int
) -> None:
    asked = await service.create("alice")
    await visitors["alice"].post(f"w/{asked}/share/grants", kind="user", name="bob", role="viewer")
    await visitors["alice"].post(f"w/{asked}/share/grants", kind="user", name="carol", role="editor")
    await visitors["erin"].post(f"w/{asked}/requests")

    answers = [
        await visitors[who].post(f"w/{asked}/requests/answer", user="erin", role="viewer"),
        await visitors[who].post(f"w/{asked}/requests/answer", user="erin", decline="yes"),
    ]

    assert [status, status] == [answer.status_code for answer in answers]
    assert [("erin", "")] == await _waiting(service, asked)


async def test_who_manages_access_is_told_that_there_is_nobody_to_ask(service: Service, visitors: Visitors) -> None:
    own = await service.create("alice")

    answer = await visitors["alice"].post(f"w/{own}/requests")

    assert (409, "You manage access here yourself: there is nobody to ask.") == (
        answer.status_code,
        read(answer.text).text,
    )


def test_a_request_is_answered_with_viewer_unless_the_person_has_more_already() -> None:
    context = {"workspace": workspace(), "requests": access_requests("zoe")}
    items = read(render("requests/list.html", ADDRESSES, caller(), **context)).all("li")

    chosen = [[option.text for option in item.all("option") if "selected" in option.attributes] for item in items]

    assert [["Viewer"], ["Editor"]] == chosen
    assert ["Role for zoe", "Role for zoe2"] == [item.one("select").attributes["aria-label"] for item in items]
    assert ["Give access to zoe", "Decline the request of zoe"] == [
        button.attributes["aria-label"] for button in items[0].all("button")
    ]
    assert "is Editor by name" in items[1].text
