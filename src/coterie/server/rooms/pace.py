"""When to send what has gathered: the first at once, and what follows close behind together. No I/O."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from math import inf
from typing import Final, Protocol

#: Bounds of the time within which bursts are merged, in seconds.
SHORTEST: Final = 0.002
LONGEST: Final = 0.020


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Time, in seconds from an arbitrary start."""

    def now(self) -> float: ...

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call *call* after so many seconds, never before this returns."""


class LoopClock:
    """The running event loop's time."""

    def now(self) -> float:
        return time.monotonic()

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(seconds, call)


class Pace:
    """Calls *send* once something is ``due``: at once after a quiet time, else when enough time has passed."""

    def __init__(self, send: Callable[[], None], clock: Clock) -> None:
        self.took = 0.0  # how long sending took last, in seconds
        self._send = send
        self._clock = clock
        self._sent_at = -inf
        self._timer: Timer | None = None
        self._timer_at = inf

    @property
    def burst(self) -> float:
        """The window for things that should arrive as soon as they can, in seconds: so that sending takes a third of
        the time at most, within bounds that nobody notices."""
        return min(max(2 * self.took, SHORTEST), LONGEST)

    def due(self, window: float) -> None:
        """Something is to be sent, *window* seconds after the last time at the latest."""
        now, at = self._clock.now(), self._sent_at + window
        if now >= at:
            self.flush()
        elif at < self._timer_at:
            self.stop()
            self._timer_at = at
            self._timer = self._clock.later(at - now, self.flush)

    def flush(self) -> None:
        """Send now."""
        self.stop()
        began = self._clock.now()
        self._send()
        self._sent_at = self._clock.now()
        self.took = self._sent_at - began

    def stop(self) -> None:
        """What was due is not sent any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._timer_at = inf
