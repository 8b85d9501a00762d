"""Updates on their way from the document to people: into the journal first. No I/O of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Updates:
    """Keeps what is journaled until it is sent, and what could not be journaled, and all after that, until it can be.

    *journal* takes a person's id and an update; OSError from it, or ValueError for what no record can hold, means that
    nothing of that update is in the journal.
    """

    def __init__(self, journal: Callable[[str, bytes], None]) -> None:
        self._journal = journal
        self._to_send: list[bytes] = []
        self._withheld: deque[tuple[str, bytes]] = deque()
        self._withheld_size = 0

    @property
    def are_due(self) -> bool:
        """Whether there is anything to send."""
        return bool(self._to_send)

    @property
    def withheld(self) -> list[bytes]:
        """Updates that are in the document but not in the journal."""
        return [update for _, update in self._withheld]

    @property
    def withheld_size(self) -> int:
        """Bytes."""
        return self._withheld_size

    def add(self, person: str, update: bytes) -> OSError | ValueError | None:
        """Journal an update, or withhold it. Answers why, if it is the first that is withheld."""
        if not self._withheld:
            try:
                self._journal(person, update)
            except (OSError, ValueError) as error:
                self._withhold(person, update)
                return error
            self._to_send.append(update)
        else:
            self._withhold(person, update)
        return None

    def retry(self) -> bool:
        """Journal what is withheld, in its order, as far as it goes. True if nothing is withheld any more."""
        while self._withheld:
            person, update = self._withheld[0]
            try:
                self._journal(person, update)
            except (OSError, ValueError):
                return False
            self._withheld.popleft()
            self._withheld_size -= len(update)
            self._to_send.append(update)
        return True

    def take(self) -> list[bytes]:
        """What is to be sent now; it is not answered again."""
        taken, self._to_send = self._to_send, []
        return taken

    def _withhold(self, person: str, update: bytes) -> None:
        self._withheld.append((person, update))
        self._withheld_size += len(update)
