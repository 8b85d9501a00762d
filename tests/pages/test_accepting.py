"""The page of an invitation, as it is asked for: what it tells whom, and what it refuses."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from coterie.actions.actor import Actor
from coterie.actions.invite import make_invitation, revoke_invitations
from coterie.wire.audit import Via
from coterie.wire.invitations import NewInvitation
from pages.html import read
from pages.visiting import FORGED, Service, Visitor, forged

Visitors = dict[str, Visitor]


async def link(service: Service, workspace: str, by: str = "alice", **more: object) -> str:
    """The secret of a new invitation."""
    actor = Actor(await service.person(by), Via.PAGE)
    made = await make_invitation(service.world, actor, workspace, NewInvitation.model_validate(more))
    return made.url.partition("#")[2]


async def preview(visitor: Visitor, secret: str) -> httpx.Response:
    return await visitor.post("invite/preview", secret=secret)


async def test_the_page_is_for_everybody_and_sends_nobody_to_sign_in(service: Service, visitors: Visitors) -> None:
    async with httpx.AsyncClient(base_url=service.url, verify=False, timeout=60) as stranger:
        page = await stranger.get("invite/")
        signing_in = await stranger.get("invite/sign-in")
    back = await visitors["bob"].get("invite/sign-in")

    assert 200 == page.status_code
    assert "no-referrer" == page.headers["referrer-policy"]
    assert "no-store" == page.headers["cache-control"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "set-cookie" not in page.headers
    assert "needs JavaScript" in read(page.text).one("noscript").text
    assert 302 == signing_in.status_code
    assert (303, "/services/coterie/invite/") == (back.status_code, back.headers["location"])


async def test_the_page_is_the_same_for_every_invitation(visitors: Visitors) -> None:
    pages = [(await visitors["bob"].get(path)).text for path in ("invite/", "invite/?a=b")]

    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("place", "role", "words"),
    [
        ("home", "editor", ["run code there: as the account of alice", "until alice stops the server", "alice sees"]),
        ("home", "viewer", ["You cannot change or run anything.", "until alice stops the server"]),
        ("workspace", "editor", ["use terminals and install packages", "until somebody takes it back"]),
        ("workspace", "viewer", ["You cannot change or run anything.", "Those who manage access see your name"]),
    ],
)
async def test_it_says_who_invites_to_what_and_what_it_comes_to(
    service: Service, visitors: Visitors, place: str, role: str, words: list[str]
) -> None:
    workspace = await service.run_home("alice") if place == "home" else await service.create("alice")

    offer = read((await preview(visitors["erin"], await link(service, workspace, role=role))).text)

    assert "alice invites you" == offer.one("h2").text
    assert ("Home of alice" if place == "home" else "Penguins") in offer.text
    assert role.capitalize() == offer.one("span", **{"class": f"role {role}"}).text
    assert [word for word in words if word not in offer.text] == []
    assert ["Accept", "Decline"] == [button.text for button in offer.all("button")]
    assert "You are signed in as erin." in offer.text


async def test_looking_gives_nothing_and_accepting_leads_in(service: Service, visitors: Visitors) -> None:
    workspace = await service.create("alice")
    secret = await link(service, workspace)

    await preview(visitors["erin"], secret)
    before = await visitors["erin"].get(f"w/{workspace}")
    accepted = await visitors["erin"].post("invite/accept", secret=secret)
    after = await visitors["erin"].get(f"w/{workspace}")

    assert [404, 200] == [before.status_code, after.status_code]
    assert (204, f"/services/coterie/w/{workspace}") == (accepted.status_code, accepted.headers["HX-Redirect"])
    assert secret not in str(accepted.headers)


async def test_every_refusal_has_a_sentence_of_its_own(service: Service, visitors: Visitors) -> None:
    alice = Actor(await service.person("alice"), Via.PAGE)
    workspace = await service.create("alice")
    used_up, expired, revoked = [await link(service, workspace, max_uses=1, expires_in=60) for _ in range(3)]
    await visitors["bob"].post("invite/accept", secret=used_up)
    answers = {"used up": await preview(visitors["carol"], used_up)}
    await visitors["alice"].post(f"w/{workspace}/share/guests/revoke", name="bob", block="yes")
    answers["blocked"] = await preview(visitors["bob"], expired)
    answers["own"] = await preview(visitors["alice"], expired)
    answers["unknown"] = await preview(visitors["carol"], "x" * 43)
    answers["not one"] = await preview(visitors["carol"], "x" * 4000)
    answers["nothing"] = await preview(visitors["carol"], "")
    await revoke_invitations(service.world, alice, workspace)
    answers["revoked"] = await preview(visitors["carol"], revoked)
    later = await link(service, workspace, expires_in=60)
    now = service.world.now
    # The world is frozen for everybody but a test that turns its clock.
    object.__setattr__(service.world, "now", lambda: now() + timedelta(seconds=61))
    try:
        answers["expired"] = await preview(visitors["carol"], later)
    finally:
        object.__setattr__(service.world, "now", now)

    told = {why: (answer.status_code, read(answer.text).one("h2").text) for why, answer in answers.items()}
    assert {
        "used up": (410, "Used up"),
        "blocked": (403, "Not for you"),
        "own": (409, "Your own invitation"),
        "unknown": (404, "No such invitation"),
        "not one": (404, "No such invitation"),
        "nothing": (404, "No such invitation"),
        "revoked": (410, "Revoked"),
        "expired": (410, "Run out"),
    } == told
    sentences = [read(answer.text).one("p", **{"class": "problem"}).text for answer in answers.values()]
    assert 7 == len(set(sentences))
    own = {a.text: a.attributes["href"] for a in read(answers["own"].text).all("a")}
    assert f"/services/coterie/w/{workspace}" == own["Open it"]
    assert all(workspace not in answer.text for why, answer in answers.items() if why != "own")


async def test_a_home_that_does_not_run_can_be_tried_again(service: Service, visitors: Visitors) -> None:
    await visitors["dave"].get("w/~dave/share")

    answer = await preview(visitors["carol"], await link(service, "~dave", "dave"))

    assert 409 == answer.status_code
    assert "Ask whoever invited you to start it, and try again." in read(answer.text).text
    assert ["Try again"] == [button.text for button in read(answer.text).all("button")]


@pytest.mark.parametrize("path", ["invite/preview", "invite/accept"])
async def test_nobody_is_made_to_accept(service: Service, visitors: Visitors, path: str) -> None:
    workspace = await service.create("alice")
    secret = await link(service, workspace)

    answers = [await forged(visitors["erin"], path, {"secret": secret}, headers) for headers in FORGED]
    by_get = await visitors["erin"].get(f"{path}?secret=x")
    async with httpx.AsyncClient(base_url=service.url, verify=False, timeout=60) as stranger:
        nobodys = await stranger.post(path, data={"secret": secret}, headers={"HX-Request": "true"})

    assert {403} == {answer.status_code for answer in answers}
    assert 405 == by_get.status_code
    assert 401 == nobodys.status_code
    assert 404 == (await visitors["erin"].get(f"w/{workspace}")).status_code
    assert [] == [answer for answer in (*answers, nobodys) if secret in answer.text or secret in str(answer.headers)]


async def test_no_answer_repeats_what_was_sent(service: Service, visitors: Visitors) -> None:
    secret = await link(service, await service.create("alice"))

    answers = [await preview(visitors[name], secret) for name in ("alice", "erin")]
    answers += [await preview(visitors["carol"], sent) for sent in ("canary-" * 6, "canary-" * 60)]

    assert [] == [answer for answer in answers if secret in answer.text or "canary" in answer.text]
