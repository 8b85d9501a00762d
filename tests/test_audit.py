"""What ``make audit`` makes of the answers of pip-audit and ``npm audit``; no answer is never a clean one."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load() -> ModuleType:
    path = Path(__file__).parents[1] / "tools" / "audit.py"
    spec = importlib.util.spec_from_file_location("coterie_audit", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look
    spec.loader.exec_module(module)
    return module


audit = _load()

VULNERABLE: dict[str, Any] = {
    "name": "Jinja2",
    "version": "3.1.5",
    "vulns": [{"id": "PYSEC-2025-1", "aliases": ["CVE-2025-27516", "GHSA-cpwx-vrp4-4pq7"], "fix_versions": ["3.1.6"]}],
}
SOUND = {"name": "coterie-friend", "version": "1.0", "vulns": []}
OURSELVES = {"name": "coterie", "skip_reason": "distribution marked as editable"}


def _npm(vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    return {"auditReportVersion": 2, "vulnerabilities": vulnerabilities}


OLD_LIBRARY = {
    "range": "<2.0.0",
    "via": [{"source": 1, "url": "https://github.com/advisories/GHSA-aaaa-bbbb-cccc", "title": "It breaks"}],
}
ITS_USER = {"range": "*", "via": ["old-library"]}


def test_a_finding_of_pip_audit_goes_by_all_its_names_and_says_whether_people_run_it() -> None:
    (found,) = audit.python_findings({"dependencies": [VULNERABLE, SOUND, OURSELVES]}, {"jinja2"})

    assert ("Jinja2", "3.1.5", True) == (found.package, found.version, found.is_run)
    assert {"PYSEC-2025-1", "CVE-2025-27516", "GHSA-cpwx-vrp4-4pq7"} == found.ids


@pytest.mark.parametrize(
    "dependencies",
    [[OURSELVES], [SOUND, {"name": "jinja2", "skip_reason": "Dependency not found on PyPI"}]],
    ids=["nothing", "a package"],
)
def test_what_pip_audit_passed_over_is_not_clean(dependencies: list[Any]) -> None:
    with pytest.raises(audit.NoAnswer, match="does not answer audits"):
        audit.python_findings({"dependencies": dependencies}, set())


def test_a_finding_of_npm_is_the_package_itself_and_not_what_depends_on_it() -> None:
    report = _npm({"old-library": OLD_LIBRARY, "its-user": ITS_USER})

    (found,) = audit.javascript_findings(report, "lab", {"its-user"})

    assert ("old-library", {"GHSA-aaaa-bbbb-cccc"}, False) == (found.package, found.ids, found.is_run)


@pytest.mark.parametrize(
    "report", [{"message": "405 Method Not Allowed", "statusCode": 405}, {"error": {}}, {}], ids=str
)
def test_a_refusal_of_the_npm_registry_is_not_clean(report: dict[str, Any]) -> None:
    with pytest.raises(audit.NoAnswer, match="does not answer audits"):
        audit.javascript_findings(report, "lab", ())


def test_an_exception_explains_its_finding_by_any_of_its_names_and_is_not_kept_longer_than_it() -> None:
    findings = audit.python_findings({"dependencies": [VULNERABLE]}, set())
    text = """
        [[exception]]
        id = "CVE-2025-27516"
        package = "Jinja2"
        reason = "No template is anybody's but ours."
        since = 2025-03-05
    """
    exceptions = audit.explained(text)

    assert ([], []) == (audit.unexplained(findings, exceptions), audit.unneeded(findings, exceptions))
    assert (findings, exceptions) == (audit.unexplained(findings, []), audit.unneeded([], exceptions))


@pytest.mark.parametrize("left_out", ["id", "package", "reason", "since"])
def test_an_exception_without_a_reason_or_a_date_is_refused(left_out: str) -> None:
    lines = {"id": '"CVE-1"', "package": '"x"', "reason": '"It is fine."', "since": "2026-01-01"}
    text = "\n".join(["[[exception]]", *(f"{key} = {value}" for key, value in lines.items() if key != left_out)])

    with pytest.raises(ValueError, match="reason"):
        audit.explained(text)


def test_the_exceptions_that_are_kept_can_be_read() -> None:
    audit.explained(audit.EXCEPTIONS.read_text(encoding="utf-8"))


def test_what_people_run_is_told_from_what_is_for_development() -> None:
    run = audit.run_by_people()

    assert {"fastapi", "starlette", "jupyterhub", "tornado", "pycrdt"} <= run
    assert {"pytest", "ruff", "schemathesis"}.isdisjoint(run)
