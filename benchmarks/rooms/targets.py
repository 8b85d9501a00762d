"""What rooms are to reach, each beside the servers that it is held against."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.rooms.contenders import Contender
from benchmarks.rooms.figures import Figures

_YDOC = (Contender.YDOC,)
_NODE = (Contender.HOCUSPOCUS, Contender.Y_WEBSOCKET)
_OTHERS = (*_YDOC, *_NODE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """*reached* is what *limit* is compared with: a ratio, or the figure itself where nothing stands beside it."""

    ours: float
    beside: float | None
    reached: float
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Target:
    """Coterie's figure is at most (or at least) *limit* times the best figure of *beside*; *limit* itself if there is
    nobody beside."""

    words: str
    measure: str
    key: str
    limit: float
    beside: tuple[Contender, ...] = ()
    is_at_least: bool = False

    def outcome(self, figures: Figures) -> Outcome | None:
        """None where a figure is missing."""
        ours = figures.value(self.measure, Contender.COTERIE, self.key)
        others = [figures.value(self.measure, contender, self.key) for contender in self.beside]
        known = [other for other in others if other is not None]
        if ours is None or len(known) < len(others) or 0.0 in known:
            return None
        best = (max(known) if self.is_at_least else min(known)) if known else None
        reached = ours if best is None else ours / best
        return Outcome(ours, best, reached, reached >= self.limit if self.is_at_least else reached <= self.limit)


_CPU = "cpu_us_per_delivery"

TARGETS = (
    Target("CPU per delivered update, 100 readers, beside jupyter-server-ydoc", "typing-100", _CPU, 1 / 6, _YDOC),
    Target("the same beside the better of the Node.js servers", "typing-100", _CPU, 1, _NODE),
    Target("CPU per delivered update, 1 reader, beside jupyter-server-ydoc", "typing-1", _CPU, 1 / 3, _YDOC),
    Target("median time to 100 readers, beside the best", "typing-100", "p50_ms", 1.1, _OTHERS),
    Target("99th percentile of it, beside the best", "typing-100", "p99_ms", 1.1, _OTHERS),
    Target("updates that 100 readers have lost", "typing-100", "lost", 0),
    Target("updates a second in a flood, beside jupyter-server-ydoc", "flood", "updates_per_second", 30, _YDOC, True),
    Target("updates that were lost in a flood", "flood", "lost", 0),
    Target("cores that 100 cursors need", "presence", "core_share", 1 / 3),
    Target("the same with clients that echo", "presence-echo", "core_share", 1 / 3),
    Target("time to open 5,000 cells, beside jupyter-server-ydoc", "opening", "seconds_to_content", 1 / 2, _YDOC),
    Target("longest stall in it, beside jupyter-server-ydoc", "opening", "longest_stall_ms", 1 / 2, _YDOC),
    Target("longest stall while typing and saving in 50 MB (ms)", "keystrokes", "longest_stall_ms", 50),
    Target("memory per small document, beside jupyter-server-ydoc", "documents", "kib_per_document", 1 / 2, _YDOC),
)
