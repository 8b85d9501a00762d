"""A pytest plugin: each test of a suite is held against its verdict. A test without one, or one without a test, fails.

Runs where the suites run, beside their packages, and knows its suite by ``--suite PACKAGE``.
"""

from __future__ import annotations

import pytest

from interop.upstream.verdicts import Outcome, Verdict, suites


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--suite", required=True, help="the package whose tests these are")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    (suite,) = [suite for suite in suites() if suite.package == config.getoption("--suite")]
    verdicts = {(verdict.file, verdict.test): verdict for verdict in suite.verdicts if verdict.test is not None}
    found = {(item.path.relative_to(config.rootpath).as_posix(), _function(item)) for item in items}
    if strays := found ^ verdicts.keys():
        raise pytest.UsageError(f"verdicts.toml and {suite.package} {suite.version} differ on {sorted(strays)}")
    for item in items:
        _weigh(item, verdicts[item.path.relative_to(config.rootpath).as_posix(), _function(item)])


def _function(item: pytest.Item) -> str:
    assert isinstance(item, pytest.Function)
    return item.originalname


def _weigh(item: pytest.Item, verdict: Verdict) -> None:
    match verdict.outcome:
        case Outcome.PASSES:
            pass
        case Outcome.DIFFERS:
            item.add_marker(pytest.mark.xfail(strict=True, reason=verdict.why))
        case Outcome.ELSEWHERE:
            item.add_marker(pytest.mark.skip(reason=verdict.why))
