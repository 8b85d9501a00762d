"""The figures as Markdown, and their place in the reference."""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rooms.contenders import Contender
from benchmarks.rooms.figures import Figures
from benchmarks.rooms.installing import ROOT
from benchmarks.rooms.plan import CROWDS
from benchmarks.rooms.targets import TARGETS, Outcome, Target

REFERENCE = ROOT / "docs" / "reference" / "performance.md"
_BEGIN, _END = "<!-- rooms: written by make bench-rooms -->", "<!-- rooms: end -->"

_MISSING = "–"
#: Lines of a table above its first row.
_HEAD = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of every server, shown with *digits* after the point. Those of a measure that a server did not finish
    are shown as the least that they can be."""

    words: str
    measure: str
    key: str
    digits: int = 1


def _of_each_crowd(key: str, digits: int) -> tuple[Row, ...]:
    return tuple(Row(f"{count} reader{'s' if count > 1 else ''}", f"typing-{count}", key, digits) for count in CROWDS)


TABLES = {
    "CPU per delivered update, in microseconds": _of_each_crowd("cpu_us_per_delivery", 1),
    "median time until an update is there, in milliseconds": _of_each_crowd("p50_ms", 2),
    "99th percentile of it": _of_each_crowd("p99_ms", 1),
    "2,000 edits at once to 100 readers": (
        Row("updates a second until everybody has all", "flood", "updates_per_second", 0),
        Row("CPU per delivered update (us)", "flood", "cpu_us_per_delivery"),
    ),
    "100 people move their cursors, 5 times a second each": (
        Row("cores that it needs", "presence", "core_share", 2),
        Row("the same, with clients that echo", "presence-echo", "core_share", 2),
        Row("median time until a move is seen (ms)", "presence", "lag_p50_ms", 0),
        Row("the same, with clients that echo", "presence-echo", "lag_p50_ms", 0),
    ),
    "large notebooks": (
        Row("5,000 cells: from connecting until the content is there (s)", "opening", "seconds_to_content", 2),
        Row("5,000 cells: longest stall (ms)", "opening", "longest_stall_ms", 0),
        Row("50 MB of outputs: from connecting until the content is there (s)", "keystrokes", "seconds_to_open", 2),
        Row("50 MB of outputs: longest stall while typing and saving (ms)", "keystrokes", "longest_stall_ms", 0),
    ),
    "memory": (Row("per open small document (KiB)", "documents", "kib_per_document", 0),),
}


def render(figures: Figures) -> str:
    """Where it was measured, what was reached, and all figures. What was not measured is left out."""
    tables = [_table(title, rows, figures) for title, rows in TABLES.items()]
    return "\n\n".join(filter(None, [_about(figures), _targets(figures), *tables])) + "\n"


def write(figures: Figures, reference: Path = REFERENCE) -> None:
    """Put them between the marks in the reference. Raises ValueError if the marks are not there."""
    text = reference.read_text(encoding="utf-8")
    between = re.compile(f"(?<={re.escape(_BEGIN)}\n).*(?={re.escape(_END)})", re.DOTALL)
    if not between.search(text):
        raise ValueError(f"{reference} has no place for the figures")
    reference.write_text(between.sub(lambda _: f"\n{render(figures)}\n", text), encoding="utf-8")


def _about(figures: Figures) -> str:
    lines = [f"- {name}: {value}" for name, value in figures.about.items()]
    lines.append(f"- each figure is the median of {figures.scale.repeats} runs")
    others = figures.everywhere("others_share")
    if others:
        lines.append(
            "- what else ran on the machine meanwhile took "
            f"{statistics.median(others):.2f} of a core (median; the most was {max(others):.2f})"
        )
    if figures.failures:
        lines.append(f"- runs that failed: {len(figures.failures)}")
    return "\n".join(lines)


def _targets(figures: Figures) -> str:
    lines = ["| | Coterie | beside | ratio | target | |", "|---|---|---|---|---|---|"]
    for target in TARGETS:
        outcome = target.outcome(figures)
        if outcome is not None:
            verdict = "kept" if outcome.is_kept else "**missed**"
            lines.append(f"| {target.words} | {' | '.join(_outcome(outcome))} | {_limit(target)} | {verdict} |")
    return "\n".join(lines) if len(lines) > _HEAD else ""


def _outcome(outcome: Outcome) -> tuple[str, str, str]:
    if outcome.beside is None:
        return _number(outcome.ours), "", ""
    return _number(outcome.ours), _number(outcome.beside), _number(outcome.reached)


def _limit(target: Target) -> str:
    return f"{'at least' if target.is_at_least else 'at most'} {_number(target.limit)}"


def _number(value: float) -> str:
    """With three digits that count."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _table(title: str, rows: tuple[Row, ...], figures: Figures) -> str:
    shown = [contender for contender in Contender if any(_has(figures, row, contender) for row in rows)]
    if not shown:
        return ""
    lines = [f"| {title} | {' | '.join(contender.label for contender in shown)} |", "|---" * (1 + len(shown)) + "|"]
    lines += [f"| {row.words} | {' | '.join(_cell(figures, row, each) for each in shown)} |" for row in rows]
    return "\n".join(lines)


def _cell(figures: Figures, row: Row, contender: Contender) -> str:
    value = figures.value(row.measure, contender, row.key)
    if value is None:
        return _MISSING
    is_more = figures.value(row.measure, contender, "unfinished")
    return f"{'more than ' if is_more else ''}{value:,.{row.digits}f}"


def _has(figures: Figures, row: Row, contender: Contender) -> bool:
    return figures.value(row.measure, contender, row.key) is not None
