"""What is said in ``verdicts.toml``, as values. Standard library only."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

VERDICTS = Path(__file__).with_name("verdicts.toml")


class Outcome(StrEnum):
    PASSES = "passes"
    DIFFERS = "differs"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Verdict:
    """*test* is the name of a test function, or None for all tests of the file; *why* is empty for what passes."""

    file: str
    test: str | None
    outcome: Outcome
    why: str


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests in the source archive of a package."""

    package: str
    version: str
    verdicts: tuple[Verdict, ...]

    @property
    def files(self) -> list[str]:
        """The test files of which something is run."""
        return sorted({verdict.file for verdict in self.verdicts if verdict.test is not None})

    @property
    def folder(self) -> str:
        """What the source archive unpacks to."""
        return f"{self.package.replace('-', '_')}-{self.version}"


def suites() -> tuple[Suite, ...]:
    tables = tomllib.loads(VERDICTS.read_text(encoding="utf-8"))
    return tuple(
        Suite(package, table.pop("version"), tuple(_verdicts(table.pop("files"), table)))
        for package, table in tables.items()
    )


def _verdicts(whole: dict[str, str], files: dict[str, dict[str, Any]]) -> Iterator[Verdict]:
    for file, tests in files.items():
        for test, said in tests.items():
            if said == Outcome.PASSES:
                yield Verdict(file, test, Outcome.PASSES, "")
            else:
                ((outcome, why),) = said.items()
                yield Verdict(file, test, Outcome(outcome), why)
    for file, why in whole.items():
        yield Verdict(file, None, Outcome.ELSEWHERE, why)
