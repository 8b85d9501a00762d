"""Edits that can be told from each other on the wire, and who has received which."""

from __future__ import annotations

import re
import time
from typing import Any

from benchmarks.rooms.load.client import SYNC, Client
from pycrdt import Doc, Text, create_update_message

#: An edit's number, which stands in the update as it was typed, merged with others or not.
_MARK = re.compile(rb"#(\d{8})\n")


class Writer:
    """Types one marked line after the other."""

    def __init__(self, doc: Doc[Any]) -> None:
        self._updates: list[bytes] = []
        self._text = doc.get("source", type=Text)
        self._subscription = doc.observe(lambda event: self._updates.append(event.update))

    def edit(self, number: int) -> bytes:
        """The message that tells of edit *number*."""
        self._text += f"#{number:08d}\n"
        return create_update_message(self._updates.pop())


class Readers:
    """Notes which of *edits* have reached which of *clients*, and how long each took. ``sent`` holds when each left."""

    def __init__(self, clients: list[Client], edits: int) -> None:
        self.sent = [0.0] * edits
        self.delays: list[float] = []
        self.expected = edits * len(clients)
        for client in clients:
            self._listen(client, bytearray(edits))

    @property
    def lost(self) -> int:
        return self.expected - len(self.delays)

    def _listen(self, client: Client, seen: bytearray) -> None:
        sent, delays, find, now = self.sent, self.delays, _MARK.findall, time.perf_counter

        def receive(message: bytes) -> None:
            if message[0] == SYNC:
                at = now()
                for mark in find(message):
                    number = int(mark)
                    if not seen[number]:
                        seen[number] = 1
                        delays.append(at - sent[number])

        client.listen(receive)
