"""A Viewer opens documents that nobody has opened before: the files stay as they are, byte for byte."""

from __future__ import annotations

import json

import pytest

from coterie.server.rooms.frames import SyncStep1, encode
from revocation.holding import Place
from rooms.serving import Client
from support.demo import Demo

pytestmark = pytest.mark.hub

_CELL = {"cell_type": "markdown", "metadata": {}, "source": ["a\n", "b"]}

DOCUMENTS = {
    "old.ipynb": json.dumps({"cells": [_CELL, _CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 2}),
    "twins.ipynb": json.dumps(
        {"cells": [_CELL | {"id": "a"}] * 2, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=8
    ),
    "crlf.txt": "a\r\nb\r\nc",
    "mixed.txt": "a\r\nb\nc\r",
    "nothing.md": "",
}


@pytest.mark.parametrize("file", DOCUMENTS)
async def test_opening_changes_no_file(demo: Demo, place: Place, file: str) -> None:
    path = demo.put(place.url, file, DOCUMENTS[file])
    before = path.read_bytes(), path.stat().st_mtime_ns
    kind = ("json", "notebook") if file.endswith(".ipynb") else ("text", "file")
    body = {"format": kind[0], "type": kind[1]}
    session = (await demo.server("bob", "PUT", f"{place.url}api/collaboration/session/{file}", json=body)).json()
    room = f"{place.url}api/collaboration/room/{':'.join(kind)}:{session['fileId']}?sessionId={session['sessionId']}"
    async with demo.socket("bob", room, max_queue=None) as socket:
        client = Client(socket, kind[1])
        await client.synchronise()
        # An editor's save writes what there is to write; with nothing changed that is nothing.
        async with demo.socket("carol", room, max_queue=None) as editors:
            await editors.send(encode(SyncStep1(b"\0")))
            editor = Client(editors, kind[1])
            assert "success" == await editor.save()
            await editor.close()
        await client.close()

    assert before == (path.read_bytes(), path.stat().st_mtime_ns)
