"""Somebody in front of a browser of their own."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

#: What a slow machine may take to start a server and load JupyterLab.
START_MS = 90_000

#: Reports every dialog and notification of a page, however short it is there.
_WATCH = """
const kinds = '.jp-Dialog, .Toastify__toast';
new MutationObserver((records) => {
  for (const { addedNodes } of records) {
    for (const node of addedNodes) {
      if (node instanceof Element) {
        const found = node.matches(kinds) ? node : node.querySelector(kinds);
        if (found) window.reportPopup(found.innerText);
      }
    }
  }
}).observe(document, { childList: true, subtree: true });
"""


@dataclass
class Person:
    """One browser context with one page. ``popups`` and ``errors`` are all that came up or broke on it so far."""

    name: str
    context: BrowserContext
    page: Page
    popups: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @classmethod
    async def arrive(cls, browser: Browser, name: str, hub_url: str, service_url: str) -> Person:
        """Sign in at the Hub's address; where one lands are one's workspaces."""
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        person = cls(name, context, await context.new_page())
        await context.expose_binding("reportPopup", lambda _source, text: person.popups.append(text))
        await context.add_init_script(_WATCH)
        person.page.on("pageerror", lambda error: person.errors.append(str(error)))
        await person.page.goto(hub_url)
        await person.page.get_by_label("Username").fill(name)
        await person.page.get_by_label("Password").fill("coterie")
        await person.page.get_by_role("button", name="Sign in").click()
        await person.page.wait_for_url(service_url)
        return person

    def workspace(self, name: str) -> Locator:
        """The row of a workspace in the list."""
        row = self.page.locator("#workspaces").get_by_role("listitem")
        return row.filter(has=self.page.get_by_role("link", name=name, exact=True))

    async def open(self, name: str) -> None:
        """From the list into JupyterLab."""
        await self.workspace(name).get_by_role("link", name="Open").click()
        await self.in_lab()

    async def in_lab(self) -> None:
        """Wait until JupyterLab shows the workspace's files."""
        await expect(self.page.locator(".coterie-Chip")).to_be_visible(timeout=START_MS)
        await expect(self.page.locator("#jupyterlab-splash")).to_have_count(0, timeout=START_MS)

    async def open_file(self, name: str) -> None:
        """Open a file of the list on the left, unless it is open already, and wait for its notebook."""
        if await self.page.locator(".lm-DockPanel .lm-TabBar-tab").filter(has_text=name).count() == 0:
            await self.file(name).dblclick()
        await expect(self.cell(0)).to_be_visible(timeout=START_MS)

    async def kernel_is_idle(self) -> None:
        """Wait for a kernel that is there and has nothing to do. What is run earlier, JupyterLab may drop."""
        await expect(self.page.locator("#jp-main-statusbar")).to_contain_text("| Idle", timeout=START_MS)

    def file(self, name: str) -> Locator:
        """A file in the list on the left."""
        return self.page.locator("#filebrowser .jp-DirListing-item").filter(has_text=name)

    def cell(self, number: int) -> Locator:
        """A cell of the notebook, from 0."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def editor(self, number: int) -> Locator:
        """What a cell's text is typed into."""
        return self.cell(number).locator(".jp-InputArea .cm-content")

    def output(self, number: int) -> Locator:
        """What came out of a cell."""
        return self.cell(number).locator(".jp-OutputArea-output")

    async def opens(self, step: Awaitable[None]) -> Page:
        """The page that *step* opens beside, with its scripts: until they run, its forms do what they do without."""
        async with self.context.expect_page() as opening:
            await step
        page = await opening.value
        await page.wait_for_load_state()
        return page

    async def choose(self, menu: str, item: str) -> None:
        """Choose an item of JupyterLab's menu bar."""
        await self.page.locator(".lm-MenuBar-item").filter(has_text=menu).click()
        await self.page.locator(".lm-Menu-item:visible").filter(has_text=item).first.click()

    async def add_cell_below(self, number: int) -> None:
        """Add a code cell and put the cursor into it."""
        await self.cell(number).locator(".jp-InputPrompt").click()
        cells = self.page.locator(".jp-Notebook .jp-Cell")
        count = await cells.count()
        await self.page.keyboard.press("b")
        await expect(cells).to_have_count(count + 1)
        await self.editor(number + 1).click()
