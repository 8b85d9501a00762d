"""The main job, end to end: create a workspace, share it by role, work in it together, take access away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from browser.conftest import Arrive
from browser.materials import PACKAGE, make_notebook, make_wheel
from browser.person import START_MS, Person
from support.demo import running_demo

pytestmark = [pytest.mark.browser, pytest.mark.hub]

NAME = "Seabirds"
FILE = "seabirds.ipynb"
SAID = "from carol"


@pytest.mark.timeout(600)  # two demos and three browsers, on whatever machine there is
async def test_the_main_job(tmp_path: Path, arrive: Arrive, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    make_wheel(wheels)
    make_notebook(tmp_path / FILE, wheels)
    # Servers may read where this machine's pip is told to look, and nothing else of it.
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    with running_demo(tmp_path / "state") as demo:
        alice = await arrive("alice", demo)
        await _create_and_open(alice)
        await _upload_and_run(alice, tmp_path / FILE)
        share = await _share(alice)
        bob, carol = await arrive("bob", demo), await arrive("carol", demo)
        for person, role in ((bob, "Viewer"), (carol, "Editor")):
            await expect(person.workspace(NAME).get_by_text(role)).to_be_visible()
            await person.open(NAME)
            await person.open_file(FILE)
        await _work_together(alice, bob, carol)
        await _watch_calmly(bob)
        await _revoke(share, alice, bob, carol)

    with running_demo(tmp_path / "state") as demo:
        carol = await arrive("carol", demo)
        await _find_everything_again(carol)


async def _create_and_open(alice: Person) -> None:
    await expect(alice.workspace("Penguins")).to_be_visible()
    await alice.page.get_by_label("New workspace").fill(NAME)
    await alice.page.get_by_role("button", name="Create").click()
    await alice.workspace(NAME).get_by_role("link", name="Open").click()

    steps = alice.page.get_by_role("list", name="Steps").get_by_role("listitem")
    await expect(steps).to_contain_text(["Starting the server"])
    await expect(alice.page.get_by_role("progressbar", name="Opening")).to_have_attribute("value", "54")
    await alice.in_lab()
    await expect(alice.page.locator(".coterie-Chip")).to_have_text(f"{NAME}Creator")


async def _upload_and_run(alice: Person, notebook: Path) -> None:
    async with alice.page.expect_file_chooser() as choosing:
        await alice.page.locator('#filebrowser [data-jp-item-name="uploader"]').click()
    await (await choosing.value).set_files(notebook)
    await alice.open_file(FILE)
    await alice.kernel_is_idle()
    await alice.choose("Run", "Run All Cells")

    plot = alice.output(2).get_by_role("img")
    await expect(plot).to_be_visible(timeout=START_MS)
    assert 240 == await plot.evaluate("(image) => image.naturalWidth")


async def _share(alice: Person) -> Page:
    """From JupyterLab's top bar Bob becomes Viewer, and from the workspaces page Carol Editor. The first window."""
    first = await alice.opens(alice.page.locator("#jp-top-panel").get_by_role("button", name="Share").click())
    field = first.get_by_role("combobox", name="Add people, groups or rights")
    await field.press_sequentially("bo")
    await expect(first.get_by_role("option", name="bob User")).to_be_visible()
    await field.press("ArrowDown")
    await field.press("Enter")
    await field.press("Enter")
    await expect(first.locator("#notice")).to_have_text("bob is now Viewer.")

    listing = await alice.context.new_page()
    await listing.goto(first.url.rpartition("w/")[0])
    row = listing.get_by_role("listitem").filter(has_text=NAME)
    await expect(row).to_contain_text("Running")
    second = await alice.opens(row.get_by_role("link", name="Share").click())
    await second.get_by_role("combobox", name="Add people, groups or rights").press_sequentially("carol")
    await second.get_by_role("option", name="carol User").click()
    await second.get_by_label("Role", exact=True).select_option("Editor")
    await second.get_by_role("button", name="Share", exact=True).click()
    await expect(second.get_by_label("Role of carol")).to_have_value("editor")
    await second.close()
    await listing.close()
    return first


async def _work_together(alice: Person, bob: Person, carol: Person) -> None:
    await expect(carol.output(2).get_by_role("img")).to_be_visible()
    await carol.add_cell_below(2)
    typed = ""
    for word in (f"import {PACKAGE}; ", f"print('{SAID}', ", f"len({PACKAGE}.bars(1, 2)"):
        await carol.page.keyboard.type(word)
        typed += word
        for watcher in (alice, bob):
            await expect(watcher.editor(3)).to_contain_text(typed.strip())
    await expect(alice.cell(3).locator(".jp-remote-cursor")).to_be_attached()
    await expect(alice.page.locator(".jp-remote-userFlag-name")).to_contain_text("Carol")
    await carol.page.keyboard.press("ControlOrMeta+a")
    await carol.page.keyboard.type(f"import {PACKAGE}; print('{SAID}', {PACKAGE}.__name__)")
    await carol.kernel_is_idle()
    await carol.page.keyboard.press("Shift+Enter")

    for person in (alice, bob, carol):
        await expect(person.output(3)).to_have_text(f"{SAID} {PACKAGE}")
        await expect(person.output(2).get_by_role("img")).to_be_visible()


async def _watch_calmly(bob: Person) -> None:
    """Bob sees no way to change anything, what he tries has no effect, and nothing comes up."""
    toolbar = bob.page.locator(".jp-NotebookPanel-toolbar")
    for item in ("save", "insert", "cut", "paste", "run", "interrupt", "restart", "cellType"):
        await expect(toolbar.locator(f'[data-jp-item-name="{item}"]:visible')).to_have_count(0)
    for menu in ("Run", "Kernel"):
        await expect(bob.page.locator(".lm-MenuBar-item").get_by_text(menu, exact=True)).to_have_count(0)

    await expect(bob.cell(3).locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]"))
    before = await bob.page.locator(".jp-Notebook").inner_text()
    await expect(bob.editor(1)).to_have_attribute("contenteditable", "false")
    await bob.editor(1).click()
    for key in ("x", "Enter", "Shift+Enter", "Escape", "a", "d", "d", "ControlOrMeta+s"):
        await bob.page.keyboard.press(key)
    # JupyterLab asks the server for its lists every ten seconds, and would show what it is refused.
    async with bob.page.expect_response(lambda answer: "/api/contents" in answer.url, timeout=30_000):
        pass
    assert before == await bob.page.locator(".jp-Notebook").inner_text()
    assert ([], []) == (bob.popups, bob.errors)


async def _revoke(share: Page, alice: Person, bob: Person, carol: Person) -> None:
    await carol.editor(4).click()
    await carol.page.keyboard.type("# before ")
    await expect(alice.editor(4)).to_contain_text("# before")
    await share.get_by_role("button", name="Remove bob").click()
    await carol.page.keyboard.type("and after")

    overlay = bob.page.get_by_role("alertdialog")
    await expect(overlay).to_contain_text("Your access has been removed.")
    await expect(bob.page.locator("body > :not(style):not(link)")).to_have_count(1)
    await expect(alice.editor(4)).to_contain_text("# before and after")
    assert [] == carol.popups

    await bob.page.reload()
    await expect(bob.page.get_by_role("heading")).to_have_text("No such workspace")
    await bob.page.get_by_role("link", name="Go to your workspaces").click()
    await expect(bob.page.get_by_text("No workspaces yet.")).to_be_visible()


async def _find_everything_again(carol: Person) -> None:
    await expect(carol.workspace(NAME)).to_contain_text("Stopped")
    await expect(carol.workspace(NAME).get_by_text("Editor")).to_be_visible()
    await carol.open(NAME)
    await carol.open_file(FILE)
    await expect(carol.editor(4)).to_have_text("# before and after")
    await carol.kernel_is_idle()
    await carol.cell(3).locator(".jp-InputPrompt").click()
    await carol.choose("Edit", "Clear Cell Output")
    await expect(carol.output(3)).to_have_count(0)
    await carol.page.keyboard.press("Shift+Enter")
    await expect(carol.output(3)).to_have_text(f"{SAID} {PACKAGE}")
