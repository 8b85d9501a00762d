"""Where the room of a document is, for each server."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Room:
    """A WebSocket's address, and what stands before every frame."""

    url: str
    prefix: bytes = b""


def find_room(contender: str, address: str, document: str, kind: str = "text:file") -> Room:
    """The room of *document*: a file's name for a Jupyter server, any word for others. *kind* is format and type."""
    match contender:
        case "hocuspocus":
            return Room(f"ws://{address}/", bytes([len(document)]) + document.encode())
        case "y-websocket":
            return Room(f"ws://{address}/{document}")
    format_, type_ = kind.split(":")
    connection = http.client.HTTPConnection(address, timeout=60)
    body = json.dumps({"format": format_, "type": type_})
    connection.request("PUT", f"/api/collaboration/session/{quote(document)}", body, headers_of("person-0"))
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status not in (200, 201):
        raise RuntimeError(f"no session for {document}: {answer.status} {content[:200]!r}")
    session = json.loads(content)
    name = f"{session['format']}:{session['type']}:{session['fileId']}"
    return Room(f"ws://{address}/api/collaboration/room/{name}?sessionId={session['sessionId']}")


def headers_of(person: str) -> dict[str, str]:
    """Who is connecting."""
    return {"Authorization": f"token {person}"}
