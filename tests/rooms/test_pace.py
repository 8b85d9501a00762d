from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from coterie.server.rooms.pace import LONGEST, SHORTEST, LoopClock, Pace
from rooms.peers import StandingClock


class Paced:
    """A pace whose sendings are written down, each taking so many seconds."""

    def __init__(self, takes: float = 0.0) -> None:
        self.clock = StandingClock()
        self.sent: list[float] = []
        self._takes = takes
        self.pace = Pace(self._send, self.clock)

    def _send(self) -> None:
        self.sent.append(self.clock.time)
        self.clock.time += self._takes


def test_what_comes_after_a_quiet_time_is_sent_at_once() -> None:
    paced = Paced()
    paced.pace.due(1.0)
    paced.clock.go_on(5.0)
    paced.pace.due(1.0)

    assert [0.0, 5.0] == paced.sent


def test_what_follows_within_the_window_is_sent_once_at_its_end() -> None:
    paced = Paced()
    for _ in range(4):
        paced.pace.due(1.0)
        paced.clock.go_on(0.2)

    assert [0.0] == paced.sent

    paced.clock.go_on(5.0)

    assert [0.0, 1.0] == paced.sent


def test_what_is_more_urgent_brings_the_rest_forward_and_what_is_less_does_not_put_it_off() -> None:
    paced = Paced()
    paced.pace.due(1.0)
    paced.pace.due(1.0)
    paced.pace.due(0.1)
    paced.pace.due(3.0)
    paced.clock.go_on(5.0)

    assert [0.0, 0.1] == paced.sent


def test_sending_that_takes_long_happens_more_rarely_within_bounds() -> None:
    bursts = []
    for takes in (0.0, 0.004, 5.0):
        paced = Paced(takes)
        paced.pace.due(paced.pace.burst)
        bursts.append(paced.pace.burst)

    assert [SHORTEST, 0.008, LONGEST] == bursts


def test_nothing_is_sent_after_a_stop() -> None:
    paced = Paced()
    paced.pace.due(1.0)
    paced.pace.due(1.0)
    paced.pace.stop()
    paced.clock.go_on(5.0)

    assert [0.0] == paced.sent


@given(st.lists(st.floats(min_value=0, max_value=1), max_size=30))
def test_nothing_waits_longer_than_its_window_and_sendings_keep_their_distance(pauses: list[float]) -> None:
    paced = Paced()
    asked = []
    for pause in pauses:
        paced.clock.go_on(pause)
        asked.append(paced.clock.time)
        paced.pace.due(0.25)
    paced.clock.go_on(1.0)

    assert all(any(time <= sent <= time + 0.25 + 1e-9 for sent in paced.sent) for time in asked)
    assert all(later - earlier >= 0.25 - 1e-9 for earlier, later in zip(paced.sent, paced.sent[1:], strict=False))


async def test_the_loops_clock_calls_later_and_not_once_it_was_cancelled() -> None:
    clock, called = LoopClock(), asyncio.Event()
    clock.later(0.0, called.set).cancel()
    await asyncio.sleep(0.01)

    assert not called.is_set()

    clock.later(0.0, called.set)

    assert not called.is_set()

    await called.wait()
