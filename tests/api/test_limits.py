"""How much one caller may ask: counted for each by themselves, in memory that has an end."""

from __future__ import annotations

import asyncio

import pytest

from coterie.service import limits
from coterie.service.limits import Rate, Turns
from coterie.service.settings import Limits


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_rest_gives_back_what_was_asked_and_no_more() -> None:
    clock = Clock()
    rate = Rate(2, 3, clock)

    assert [0, 0, 0, 0.5] == [rate.take("alice") for _ in range(4)]
    clock.now = 0.5
    assert [0, 0.5] == [rate.take("alice") for _ in range(2)]
    clock.now = 1000
    assert [0, 0, 0, 0.5] == [rate.take("alice") for _ in range(4)]


@pytest.mark.parametrize("rate", [Rate(0, 1), Rate(1, 0)])
def test_nought_is_no_limit(rate: Rate) -> None:
    assert [0] * 5 == [rate.take("alice") for _ in range(5)]


def test_everybody_is_counted_by_themselves() -> None:
    rate = Rate(1, 2, Clock())

    assert [0, 0, 1] == [rate.take("alice") for _ in range(3)]
    assert 0 == rate.take("bob")


def test_what_is_given_back_does_not_count() -> None:
    rate = Rate(1, 1, Clock())

    for _ in range(5):
        assert 0 == rate.take("alice")
        rate.give_back("alice")


def test_so_many_callers_are_remembered_and_not_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_REMEMBERED", 3)
    rate = Rate(1, 1, Clock())
    for number in range(10):
        rate.take(f"caller {number}")

    assert ["caller 7", "caller 8", "caller 9"] == list(rate._buckets)


async def test_whoever_has_many_requests_waits_for_themselves_alone() -> None:
    turns = Turns(2)
    done = asyncio.Event()
    has_turn: list[str] = []

    async def work(caller: str | None) -> None:
        async with turns.turn(caller):
            has_turn.append(str(caller))
            await done.wait()

    tasks = [asyncio.create_task(work(caller)) for caller in ("alice", "alice", "alice", "bob", None)]
    await asyncio.sleep(0)
    assert ["alice", "alice", "bob", "None"] == has_turn
    tasks[2].cancel()
    done.set()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert ({}, 4) == (turns._rooms, len(has_turn))


async def test_not_everything_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_WAITING", 2)
    turns = Turns(1)
    done = asyncio.Event()

    async def work() -> None:
        async with turns.turn("alice"):
            await done.wait()

    seen = []
    tasks = []
    for _ in range(3):
        seen.append(turns.are_too_many_waiting("alice"))
        tasks.append(asyncio.create_task(work()))
        await asyncio.sleep(0)
    seen += [turns.are_too_many_waiting(caller) for caller in ("alice", "bob", None)]
    done.set()
    await asyncio.gather(*tasks)

    assert [False, False, False, True, False, False] == seen


async def test_a_turn_that_has_ended_lets_the_next_begin() -> None:
    turns = Turns(1)
    async with turns.turn("alice") as end:
        end()
        end()
        async with asyncio.timeout(1), turns.turn("alice"):
            pass


def test_limits_are_read_from_the_environment() -> None:
    read = Limits.from_environment({"COTERIE_LIMIT_REQUESTS_PER_SECOND": "0.5", "COTERIE_LIMIT_BODY_BYTES": "0"})

    assert Limits(requests_per_second=0.5, body_bytes=0) == read
    assert Limits() == Limits.from_environment({"COTERIE_LIMIT_CONNECTIONS": ""})


@pytest.mark.parametrize("text", ["many", "-1", "nan", "inf"])
def test_what_is_no_limit_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(ValueError, match="COTERIE_LIMIT_CONNECTIONS"):
        Limits.from_environment({"COTERIE_LIMIT_CONNECTIONS": text})
