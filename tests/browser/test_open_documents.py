"""What becomes of a document that is open in a browser when its server or its file goes away."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from browser.conftest import Arrive
from browser.person import START_MS, Person
from support.demo import Demo, until

pytestmark = [pytest.mark.browser, pytest.mark.hub]


async def _open_text(person: Person, workspace: str, file: str) -> Locator:
    """Open the workspace and the text *file* in it; the editor."""
    await person.open(workspace)
    await person.file(file).dblclick()
    editor = person.page.locator(".jp-FileEditor .cm-content")
    await expect(editor).to_contain_text("start", timeout=START_MS)
    return editor


def _rooms_opened(page: Page) -> list[str]:
    """The addresses of all connections to a document's room that *page* opens from now on."""
    opened: list[str] = []
    page.on("websocket", lambda socket: opened.append(socket.url) if "/room/text:" in socket.url else None)
    return opened


async def test_an_open_document_goes_on_after_a_restart_of_the_server(demo: Demo, arrive: Arrive) -> None:
    workspace = await demo.create("alice", "Petrels")
    file = demo.put(await demo.open("alice", workspace), "petrels.txt", "start\n")
    alice = await arrive("alice", demo)
    editor = await _open_text(alice, "Petrels", file.name)
    await editor.press("ControlOrMeta+End")
    await alice.page.keyboard.type("before, ")

    stopped = await demo.api("alice", "POST", f"workspaces/{workspace}/stop")
    assert stopped.is_success
    banner = alice.page.locator(".coterie-Banner")
    await expect(banner).to_contain_text("The workspace's server cannot be reached", timeout=START_MS)
    await alice.page.keyboard.type("meanwhile")
    beside = await alice.opens(banner.get_by_role("link", name="Start the server").click())
    await expect(beside.locator(".coterie-Chip")).to_be_visible(timeout=START_MS)

    async def is_saved() -> bool:
        return file.read_text() == "start\nbefore, meanwhile"

    assert await until(is_saved, within=60)
    await expect(editor).to_contain_text("before, meanwhile")
    assert [] == alice.popups


async def test_who_has_a_deleted_file_open_is_told_once_and_it_is_closed(demo: Demo, arrive: Arrive) -> None:
    workspace = await demo.create("alice", "Murres")
    file = demo.put(await demo.open("alice", workspace), "murres.txt", "start\n")
    alice = await arrive("alice", demo)
    opened = _rooms_opened(alice.page)
    editor = await _open_text(alice, "Murres", file.name)

    file.unlink()
    dialog = alice.page.locator(".jp-Dialog")
    await expect(dialog).to_contain_text("The file was deleted.")
    await dialog.get_by_role("button").click()

    await expect(editor).to_have_count(0)
    await expect(alice.page.get_by_text("murres.txt has been closed.")).to_be_visible()
    await expect(dialog).to_have_count(0)
    assert 1 == len(opened)
    assert not file.exists()
