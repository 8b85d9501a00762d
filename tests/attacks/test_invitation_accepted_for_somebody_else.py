"""A page elsewhere makes whoever looks at it accept an invitation: with their cookies, which travel along from every
workspace's page, because all are of one site."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import Request, Response

from attacks.signing_in import Browser
from browser.person import Person
from coterie.cli.demo.web import loopback_client
from revocation.holding import Place
from revocation.inviting import Link, at_home, guests_of, invite, revoke_everything
from support.demo import Demo

pytestmark = pytest.mark.hub

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Victim:
    """Bob, signed in at the service in his browser."""

    cookies: str
    csrf: str

    async def post(self, url: str, body: str, kind: str, headers: dict[str, str]) -> httpx.Response:
        """Send what a page could have his browser send."""
        async with loopback_client() as http:
            sent = {"Cookie": self.cookies, "Content-Type": kind, **headers}
            return await http.post(url, content=body.encode(), headers=sent)


async def _signed_in(demo: Demo, who: str) -> Victim:
    async with loopback_client() as http:
        browser = Browser(http)
        page = await browser.sign_in(who, demo.service_url)
        found = re.search(r'<meta name="csrf" content="([^"]+)">', page.text)
        assert found is not None, page.text[:2000]
        return Victim(browser.cookies_for(demo.service_url), found[1])


@pytest.fixture(scope="module")
async def victim(demo: Demo) -> Victim:
    return await _signed_in(demo, "bob")


@pytest.fixture(scope="module")
async def home(demo: Demo) -> AsyncIterator[Place]:
    async with at_home(demo) as place:
        yield place


@pytest.fixture
async def link(demo: Demo, home: Place) -> AsyncIterator[Link]:
    yield await invite(demo, "alice", home.id)
    await revoke_everything(demo, "alice", home.id)


async def test_no_forged_request_accepts(demo: Demo, home: Place, link: Link, victim: Victim) -> None:
    others = (await _signed_in(demo, "dave")).csrf
    hosts = urlsplit(home.url)
    strange: list[dict[str, str]] = [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": ""},
        {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": others},
        {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": victim.csrf[:-1]},
        {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": victim.cookies.partition("=")[2]},
        *(
            {"Sec-Fetch-Site": site, "X-CSRF-Token": victim.csrf}
            for site in ("same-site", "cross-site", "none", "", "Same-Origin", "same-origin, same-site")
        ),
        *(
            {"Origin": origin, "X-CSRF-Token": victim.csrf}
            for origin in (f"http://{hosts.netloc}", "null", "", "http://evil.example", demo.hub_url.rstrip("/"))
        ),
        {"X-CSRF-Token": victim.csrf},
        {"Sec-Fetch-Site": "same-site", "Origin": f"http://{hosts.netloc}", "X-HTTP-Method-Override": "GET"},
    ]
    answers = []
    for headers in strange:
        for where in ("accept", "preview"):
            secret = json.dumps({"secret": link.secret})
            for kind in ("application/json", "text/plain", FORM, "multipart/form-data; boundary=b"):
                url = f"{demo.service_url}api/v1/invitations/{where}"
                answers.append(await victim.post(url, secret, kind, headers))
            for form in ({}, {"csrf": ""}, {"csrf": others}):
                body = urlencode({"secret": link.secret, **form})
                for kind in (FORM, "text/plain"):
                    # A header that is right where it is sent counts for the page as well.
                    answers.append(await victim.post(f"{demo.service_url}invite/{where}", body, kind, headers))

    assert {403} == {answer.status_code for answer in answers}
    assert not any(link.secret in answer.text for answer in answers)
    assert [] == await guests_of(demo, "alice", home.id)


async def test_reading_an_address_accepts_nothing(demo: Demo, home: Place, link: Link, victim: Victim) -> None:
    headers = {"Cookie": victim.cookies, "Sec-Fetch-Site": "same-origin", "X-CSRF-Token": victim.csrf}
    async with loopback_client() as http:
        for path in ("invite/accept", "invite/preview", "api/v1/invitations/accept", "api/v1/invitations/preview"):
            for method in ("GET", "HEAD", "OPTIONS", "PUT"):
                answer = await http.request(method, f"{demo.service_url}{path}?secret={link.secret}", headers=headers)
                assert 400 <= answer.status_code < 500

    assert [] == await guests_of(demo, "alice", home.id)


async def test_the_same_requests_of_a_page_of_the_services_own_accept(
    demo: Demo, home: Place, link: Link, victim: Victim
) -> None:
    """What the forged ones lack is all that keeps them from it."""
    own = {"Sec-Fetch-Site": "same-origin"}
    body = urlencode({"secret": link.secret, "csrf": victim.csrf})
    by_page = await victim.post(f"{demo.service_url}invite/accept", body, FORM, own)
    assert (204, ["bob"]) == (by_page.status_code, await guests_of(demo, "alice", home.id))
    assert (await demo.api("alice", "DELETE", f"workspaces/{home.id}/guests/bob")).is_success

    body = json.dumps({"secret": link.secret})
    by_api = await victim.post(
        f"{demo.service_url}api/v1/invitations/accept", body, "application/json", {**own, "X-CSRF-Token": victim.csrf}
    )
    assert (200, ["bob"]) == (by_api.status_code, await guests_of(demo, "alice", home.id))


#: Everything that a page can do with the browser of whoever looks at it. Answers what could be read of it.
_TRY = """
async ({ service, secret }) => {
  const read = [];
  const attempt = async (path, init) => {
    try {
      const answer = await fetch(service + path, { method: 'POST', credentials: 'include', ...init });
      read.push(await answer.text());
    } catch { /* the browser refuses to let it be read */ }
  };
  const json = JSON.stringify({ secret });
  const form = new URLSearchParams({ secret, csrf: '' });
  await attempt('invite/accept', { mode: 'no-cors', body: form });
  await attempt('invite/accept', { mode: 'cors', body: form });
  await attempt('invite/accept', { mode: 'cors', body: form, headers: { 'X-CSRF-Token': 'x' } });
  await attempt('api/v1/invitations/accept', { mode: 'no-cors', body: json });
  const declared = { 'Content-Type': 'application/json' };
  await attempt('api/v1/invitations/accept', { mode: 'cors', body: json, headers: declared });
  await attempt('', { mode: 'cors', method: 'GET' });
  await attempt('invite/', { mode: 'no-cors', method: 'GET' });
  navigator.sendBeacon(service + 'api/v1/invitations/accept', json);

  const send = (target) => {
    const made = document.createElement('form');
    made.method = 'post';
    made.action = service + 'invite/accept';
    made.target = target;
    const field = document.createElement('input');
    field.name = 'secret';
    field.value = secret;
    made.append(field);
    document.body.append(made);
    made.submit();
  };
  const loaded = (frame) => new Promise((resolve) => { frame.onload = resolve; setTimeout(resolve, 3000); });
  for (const source of ['about:blank', service + 'invite/#' + secret]) {
    const frame = document.createElement('iframe');
    frame.name = 'covered' + read.length;
    frame.src = source;
    const there = loaded(frame);
    document.body.append(frame);
    await there;
    const sent = loaded(frame);
    if (source === 'about:blank') { send(frame.name); await sent; }
    try { read.push(frame.contentDocument ? frame.contentDocument.body.innerText : ''); } catch { /* not readable */ }
  }
  return read;
}
"""


@pytest.mark.browser
async def test_no_page_of_a_server_makes_a_real_browser_accept(
    demo: Demo, browser: Chromium, home: Place, link: Link
) -> None:
    """Bob looks at a page of a workspace, of which its Editors choose what runs in it."""
    workspace = await demo.create("alice", "A trap")
    await demo.grant("alice", workspace, "bob", "viewer")
    url = await demo.open("bob", workspace)
    sent: list[Request] = []
    answered: list[int] = []

    def note_request(request: Request) -> None:
        if request.method == "POST" and "/accept" in request.url:
            sent.append(request)

    def note_answer(answer: Response) -> None:
        if answer.request in sent:
            answered.append(answer.status)

    bob = await Person.arrive(browser, "bob", demo.hub_url, demo.service_url)
    bob.context.on("request", note_request)
    bob.context.on("response", note_answer)
    await bob.page.goto(f"{url}lab")
    await bob.in_lab()
    read: list[Any] = await bob.page.evaluate(_TRY, {"service": demo.service_url, "secret": link.secret})
    frames = [frame for frame in bob.page.frames if "/invite/" in frame.url]
    shown = [await frame.get_by_role("button", name="Accept").count() for frame in frames]
    await bob.context.close()

    # They went out, with his cookies, and what was answered at all was a refusal.
    assert len(sent) >= 6
    assert {403} == set(answered)
    assert [""] * len(read) == [str(text).strip() for text in read]
    assert not any(shown)
    assert [] == await guests_of(demo, "alice", home.id)
