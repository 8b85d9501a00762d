"""Measure rooms beside other servers: see ``python -m benchmarks.rooms --help``."""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
import time

from benchmarks.rooms import report
from benchmarks.rooms.about import about
from benchmarks.rooms.contenders import Contender, DidNotStart
from benchmarks.rooms.figures import Figures
from benchmarks.rooms.installing import BUILT, install
from benchmarks.rooms.plan import QUICK, Measure, PlayFailed, Scale, measures, take


def main() -> None:
    """Install, measure, print the tables, and write them into the reference if asked to."""
    options = _options()
    # Ended in order, so that the servers that it has started end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    install()
    kept = BUILT / ("rooms.json" if options.is_whole else "rooms-part.json")
    if options.kept:
        figures = Figures.read(kept)
    else:
        scale = QUICK if options.quick else Scale()
        figures = Figures(dataclasses.replace(scale, repeats=options.repeats or scale.repeats), about())
        for repeat in range(figures.scale.repeats):
            for measure, contender in _round(repeat, options.only, options.servers):
                _measure(figures, measure, contender, f"{repeat + 1}/{figures.scale.repeats}")
                figures.write(kept)
    print(report.render(figures))
    if options.write:
        report.write(figures)
    sys.exit(1 if figures.failures else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rooms", description="Measure rooms beside others.")
    parser.add_argument("--quick", action="store_true", help="little of everything: to see that it works")
    parser.add_argument("--repeats", type=int, help="how often everything is measured")
    parser.add_argument("--only", nargs="+", choices=[measure.name for measure in measures()], help="these measures")
    parser.add_argument("--servers", nargs="+", type=Contender, choices=list(Contender), help="these servers")
    parser.add_argument("--kept", action="store_true", help="measure nothing: take the figures of the last run")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {report.REFERENCE.name}")
    options = parser.parse_args()
    options.is_whole = not (options.quick or options.only or options.servers)
    if options.write and not options.is_whole:
        parser.error("what is published is a whole run")
    return options


def _round(repeat: int, only: list[str] | None, servers: list[Contender] | None) -> list[tuple[Measure, Contender]]:
    """Everything once, the servers in turn, each time another one first: whatever else the machine does meets all."""
    turns = []
    for measure in measures():
        if only is None or measure.name in only:
            first = repeat % len(measure.contenders)
            in_turn = measure.contenders[first:] + measure.contenders[:first]
            turns += [(measure, contender) for contender in in_turn if servers is None or contender in servers]
    return turns


def _measure(figures: Figures, measure: Measure, contender: Contender, turn: str) -> None:
    began = time.monotonic()
    try:
        sample = take(measure, contender, figures.scale)
    except (DidNotStart, PlayFailed) as error:
        figures.failures.append(f"{measure.name} {contender}: {error}")
        said = f"failed: {error}"
    else:
        figures.add(measure.name, contender, sample)
        said = " ".join(
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in sample.items()
        )
    print(f"{turn} {measure.name} {contender} ({time.monotonic() - began:.0f} s): {said}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
