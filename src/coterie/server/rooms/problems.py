"""What is wrong with documents, for the people who have them open: what lasts until it is put right, and what is said
once. No I/O and no clock; everything happens on the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

#: Where the web application's settings hold the Problems of its server.
PROBLEMS_SETTING: Final = "coterie_problems"


@dataclass(frozen=True, slots=True)
class DocumentProblem:
    """Lasts until it is cleared.

    *path* is the document's as the contents API writes it, *word* names the problem for programs (``not-saved``), and
    *sentence* says to people what is wrong, without any of the document's content.
    """

    path: str
    word: str
    sentence: str


@dataclass(frozen=True, slots=True)
class DocumentNotice:
    """Said once, to whoever is there. The fields are those of a problem."""

    path: str
    sentence: str


#: All problems there are now, oldest first; or something that is said once.
News = tuple[DocumentProblem, ...] | DocumentNotice


class Problems:
    """The problems of one server's documents. At most one of a word stands for a path."""

    def __init__(self) -> None:
        self._sentences: dict[tuple[str, str], str] = {}
        self._watchers: dict[object, Callable[[News], None]] = {}

    def now(self) -> tuple[DocumentProblem, ...]:
        """All that stands, oldest first."""
        return tuple(DocumentProblem(path, word, sentence) for (path, word), sentence in self._sentences.items())

    def set(self, path: str, word: str, sentence: str) -> None:
        """From now on this stands, in place of what the same *word* said of *path*. Said again, it is no news."""
        if self._sentences.get((path, word)) != sentence:
            self._sentences[path, word] = sentence
            self._spread(self.now())

    def clear(self, path: str, word: str) -> None:
        """It has been put right. Harmless where nothing stands."""
        if self._sentences.pop((path, word), None) is not None:
            self._spread(self.now())

    def tell(self, path: str, sentence: str) -> None:
        """Say *sentence* once. Whoever comes later does not hear of it."""
        self._spread(DocumentNotice(path, sentence))

    def watch(self, callback: Callable[[News], None]) -> Callable[[], None]:
        """Call *callback*, which must not raise, with each piece of news from now on. The answer ends that, and may be
        called more than once."""
        watcher = object()
        self._watchers[watcher] = callback

        def unwatch() -> None:
            self._watchers.pop(watcher, None)

        return unwatch

    def _spread(self, news: News) -> None:
        for callback in tuple(self._watchers.values()):  # being told may end somebody's watching
            callback(news)
