"""Rooms: live documents that people are in together.

Speaks the protocol of jupyter-collaboration 5's front end. Names of modules say the subject: ``frames`` (the wire),
``authority`` (what a frame needs), ``connection`` and ``awareness`` (who somebody is), ``people`` (who is here),
``room`` (what happens to frames), ``live`` and ``documents`` (the content), ``file`` and ``saver`` (the disk),
``registry`` (all rooms of a server), ``handlers`` and ``extension`` (the web).
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from coterie.server.rooms.extension import RoomsExtension

    return [{"module": "coterie.server.rooms.extension", "app": RoomsExtension}]
