"""Who is where, as y-protocols writes it: entries of a client's number, a clock and a state as JSON."""

from __future__ import annotations

from functools import lru_cache

from benchmarks.rooms.load.client import AWARENESS
from pycrdt import Decoder, create_awareness_message, write_var_uint

Entry = tuple[int, int, str]


def encode(entries: tuple[Entry, ...]) -> bytes:
    """A frame."""
    content = [write_var_uint(len(entries))]
    for client, clock, state in entries:
        text = state.encode()
        content += (write_var_uint(client), write_var_uint(clock), write_var_uint(len(text)), text)
    return create_awareness_message(b"".join(content))


@lru_cache(maxsize=1024)  # the same frame comes to everybody
def decode(frame: bytes) -> tuple[Entry, ...]:
    """The entries in *frame*, none if it tells of something else."""
    if frame[0] != AWARENESS:
        return ()
    content = Decoder(Decoder(frame[1:]).read_message() or b"")
    return tuple(
        (content.read_var_uint(), content.read_var_uint(), content.read_var_string())
        for _ in range(content.read_var_uint())
    )
