"""Sharing the server one is working in, as its users' guide tells it: invited by one link, two people work in alice's
notebook with her, and their access ends person by person, link by link, and with the server."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from browser.conftest import Arrive
from browser.person import START_MS, Person
from revocation.inviting import revoke_everything
from support.demo import Demo, running_demo

pytestmark = [pytest.mark.browser, pytest.mark.hub]

FILE = "together.ipynb"
#: What each types, and into which cell.
WORDS = {"alice": "from_alice", "bob": "from_bob", "carol": "from_carol"}
CELLS = {name: number for number, name in enumerate(WORDS)}
OUT = "Your access has been removed."
#: JupyterHub's button does nothing until its scripts, which come one after the other, have all run.
_STOP_LISTENS = "requirejs.defined('jquery') && requirejs('jquery')._data(document.getElementById('stop'), 'events')"


@pytest.mark.timeout(900)  # a demo, two sessions and three browsers, on whatever machine there is
async def test_the_whole_text(tmp_path: Path, arrive: Arrive) -> None:
    with running_demo(tmp_path / "state") as demo:
        alice, bob, carol = [await arrive(name, demo) for name in ("alice", "bob", "carol")]
        await _start(alice, demo)
        _leave_notebook(demo)
        window = await _open_menu(alice)
        link = await _create_link(window)

        await _accept(bob, link)
        await _authorize(bob)
        await carol.context.clear_cookies()  # she has to sign in, and comes back to the invitation
        await _accept(carol, link, signs_in=True)
        await _authorize(carol)
        await _see_who_accepted(window, "bob", "carol")

        await _edit_together(alice, bob, carol)
        await _see_one_another(alice, bob, carol)

        await _revoke_one(window, alice, bob, carol)
        await _revoke_all_users(window, alice, carol)
        await _links_still_work(window, bob, link)
        kept = await _revoke_links(window, bob, carol, link)

        await _stop(alice, bob)
        await _start(alice, demo)
        await _nobody_has_access(alice, bob, kept)


async def _start(alice: Person, demo: Demo) -> None:
    """From the Hub's control panel into JupyterLab."""
    await alice.page.goto(f"{demo.hub_url}hub/home")
    await alice.page.get_by_role("button", name="Start My Server").click()
    await alice.page.wait_for_url(re.compile("/lab"), timeout=START_MS)
    await alice.in_lab()
    await expect(alice.page.locator(".coterie-Chip")).to_have_text("Home of aliceCreator")


def _leave_notebook(demo: Demo) -> None:
    cells = [
        {"cell_type": "code", "id": name, "metadata": {}, "source": "", "execution_count": None, "outputs": []}
        for name in WORDS
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}
    demo.put(f"{demo.hub_url}user/alice/", FILE, json.dumps(notebook))


async def _open_menu(alice: Person) -> Page:
    """The window that JupyterLab's menu opens."""
    window = await alice.opens(alice.choose("User sharing", "Open user sharing menu"))
    window.on("pageerror", lambda error: alice.errors.append(str(error)))
    await expect(window.get_by_role("heading", name="Invitations")).to_be_visible()
    await expect(window.get_by_role("list", name="People who accepted")).to_contain_text("Nobody yet.")
    return window


async def _create_link(window: Page) -> str:
    """As it is offered: for Editors, for an hour, for any number of people."""
    await expect(window.locator("#invite-role")).to_have_value("editor")
    await expect(window.locator("#invite-expires")).to_have_value("3600")
    await window.get_by_role("button", name="Create invitation link").click()
    shown = window.locator("#invite-link")
    await expect(shown).to_have_value(re.compile(r"/invite/#[\w-]{22,}$"))
    remaining = window.locator("#links time[data-remaining]")
    assert 3590 <= int(await remaining.get_attribute("data-remaining") or "") <= 3600
    before = await remaining.inner_text()
    await expect(remaining).not_to_have_text(before)
    await window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await window.get_by_role("button", name="Copy link").click()
    copied = await window.evaluate("navigator.clipboard.readText()")
    assert copied == await shown.input_value()
    return str(copied)


async def _accept(person: Person, link: str, *, signs_in: bool = False, role: str = "Editor") -> None:
    """The invitation says what it is, and is accepted."""
    await person.page.goto("about:blank")
    await person.page.goto(link)
    if signs_in:
        await person.page.get_by_role("link", name="Sign in").or_(person.page.get_by_label("Username")).first.click()
        await person.page.get_by_label("Username").fill(person.name)
        await person.page.get_by_label("Password").fill("coterie")
        await person.page.get_by_role("button", name="Sign in").click()
    offer = person.page.locator("#offer")
    await expect(offer).to_contain_text("alice invites you")
    await expect(offer).to_contain_text("Home of alice")
    await expect(offer).to_contain_text(role)
    await expect(person.page.get_by_role("button", name="Decline")).to_be_visible()
    assert link.partition("#")[2] not in person.page.url
    await person.page.get_by_role("button", name="Accept").click()


async def _authorize(person: Person) -> None:
    """JupyterHub's own page, and then JupyterLab."""
    button = person.page.get_by_role("button", name="Authorize")
    await expect(button).to_be_visible(timeout=START_MS)
    await button.click()
    await person.in_lab()
    await expect(person.page.locator(".coterie-Chip")).to_have_text("Home of aliceEditor")


def _guests(window: Page) -> Locator:
    return window.get_by_role("list", name="People who accepted").get_by_role("listitem")


def _guest(window: Page, name: str) -> Locator:
    return _guests(window).filter(has=window.locator(".name").get_by_text(name, exact=True))


async def _see_who_accepted(window: Page, *names: str) -> None:
    """The window shows who came and when, by itself, and when it is asked to."""
    for _ in range(2):
        await expect(_guests(window)).to_have_count(len(names))
        for name in names:
            accepted = _guest(window, name)
            await expect(accepted).to_contain_text("accepted")
            when = datetime.fromisoformat(await accepted.locator("time").first.get_attribute("datetime") or "")
            assert timedelta(0) <= datetime.now(UTC) - when < timedelta(minutes=10)
        await window.get_by_role("button", name="Refresh").click()


async def _edit_together(alice: Person, bob: Person, carol: Person) -> None:
    """Each types into a cell of one notebook; the others see it while it is typed."""
    people = (alice, bob, carol)
    for person in people:
        await person.open_file(FILE)
    for person in people:
        typed = ""
        await person.editor(CELLS[person.name]).click()
        for part in (WORDS[person.name][:6], WORDS[person.name][6:]):
            await person.page.keyboard.type(part)
            typed += part
            for watcher in people:
                await expect(watcher.editor(CELLS[person.name])).to_contain_text(typed)
    for writer in people:
        for watcher in people:
            if watcher is not writer:
                await expect(watcher.cell(CELLS[writer.name]).locator(".jp-remote-cursor")).to_be_attached()
                flags = watcher.page.locator(".jp-remote-userFlag-name")
                await expect(flags.filter(has_text=writer.name.title())).to_have_count(1)


async def _see_one_another(alice: Person, bob: Person, carol: Person) -> None:
    """One's own initials at the top right, and everybody's in the panel on the left."""
    people = (alice, bob, carol)
    for person in people:
        await expect(_own_initials(person)).to_have_text(person.name[0].upper())
        box = await _own_initials(person).bounding_box()
        assert box is not None
        assert (box["x"] > 1280 / 2, box["y"] < 60) == (True, True)
        panel = await _panel(person)
        for other in people:
            row = _row(panel, other.name.title())
            await expect(row.locator(".coterie-Initials")).to_have_text(other.name[0].upper())
            await expect(row).to_contain_text("Creator" if other is alice else "Editor")
            await expect(row).to_contain_text(FILE)
        await expect(_row(panel, person.name.title())).to_contain_text("(you)")


def _own_initials(person: Person) -> Locator:
    return person.page.locator("#jp-top-panel .jp-MenuBar-anonymousIcon, #jp-top-panel .jp-UserMenu .jp-MenuBar-label")


async def _panel(person: Person) -> Locator:
    tab = person.page.get_by_role("tab", name="People here")
    if await tab.get_attribute("aria-selected") != "true":
        await tab.click()
    return person.page.locator("#coterie-people")


def _row(panel: Locator, name: str) -> Locator:
    people = panel.get_by_role("list", name="People here").locator("> li")
    return people.filter(has=panel.page.locator(".coterie-Person-name").get_by_text(name, exact=True))


async def _is_out(person: Person, why: str = OUT) -> None:
    overlay = person.page.get_by_role("alertdialog")
    await expect(overlay).to_contain_text(why)
    await expect(person.page.locator(".jp-Notebook")).to_have_count(0)


async def _revoke_one(window: Page, alice: Person, bob: Person, carol: Person) -> None:
    """Bob is out at once, and carol writes on as if nothing were."""
    await carol.editor(CELLS["carol"]).click()
    await carol.page.keyboard.press("End")
    await carol.page.keyboard.type(" + before")
    await window.get_by_role("button", name="Revoke bob", exact=True).click()
    await carol.page.keyboard.type(" + after")

    await _is_out(bob)
    await expect(alice.editor(CELLS["carol"])).to_contain_text("before + after")
    await expect(_guest(window, "bob")).to_have_count(0)
    await expect(_guest(window, "carol")).to_be_visible()
    await expect(window.locator("#notice")).to_contain_text("Links that they know still work.")
    await expect(_row(await _panel(alice), "Bob")).to_have_count(0)
    assert [] == carol.popups
    await bob.page.reload()
    await expect(bob.page.get_by_role("heading").first).not_to_have_text("JupyterLab")
    await expect(bob.page.locator(".jp-Notebook")).to_have_count(0)


async def _revoke_all_users(window: Page, alice: Person, carol: Person) -> None:
    await window.get_by_role("button", name="Revoke All users").click()
    await _is_out(carol)
    await expect(window.get_by_role("list", name="People who accepted")).to_contain_text("Nobody yet.")
    await expect(_row(await _panel(alice), "Carol")).to_have_count(0)
    # What she wrote stays, and alice goes on.
    await expect(alice.editor(CELLS["carol"])).to_contain_text("before + after")


async def _links_still_work(window: Page, bob: Person, link: str) -> None:
    """Whoever was revoked comes in again by the link that was not: nobody has to authorize twice."""
    await _accept(bob, link)
    button = bob.page.get_by_role("button", name="Authorize")
    await expect(button.or_(bob.page.locator(".coterie-Chip")).first).to_be_visible(timeout=START_MS)
    if await button.count():
        await button.click()
    await bob.in_lab()
    await expect(_guest(window, "bob")).to_be_visible()


async def _revoke_links(window: Page, bob: Person, carol: Person, link: str) -> str:
    """The link brings nobody else in, and bob stays. Answers another link, which is not revoked."""
    await window.get_by_role("button", name="Revoke all share links").first.click()
    await expect(window.locator("#links")).to_contain_text("No link works now.")
    await carol.page.goto(link)
    await expect(carol.page.locator("#offer")).to_contain_text("Revoked")
    await expect(carol.page.get_by_role("button", name="Accept")).to_have_count(0)
    await expect(bob.page.locator(".coterie-Chip")).to_have_text("Home of aliceEditor")
    await expect(bob.page.get_by_role("alertdialog")).to_have_count(0)
    return await _create_link(window)


async def _stop(alice: Person, bob: Person) -> None:
    """Through File, Hub Control Panel, Stop My Server."""
    panel = await alice.opens(alice.choose("File", "Hub Control Panel"))
    await panel.wait_for_function(_STOP_LISTENS)
    await panel.get_by_role("button", name="Stop My Server").click()
    await expect(panel.get_by_role("button", name="Start My Server")).to_be_visible(timeout=START_MS)
    await panel.close()
    await bob.page.reload()
    await expect(bob.page.locator(".jp-Notebook, .coterie-Chip")).to_have_count(0)


async def _nobody_has_access(alice: Person, bob: Person, kept: str) -> None:
    """In the new session the list is empty, until the link that still works is used again."""
    window = await _open_menu(alice)
    await expect(window.locator("#links").get_by_role("listitem")).to_have_count(1)
    home = alice.page.url.partition("/lab")[0]
    for path in ("lab", "api/contents"):
        answer = await bob.page.goto(f"{home}/{path}")
        assert answer is not None
        assert answer.status in (403, 404)
    await _accept(bob, kept)
    button = bob.page.get_by_role("button", name="Authorize")
    await expect(button.or_(bob.page.locator(".coterie-Chip")).first).to_be_visible(timeout=START_MS)
    if await button.count():
        await button.click()
    await bob.in_lab()
    await bob.open_file(FILE)
    await expect(bob.editor(CELLS["carol"])).to_contain_text("before + after")
    await _see_who_accepted(window, "bob")


async def test_a_browser_whose_clock_is_wrong_neither_loses_nor_keeps_an_invitation(demo: Demo, arrive: Arrive) -> None:
    """What a page shows of the time that is left is a courtesy; what counts is the service's clock."""
    await demo.open("alice", "~alice")
    await revoke_everything(demo, "alice", "~alice")
    made = (await demo.api("alice", "POST", "workspaces/~alice/invitations", json={})).json()
    for name, days in (("bob", 400), ("carol", -400)):
        person = await arrive(name, demo)
        await person.page.clock.set_fixed_time(datetime.now(UTC) + timedelta(days=days))
        await person.page.goto(made["url"])
        await expect(person.page.locator("#offer")).to_contain_text("alice invites you")
        if name == "carol":
            # Her page was open when the link was revoked, and by her clock it works for a year to come.
            assert (await demo.api("alice", "DELETE", "workspaces/~alice/invitations")).is_success
            await person.page.get_by_role("button", name="Accept").click()
            await expect(person.page.locator("#offer")).to_contain_text("Revoked")
        else:
            await person.page.get_by_role("button", name="Accept").click()
            await expect(person.page.get_by_role("button", name="Authorize")).to_be_visible(timeout=START_MS)
    guests = (await demo.api("alice", "GET", "workspaces/~alice/guests")).json()["items"]

    assert ["bob"] == [guest["name"] for guest in guests]
    await revoke_everything(demo, "alice", "~alice")
