"""The secret of an invitation, however it is sent, by whom and with what mistakes: looked for in all that is written
down anywhere, and in what other processes of the machine can see of the demo's."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, expect

from browser.person import START_MS, Person
from coterie.cli.demo.processes import descendants
from coterie.cli.demo.web import loopback_client
from revocation.holding import Place
from revocation.inviting import Link, accept, at_home, come_in, invite, preview, revoke_everything, with_people
from support.demo import Demo

pytestmark = [pytest.mark.hub, pytest.mark.browser]

#: What of a secret would give it away: a log that cuts it off has this much of it.
_TELLING = 16


@pytest.fixture(scope="module")
async def links(demo: Demo, browser: Browser) -> list[Link]:
    """Links that were sent in every way that there is."""
    # Of whoever makes so many mistakes no more is taken for a while.
    async with at_home(demo) as place, with_people(demo, 1) as (peopled, (clumsy,)):
        return await _send_everywhere(peopled, browser, place, clumsy)


async def _send_everywhere(demo: Demo, browser: Browser, place: Place, clumsy: str) -> list[Link]:
    made = [await invite(demo, "alice", place.id, max_uses=9) for _ in range(3)]
    first, second, third = made
    for who in ("alice", "bob", "carol"):
        await preview(demo, who, first)
        await accept(demo, who, first)
    await come_in(demo, "bob", place, second)
    assert (await demo.api("alice", "DELETE", "workspaces/~alice/guests/carol?block=true")).is_success
    await accept(demo, "carol", second)
    for body, kind in _mistakes(third.secret):
        for where in ("api/v1/invitations/preview", "api/v1/invitations/accept", "invite/preview", "invite/accept"):
            for who in (clumsy, None):
                headers = {"Content-Type": kind, "X-CSRF-Token": "x", "Sec-Fetch-Site": "same-origin"}
                await demo.server(who, "POST", f"{demo.service_url}{where}", content=body, headers=headers)
    await _by_hand(demo)
    made += await _in_a_browser(demo, browser)
    assert 204 == (await demo.api("alice", "DELETE", f"workspaces/~alice/invitations/{second.id}")).status_code
    await accept(demo, "erin", second)
    await revoke_everything(demo, "alice", place.id)
    for link in made:
        await accept(demo, clumsy, link)
    return made


def _mistakes(secret: str) -> Iterator[tuple[bytes, str]]:
    """Bodies with the secret in them that are not what they should be, and their kinds."""
    as_json, as_form = "application/json", "application/x-www-form-urlencoded"
    right = json.dumps({"secret": secret})
    for text in (
        right,
        right[:-1],
        right + "}",
        json.dumps({"secret": [secret]}),
        json.dumps({"secret": {secret: secret}}),
        json.dumps({secret: secret}),
        json.dumps({"secret": secret, secret: 1}),
        json.dumps({"secret": secret, "role": secret}),
        json.dumps({"secret": secret * 9}),
        json.dumps({"secret": secret + "\0\ud800"}),
        json.dumps(secret),
        secret,
    ):
        yield text.encode(), as_json
        yield text.encode(), "text/plain"
    yield json.dumps({"secret": secret}).encode("utf-16"), as_json
    yield b'{"secret": "' + secret.encode() + b'\xff"}', as_json
    yield urlencode({"secret": secret}).encode(), as_form
    yield urlencode({"secret": secret, "csrf": secret}).encode(), as_form
    yield urlencode({secret: secret}).encode(), as_form
    yield (
        f'--{secret}\r\nContent-Disposition: form-data; name="secret"\r\n\r\n{secret}\r\n'.encode(),
        (f"multipart/form-data; boundary={secret}"),
    )


async def _by_hand(demo: Demo) -> None:
    """What makes the service, the Hub and a server say something about all else."""
    async with loopback_client() as http:
        for url in (demo.service_url, demo.hub_url):
            await http.get(f"{url}invite/")
    await demo.api("admin", "GET", "audit")
    await demo.api("alice", "GET", "workspaces/~alice/audit")
    await demo.api("alice", "GET", "workspaces/~alice/invitations")
    await demo.api("alice", "GET", "workspaces/~alice/guests")


async def _in_a_browser(demo: Demo, browser: Browser) -> list[Link]:
    """Alice makes a link in her window, and bob, who signs in for it, accepts: the links that she saw."""
    link = await invite(demo, "alice", "~alice")
    alice = await Person.arrive(browser, "alice", demo.hub_url, demo.service_url)
    await alice.page.goto(f"{demo.service_url}w/~alice/share#invitations")
    await alice.page.get_by_role("button", name="Create invitation link").click()
    shown = alice.page.locator("#invite-link")
    await expect(shown).not_to_have_value("")
    in_window = Link("", await shown.input_value())
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(in_window.url)
    await page.get_by_text("Sign in").first.click()
    await page.get_by_label("Username").fill("erin")
    await page.get_by_label("Password").fill("coterie")
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Accept").click()
    # The home, or the Hub, which asks first whether to go there.
    await page.wait_for_url(re.compile(r"user[-/]alice"), timeout=START_MS, wait_until="commit")
    await page.goto(link.url)
    await expect(page.get_by_role("button", name="Accept")).to_be_visible()
    await page.get_by_role("button", name="Decline").click()
    await context.close()
    await alice.context.close()
    return [link, in_window]


def _telling(links: list[Link]) -> list[bytes]:
    """All that would give one of the secrets away, forward and as other encodings write it."""
    parts = [link.secret[at : at + _TELLING] for link in links for at in (0, len(link.secret) - _TELLING)]
    return [part.encode(code) for part in parts for code in ("ascii", "utf-16-le")]


def test_no_file_has_it(demo: Demo, links: list[Link]) -> None:
    """Logs, databases and their journals, what the demo printed, what servers keep, everything."""
    contents = {}
    for folder, _, names in os.walk(demo.state.parent):  # which passes over what is gone when its turn comes
        for file in (Path(folder, name) for name in names):
            with suppress(FileNotFoundError):  # servers run, and may remove what is theirs
                if file.is_file() and not file.is_symlink():
                    contents[file] = file.read_bytes()
    telling = _telling(links)

    assert {"demo.log", "coterie.sqlite", "jupyterhub.sqlite", "state.out"} <= {file.name for file in contents}
    assert [] == [file for file, content in contents.items() if any(part in content for part in telling)]
    # The same look does find what is there: the digests, and nothing else of a link.
    database = b"".join(content for file, content in contents.items() if file.name.startswith("coterie.sqlite"))
    assert all(sha256(link.secret.encode()).hexdigest().encode() in database for link in links)


def test_the_database_has_digests_alone(demo: Demo, links: list[Link]) -> None:
    with sqlite3.connect(demo.state / "coterie.sqlite") as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {table: database.execute(f'SELECT * FROM "{table}"').fetchall() for table in tables}
        kept = {digest for (digest,) in database.execute("SELECT digest FROM invitations")}
    database.close()
    digests = {sha256(link.secret.encode()).hexdigest() for link in links}
    others = str([rows[table] for table in tables if table != "invitations"])

    assert digests <= kept
    assert not any(link.secret[:_TELLING] in str(rows) for link in links)
    assert not any(digest in others for digest in digests)


def test_no_command_line_and_no_environment_has_it(demo: Demo, links: list[Link]) -> None:
    processes = {demo.process.pid, *descendants(demo.process.pid)}
    seen = {}
    for process in processes:
        for name in ("cmdline", "environ"):
            try:
                seen[process, name] = Path(f"/proc/{process}/{name}").read_bytes()
            except OSError:
                continue  # ended, or shut off: then from whoever else might look, too
    telling = _telling(links)

    assert len(processes) >= 5
    assert any(b"coterie" in content for content in seen.values())
    assert [] == [place for place, content in seen.items() if any(part in content for part in telling)]


async def test_no_answer_but_the_first_shows_it(demo: Demo, links: list[Link]) -> None:
    """Nobody can ask for it again: not its maker, not an administrator, not by the history."""
    answers = [
        await demo.api(who, "GET", path)
        for who in ("alice", "admin")
        for path in ("workspaces/~alice/invitations", "workspaces/~alice/guests", "workspaces/~alice/audit", "audit")
    ]

    assert not any(link.secret[:_TELLING] in answer.text for link in links for answer in answers)
    digests = [sha256(link.secret.encode()).hexdigest() for link in links]
    assert not any(digest in answer.text for digest in digests for answer in answers)
