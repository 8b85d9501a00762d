"""The suites that others wrote, and what is published about them."""

from __future__ import annotations

import pytest

from interop.upstream.run import ROOT, install, run, table
from interop.upstream.verdicts import Outcome, Suite, suites

REFERENCE = ROOT / "docs" / "reference" / "interoperability.md"

EVERY_SUITE = pytest.mark.parametrize("suite", suites(), ids=lambda suite: suite.package)


@EVERY_SUITE
def test_the_reference_says_what_the_verdicts_say(suite: Suite) -> None:
    assert table(suite) in REFERENCE.read_text(encoding="utf-8")


@EVERY_SUITE
def test_what_does_not_pass_has_a_reason(suite: Suite) -> None:
    reasons = [bool(verdict.why) for verdict in suite.verdicts if verdict.outcome is not Outcome.PASSES]

    assert reasons == [True] * len(reasons)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@EVERY_SUITE
def test_a_suite_does_what_is_said_of_it(suite: Suite) -> None:
    install()

    assert run(suite)
