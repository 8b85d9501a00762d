"""A Viewer against kernels, terminals, files, settings and the server itself, by requests and by WebSockets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from revocation.holding import Place, execute_request, shared_addresses
from support.demo import Demo

pytestmark = pytest.mark.hub

REQUESTS: list[tuple[str, str, Any]] = [
    ("POST", "api/kernels", {}),
    ("POST", "api/kernels", {"name": "python3", "path": ""}),
    ("POST", "api/kernels/KERNEL/restart", None),
    ("POST", "api/kernels/KERNEL/interrupt", None),
    ("DELETE", "api/kernels/KERNEL", None),
    ("POST", "api/sessions", {"path": "notes.txt", "name": "x", "type": "notebook", "kernel": {"name": "python3"}}),
    ("PATCH", "api/sessions/SESSION", {"path": "elsewhere.ipynb"}),
    ("DELETE", "api/sessions/SESSION", None),
    ("POST", "api/terminals", {}),
    ("DELETE", "api/terminals/TERMINAL", None),
    ("PUT", "api/contents/notes.txt", {"type": "file", "format": "text", "content": "EVIL"}),
    ("PUT", "api/contents/new.txt", {"type": "file", "format": "text", "content": "EVIL"}),
    ("POST", "api/contents", {"type": "notebook"}),
    ("POST", "api/contents", {"copy_from": "notes.txt"}),
    ("PATCH", "api/contents/notes.txt", {"path": "moved.txt"}),
    ("DELETE", "api/contents/notes.txt", None),
    ("POST", "api/contents/notes.txt/checkpoints", None),
    ("POST", "api/contents/notes.txt/checkpoints/checkpoint", None),
    ("DELETE", "api/contents/notes.txt/checkpoints/checkpoint", None),
    ("POST", "api/contents/trust-notebook", None),
    ("POST", "api/contents/notes.txt/trust", None),
    ("PATCH", "api/config/notebook", {"evil": 1}),
    ("PUT", "api/config/notebook", {"evil": 1}),
    ("POST", "api/events", {"schema_id": "x", "version": "1", "data": {}}),
    ("POST", "api/shutdown", None),
    ("POST", "api/fileid/index?path=notes.txt", None),
    ("PUT", "lab/api/settings/@jupyterlab/apputils-extension:themes", {"raw": "{}"}),
    ("PUT", "lab/api/workspaces/default", {"data": {}, "metadata": {"id": "default"}}),
    ("DELETE", "lab/api/workspaces/default", None),
    ("POST", "lab/api/extensions", {"cmd": "install", "extension_name": "evil"}),
    ("POST", "lab/api/plugins", {"cmd": "disable", "plugin_name": "@coterie/lab:role"}),
    ("POST", "lab/api/build", None),
    ("DELETE", "lab/api/build", None),
    ("POST", "nbconvert/html", {"type": "notebook", "content": {}, "name": "x"}),
    ("GET", "nbconvert/html/notes.txt", None),
    ("GET", "files/notes.txt?download=1", None),
    ("GET", "api/me?permissions={}&download=1", None),
    ("PATCH", "api/me", {"name": "alice"}),
    ("PUT", "api/collaboration/session/../../etc/passwd", {"format": "text", "type": "file"}),
    ("PUT", "api/collaboration/session/new.txt", {"format": "text", "type": "file"}),
    ("PUT", "api/collaboration/fork/x", {}),
    ("PUT", "api/collaboration/undo_redo/x", {}),
]


def _is_harmless(method: str, path: str) -> bool:
    """Reading, which a Viewer may do, and asking for the room of a file, which makes none."""
    return method == "GET" and path.startswith("api/me")


async def _state(demo: Demo, place: Place) -> Any:
    """What the Creator sees of kernels, sessions, terminals and files."""
    kernels = (await demo.server("alice", "GET", f"{place.url}api/kernels")).json()
    terminals = (await demo.server("alice", "GET", f"{place.url}api/terminals")).json()
    sessions = (await demo.server("alice", "GET", f"{place.url}api/sessions")).json()
    files = {
        str(path): (path.read_bytes() if path.is_file() else None, path.stat().st_mtime_ns)
        for path in demo.work(place.url).rglob("*")
    }
    return (
        [(kernel["id"], kernel["connections"]) for kernel in kernels],
        [terminal["name"] for terminal in terminals],
        [(session["id"], session["path"]) for session in sessions],
        files,
    )


@pytest.fixture(scope="module")
async def session(demo: Demo, place: Place) -> str:
    """A session of Alice's with the kernel that runs."""
    body = {"path": "notes.ipynb", "name": "", "type": "notebook", "kernel": {"id": place.kernel}}
    return str((await demo.server("alice", "POST", f"{place.url}api/sessions", json=body)).json()["id"])


async def test_no_request_of_a_viewers_changes_anything(demo: Demo, place: Place, session: str) -> None:
    before = await _state(demo, place)
    let_through = []
    for method, path, body in REQUESTS:
        address = path.replace("KERNEL", place.kernel).replace("TERMINAL", place.terminal).replace("SESSION", session)
        answer = await demo.server("bob", method, place.url + address, json=body)
        if not 400 <= answer.status_code < 500 and not _is_harmless(method, path):
            let_through.append((method, path, answer.status_code))

    assert [] == let_through
    assert before == await _state(demo, place)


@pytest.mark.parametrize(
    "path",
    [
        "api/kernels/KERNEL/channels",
        "api/kernels/KERNEL/channels?session_id=s",
        "terminals/websocket/TERMINAL",
        "terminals/websocket/new",
        "lsp/ws/pylsp",
        "api/kernels//KERNEL/channels",
        "API/kernels/KERNEL/channels",
    ],
)
async def test_no_socket_that_could_run_something_opens_for_a_viewer(demo: Demo, place: Place, path: str) -> None:
    address = place.url + path.replace("KERNEL", place.kernel).replace("TERMINAL", place.terminal)

    with pytest.raises(InvalidStatus) as refused:
        async with demo.socket("bob", address):
            pass

    assert refused.value.response.status_code in (403, 404)


@pytest.mark.parametrize("kind", ["events", "live", "presence"])
async def test_what_a_viewer_says_on_the_sockets_they_have_changes_nothing(
    demo: Demo, place: Place, kind: str, session: str
) -> None:
    before = await _state(demo, place)
    async with demo.socket("bob", shared_addresses(place)[kind]) as socket:
        for message in (
            json.dumps(execute_request("open('evil', 'w')")),
            json.dumps({"schema_id": "https://events.jupyter.org/jupyter_server/kernel_actions/v1", "data": {}}),
            json.dumps({"role": "creator"}),
            json.dumps(["stdin", "touch evil\r"]),
        ):
            await socket.send(message)
        await socket.close()

    assert before == await _state(demo, place)


async def test_a_viewer_manages_nothing_at_the_service(demo: Demo, place: Place) -> None:
    grants = (await demo.api("alice", "GET", f"workspaces/{place.id}/grants")).json()
    statuses = [
        (await demo.api("bob", method, f"workspaces/{place.id}{path}", json=body)).status_code
        for method, path, body in (
            ("GET", "/grants", None),
            ("PUT", "/grants/user/bob", {"role": "editor"}),
            ("PUT", "/grants/group/astro", {"role": "editor"}),
            ("DELETE", "/grants/user/carol", None),
            ("PATCH", "", {"general_access": "link"}),
            ("PATCH", "", {"name": "Mine"}),
            ("GET", "/access/carol", None),
            ("POST", "/stop", None),
            ("DELETE", "", None),
        )
    ]

    assert [403] * 9 == statuses
    assert grants == (await demo.api("alice", "GET", f"workspaces/{place.id}/grants")).json()
