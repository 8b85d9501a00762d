"""Ask the registries whether anything that is installed or locked has a known vulnerability.

Usage: ``python tools/audit.py``, as ``make audit`` does it. Ends with 0 if every package was looked up and each finding
is explained in ``tools/audit-exceptions.toml``; with 1 for a finding that is not, or an explanation that is no longer
needed; and with 2 where a registry did not answer, which says nothing about the packages.

Python's packages are those of the environment that this runs in, by pip-audit (https://pypi.org/project/pip-audit/);
JavaScript's are those in the lock files, by ``npm audit`` (https://docs.npmjs.com/cli/commands/npm-audit).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXCEPTIONS = ROOT / "tools" / "audit-exceptions.toml"
PROJECT = "coterie"
#: What people run. Everything else that is installed is for development.
EXTRAS = frozenset({"server", "hub", "service", "demo"})
#: The folders with lock files of JavaScript.
FOLDERS = ("lab", "tests/interop/yjs", "tests/axe")


class NoAnswer(Exception):
    """A registry did not say whether something is vulnerable. The text is a sentence for people."""


@dataclass(frozen=True)
class Finding:
    """A known vulnerability in what we have. *ids* are all the names it goes by."""

    package: str
    version: str
    ids: frozenset[str]
    where: str
    is_run: bool

    def __str__(self) -> str:
        use = "people run it" if self.is_run else "for development alone"
        return f"{self.where}: {self.package} {self.version} ({use}): {', '.join(sorted(self.ids))}"


@dataclass(frozen=True)
class Explained:
    """Why a finding does us no harm, and since when somebody thinks so."""

    id: str
    package: str
    reason: str
    since: date


def explained(text: str) -> list[Explained]:
    """The exceptions in *text*. Raises ValueError for one without a package, a reason or a date."""
    found = []
    for entry in tomllib.loads(text).get("exception", []):
        if set(entry) != {"id", "package", "reason", "since"} or not entry["reason"].strip():
            raise ValueError(
                f"an exception has an id, a package, a reason and a date (since), and nothing else: {entry}"
            )
        if not isinstance(entry["since"], date):
            raise ValueError(f"a date is written as in 2026-11-22: {entry}")  # noqa: TRY004  (it is a text in a file)
        found.append(Explained(**entry))
    return found


# --- Python ----------------------------------------------------------------------------------------------------------


def run_by_people(project: str = PROJECT, extras: frozenset[str] = EXTRAS) -> frozenset[str]:
    """The names of all packages that *project* needs with *extras*, as far as they are installed."""
    reached: set[tuple[str, frozenset[str]]] = set()
    waiting = [(canonicalize_name(project), extras)]
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in reached:
            continue
        reached.add((name, wanted))
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            continue  # for another machine, or an extra that nobody asked for
        for requirement in map(Requirement, lines):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in wanted | {""}):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return frozenset(name for name, _ in reached)


def python_findings(report: dict[str, Any], run: Iterable[str]) -> list[Finding]:
    """What pip-audit's *report* (``--format json``) says. Raises NoAnswer if a package was passed over: where an index
    has no vulnerability data, pip-audit takes it for one that does not know the package."""
    dependencies = [each for each in report["dependencies"] if canonicalize_name(each["name"]) != PROJECT]
    passed_over = [each["name"] for each in dependencies if "skip_reason" in each]
    if passed_over or not dependencies:
        raise NoAnswer(
            f"The Python package index does not answer audits here: {len(passed_over)} of {len(dependencies)} packages "
            "could not be looked up. Nothing is known about them."
        )
    return [
        Finding(
            each["name"],
            each["version"],
            frozenset({found["id"], *found["aliases"]}),
            "Python",
            canonicalize_name(each["name"]) in run,
        )
        for each in dependencies
        for found in each["vulns"]
    ]


def ask_python() -> list[Finding]:
    """The findings in this environment. Raises NoAnswer."""
    asked = _run([sys.executable, "-m", "pip_audit", "--local", "--format", "json", "--progress-spinner", "off"], ROOT)
    try:
        report = json.loads(asked.stdout)
    except ValueError as error:
        raise NoAnswer(f"The Python package index does not answer audits here: {_last_line(asked.stderr)}") from error
    return python_findings(report, run_by_people())


# --- JavaScript ------------------------------------------------------------------------------------------------------


def javascript_findings(report: dict[str, Any], folder: str, run: Iterable[str]) -> list[Finding]:
    """What ``npm audit --json`` says of *folder*. *run* are the packages that are vulnerable without those for
    development, too. Raises NoAnswer for anything that is no report."""
    if "vulnerabilities" not in report:
        reason = report.get("message") or report.get("error") or "no report came back"
        raise NoAnswer(f"The npm registry does not answer audits here: {reason} (in {folder}).")
    return [
        Finding(name, each["range"], frozenset(_ids(each["via"])), folder, name in run)
        for name, each in sorted(report["vulnerabilities"].items())
        if any(isinstance(via, dict) for via in each["via"])  # the others depend on one that is listed itself
    ]


def _ids(via: list[Any]) -> Iterator[str]:
    for each in via:
        if isinstance(each, dict):
            found = re.search(r"GHSA-[\w-]+", each.get("url", ""))
            yield found[0] if found else str(each["source"])


def ask_javascript(folder: str) -> list[Finding]:
    """The findings in the lock file of *folder*. Raises NoAnswer."""
    everything, run = (_npm_audit(folder, *options) for options in ((), ("--omit=dev",)))
    javascript_findings(run, folder, ())
    return javascript_findings(everything, folder, run["vulnerabilities"])


def _npm_audit(folder: str, *options: str) -> dict[str, Any]:
    asked = _run(["npm", "audit", "--json", "--package-lock-only", *options], ROOT / folder)
    try:
        report: dict[str, Any] = json.loads(asked.stdout)
    except ValueError as error:
        raise NoAnswer(f"The npm registry does not answer audits here: {_last_line(asked.stderr)}") from error
    return report


# --- Both ------------------------------------------------------------------------------------------------------------


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def unexplained(findings: Iterable[Finding], exceptions: Iterable[Explained]) -> list[Finding]:
    """The findings that no exception is about."""
    known = {(each.package, each.id) for each in exceptions}
    return [found for found in findings if known.isdisjoint((found.package, each) for each in found.ids)]


def unneeded(findings: Iterable[Finding], exceptions: Iterable[Explained]) -> list[Explained]:
    """The exceptions that are about no finding."""
    found = {(each.package, name) for each in findings for name in each.ids}
    return [each for each in exceptions if (each.package, each.id) not in found]


def main() -> int:
    """Audit everything and say what came of it. Answers the status to end with."""
    findings: list[Finding] = []
    unanswered = []
    parts = {"Python": ask_python} | {folder: partial(ask_javascript, folder) for folder in FOLDERS}
    for words, ask in parts.items():
        try:
            found = ask()
        except NoAnswer as reason:
            unanswered.append(words)
            print(f"{words}: not audited. {reason}")
        else:
            findings += found
            print(f"{words}: audited, {len(found)} findings")
    exceptions = explained(EXCEPTIONS.read_text(encoding="utf-8"))
    wrong = [str(found) for found in unexplained(findings, exceptions)]
    if not unanswered:
        wrong += [
            f"{EXCEPTIONS.name}: {each.id} of {each.package}: not found" for each in unneeded(findings, exceptions)
        ]
    for line in wrong:
        print(line)
    if unanswered:
        print(f"This audit says nothing about {', '.join(unanswered)}. Run it where the registries answer audits.")
        return 2
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
