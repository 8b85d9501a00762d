"""Keeps people from guessing secrets, each for themselves: nobody has to wait because of somebody else."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

#: So many secrets that do not exist may somebody name within so many seconds.
GUESSES_MAX, WITHIN = 10, 60.0
_PRUNE_AT = 10_000


class Guesses:
    """Counts, by person id, the wrong guesses of the last minute. Each process counts for itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[str, deque[float]] = {}

    def wait(self, person_id: str) -> float:
        """For how long this person may name no further secret (seconds); 0 if they may."""
        wrong = self._recent(person_id)
        return 0.0 if len(wrong) < GUESSES_MAX else wrong[0] + WITHIN - self._clock()

    def note(self, person_id: str) -> None:
        """This person has named a secret that does not exist."""
        if len(self._wrong) >= _PRUNE_AT:
            self._wrong = {each: recent for each in list(self._wrong) if (recent := self._recent(each))}
        self._wrong.setdefault(person_id, deque(maxlen=GUESSES_MAX)).append(self._clock())

    def _recent(self, person_id: str) -> deque[float]:
        wrong = self._wrong.get(person_id, deque())
        while wrong and wrong[0] + WITHIN <= self._clock():
            wrong.popleft()
        return wrong
