"""A guest with the strongest role that there is for guests tries to bring others, or to keep themselves there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from attacks.signing_in import Browser, page_token
from coterie.cli.demo.web import loopback_client
from revocation.holding import Place
from revocation.inviting import Link, at_home, come_in, invite
from support.demo import Demo

pytestmark = pytest.mark.hub

#: Every call that manages access; ID is the workspace, LINK the invitation that the guest came by.
CALLS: list[tuple[str, str, Any]] = [
    ("GET", "ID/invitations", None),
    ("POST", "ID/invitations", {}),
    ("POST", "ID/invitations", {"role": "viewer", "expires_in": 2592000}),
    ("POST", "ID/invitations", {"role": "co-owner"}),
    ("DELETE", "ID/invitations/LINK", None),
    ("DELETE", "ID/invitations", None),
    ("GET", "ID/guests", None),
    ("DELETE", "ID/guests/carol", None),
    ("DELETE", "ID/guests/carol?block=true", None),
    ("DELETE", "ID/guests/bob", None),
    ("DELETE", "ID/guests", None),
    ("GET", "ID/guests/blocks", None),
    ("DELETE", "ID/guests/blocks/erin", None),
    ("DELETE", "ID/guests/blocks", None),
    ("GET", "ID/hub-shares", None),
    ("PUT", "ID/hub-shares/user/dave", {"role": "editor"}),
    ("PUT", "ID/hub-shares/user/bob", {"role": "editor"}),
    ("DELETE", "ID/hub-shares/user/dave", None),
    ("DELETE", "ID/hub-shares/group/bio", None),
    ("PUT", "ID/grants/user/dave", {"role": "viewer"}),
    ("PUT", "ID/grants/user/bob", {"role": "editor"}),
    ("PUT", "ID/grants/user/bob", {"role": "co-owner"}),
    ("PUT", "ID/grants/group/astro", {"role": "viewer"}),
    ("DELETE", "ID/grants/user/carol", None),
    ("DELETE", "ID/grants/user/alice", None),
    ("PATCH", "ID", {"general_access": "link"}),
    ("PATCH", "ID", {"general_access": "global"}),
    ("GET", "ID/access/carol", None),
    ("GET", "ID/audit", None),
    ("DELETE", "ID", None),
]
#: Calls that an Editor of a workspace may make, and a guest of a home may not.
OF_AN_OWNER: list[tuple[str, str, Any]] = [
    ("GET", "ID/grants", None),
    ("PATCH", "ID", {"name": "Mine"}),
    ("PATCH", "ID", {"archived": True}),
    ("POST", "ID/copy", {"name": "Mine", "with_access": True}),
    ("POST", "ID/stop", None),
]
#: The forms of the share window, below its address.
FORMS: list[tuple[str, dict[str, str]]] = [
    ("invitations", {"role": "editor"}),
    ("invitations/revoke", {}),
    ("invitations/revoke", {"invitation": "LINK"}),
    ("guests/revoke", {"name": "carol"}),
    ("guests/revoke", {"name": "carol", "block": "yes"}),
    ("guests/revoke-all", {}),
    ("guests/unblock", {"name": "erin"}),
    ("hub-shares/admit", {"name": "dave", "role": "editor"}),
    ("hub-shares/remove", {"kind": "user", "name": "dave"}),
    ("grants", {"kind": "user", "name": "dave", "role": "viewer"}),
    ("grants", {"kind": "user", "name": "bob", "role": "co-owner", "confirmed": "yes"}),
    ("remove", {"kind": "user", "name": "carol", "confirmed": "yes"}),
    ("general-access", {"general_access": "link"}),
]


@dataclass(frozen=True)
class Visited:
    """Where bob and carol are guests, both by *link*, and erin is blocked."""

    place: Place
    link: Link

    @property
    def is_home(self) -> bool:
        return self.place.id.startswith("~")

    def fill(self, text: str) -> str:
        return text.replace("ID", self.place.id).replace("LINK", self.link.id)


@pytest.fixture(scope="module", params=["home", "workspace"])
async def visited(demo: Demo, request: pytest.FixtureRequest) -> AsyncIterator[Visited]:
    if request.param == "home":
        async with at_home(demo) as place:
            yield await _visited(demo, place)
    else:
        workspace = await demo.create("alice", "Visited")
        # Nobody asks for the rest of what a place has.
        yield await _visited(demo, Place(workspace, await demo.open("alice", workspace), "", "", ""))


async def _visited(demo: Demo, place: Place) -> Visited:
    link = await invite(demo, "alice", place.id, role="editor")
    for name in ("bob", "carol", "erin"):
        await come_in(demo, name, place, link)
    blocked = await demo.api("alice", "DELETE", f"workspaces/{place.id}/guests/erin?block=true")
    assert blocked.is_success, blocked.text
    return Visited(place, link)


async def _everything(demo: Demo, visited: Visited) -> list[Any]:
    """All about access, as the owner sees it, and all that was done."""
    paths = ["", "/invitations", "/guests", "/guests/blocks", "/audit"]
    paths.append("/hub-shares" if visited.is_home else "/grants")
    found = [(await demo.api("alice", "GET", f"workspaces/{visited.place.id}{path}")).json() for path in paths]
    (log,) = (answer for path, answer in zip(paths, found, strict=True) if path == "/audit")
    log["items"] = [record for record in log["items"] if record["act"] != "refused"]
    return found


async def test_no_call_manages_anything(demo: Demo, visited: Visited) -> None:
    before = await _everything(demo, visited)
    answers = {}
    for method, path, body in CALLS + (OF_AN_OWNER if visited.is_home else []):
        answer = await demo.api("bob", method, f"workspaces/{visited.fill(path)}", json=body)
        answers[method, path, str(body)] = answer.status_code

    assert {} == {call: status for call, status in answers.items() if status not in (403, 404, 405)}
    assert before == await _everything(demo, visited)


async def test_no_form_manages_anything(demo: Demo, visited: Visited) -> None:
    before = await _everything(demo, visited)
    window = f"{demo.service_url}w/{visited.place.id}/share"
    async with loopback_client() as http:
        browser = Browser(http)
        page = await browser.sign_in("bob", demo.service_url)
        found = re.search(r'<meta name="csrf" content="([^"]+)">', page.text)
        assert found is not None
        headers = {"Cookie": browser.cookies_for(window), "Sec-Fetch-Site": "same-origin", "X-CSRF-Token": found[1]}
        statuses = {}
        for path, form in FORMS:
            filled = {name: visited.fill(value) for name, value in form.items()}
            answer = await http.post(f"{window}/{path}", data=filled, headers=headers)
            statuses[path, str(form)] = answer.status_code
        for path in ("guests", "hub-shares", "state", "people", "events"):
            statuses[path, ""] = (await http.get(f"{window}/{path}", headers=headers)).status_code
        shown = await http.get(window, headers=headers)

    assert {} == {form: status for form, status in statuses.items() if status not in (403, 404)}
    assert (200, False) == (shown.status_code, any(name in shown.text for name in ("carol", "erin", visited.link.id)))
    assert before == await _everything(demo, visited)


@pytest.mark.parametrize("visited", ["workspace"], indirect=True)
async def test_what_a_guest_finds_on_the_server_invites_nobody(demo: Demo, visited: Visited) -> None:
    """The token that a guest's own page of a workspace holds does not even speak for the guest."""
    token = await page_token("carol", visited.place.url)
    async with loopback_client() as http:
        answers = [
            await http.request(
                method,
                f"{demo.service_url}api/v1/workspaces/{visited.fill(path)}",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
            )
            for method, path, body in CALLS
        ]
        for act in ("preview", "accept"):
            url = f"{demo.service_url}api/v1/invitations/{act}"
            body = {"secret": visited.link.secret}
            answers.append(await http.post(url, json=body, headers={"Authorization": f"Bearer {token}"}))

    assert {(403, "not-a-person")} == {(answer.status_code, answer.json()["code"]) for answer in answers}


async def test_a_guest_makes_nobody_a_guest_but_of_what_is_their_own(demo: Demo, visited: Visited) -> None:
    own = await demo.create("bob", "Of bob")
    link = await invite(demo, "bob", own, role="viewer")
    accepted = await demo.api("dave", "POST", "invitations/accept", json={"secret": link.secret})

    assert (200, own) == (accepted.status_code, accepted.json()["workspace"])
    assert 404 == (await demo.api("dave", "GET", f"workspaces/{visited.place.id}")).status_code
