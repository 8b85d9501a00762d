"""A bell that wakes everybody who waits for news in this process."""

from __future__ import annotations

import asyncio


class Bell:
    """ring() wakes all who wait; whoever looks for news takes a ticket first, so that none rings unheard."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ticket(self) -> asyncio.Event:
        """What to wait on. Take it before looking for news."""
        return self._rung

    def ring(self) -> None:
        """Wake everybody who holds a ticket."""
        self._rung.set()
        self._rung = asyncio.Event()


async def heard(ticket: asyncio.Event, *, within: float) -> bool:
    """Wait for the bell at most *within* seconds. False when it did not ring."""
    try:
        async with asyncio.timeout(within):
            await ticket.wait()
    except TimeoutError:
        return False
    return True
