"""Reading ``text/event-stream``: lines in, messages out. Only what the service sends is understood: event and data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a stream. *event* is "message" where the sender named none."""

    event: str
    data: str


async def read_messages(lines: AsyncIterator[str]) -> AsyncIterator[Message]:
    """The messages in *lines* (without line ends), in order.

    Comments, unknown fields and messages without data are skipped; a message cut off by the end is dropped.
    """
    event, data = "message", list[str]()
    async for line in lines:
        if not line:
            if data:
                yield Message(event, "\n".join(data))
            event, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                event = value
            case "data":
                data.append(value)
