"""The house rules that a machine can watch over: imports, words, tables of facts, papers."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from coterie.policy import Role, Why
from coterie.wire.close_codes import CLOSE_CODES, ROOM_ENDED, CloseCode
from coterie.wire.problems import ProblemCode

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"
LAB = ROOT / "lab" / "src"
API_REFERENCE = ROOT / "docs" / "reference" / "api.md"
ENVIRONMENT_REFERENCE = ROOT / "docs" / "reference" / "environment.md"

#: What the policy may import. None of these reads a file, a network or a clock.
PURE = {"__future__", "collections.abc", "dataclasses", "datetime", "enum", "typing"}

#: Names of modules that say nothing, so that everything ends up in them.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "misc"}

#: Words that stand for something the project has its one word for.
SYNONYMS = {
    "acl": "grants",
    "collaborator": "person",
    "collaborators": "people",
    "entitlement": "right",
    "entitlements": "rights",
    "invitee": "guest",
    "participant": "person",
    "permission": "role",
    "permissions": "role",
    "privilege": "role",
    "privileges": "role",
    "project": "workspace",
    "projects": "workspaces",
    "teammate": "person",
    "tenant": "workspace",
}

#: Where a role's word stands in quotes because the fact lives there.
TABLES_OF_ROLES = {"coterie/wire/bodies.py", "coterie/policy/decision.py"}
#: Every WebSocket's close codes, and what the stock front end reads on a room's.
TABLES_OF_CLOSE_CODES = {"coterie/wire/close_codes.py", "coterie/server/rooms/endings.py"}
GENERATED = "generated.ts"


@cache
def _modules() -> dict[str, ast.Module]:
    """Every module of ours by its path below src."""
    return {
        path.relative_to(SRC).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(SRC.rglob("*.py"))
    }


def _lab_sources() -> list[Path]:
    return [path for path in sorted(LAB.rglob("*.ts*")) if path.name != GENERATED]


@cache
def _tracked_texts() -> dict[str, str]:
    """What git keeps or would keep, as text; what others wrote is left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    texts = {}
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if not path.is_file() or name.endswith((".min.js", "package-lock.json")):
            continue
        try:
            texts[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return texts


def _python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs *code* in a new interpreter that nothing of this one's environment or the current folder reaches."""
    return subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(SRC)!r})\n{code}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


# --- Imports ---------------------------------------------------------------------------------------------------------


def test_imports_point_down_only() -> None:
    result = _python("from importlinter.cli import lint_imports\nsys.exit(lint_imports(no_cache=True))")

    assert result.returncode == 0, result.stdout + result.stderr


def _imports(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


POLICY = [name for name in _modules() if name.startswith("coterie/policy/")]


@pytest.mark.parametrize("name", POLICY)
def test_the_policy_imports_nothing_that_reaches_outside(name: str) -> None:
    reached = {found for found in _imports(_modules()[name]) if not found.startswith("coterie.policy")}

    assert reached <= PURE


@pytest.mark.parametrize("name", POLICY)
def test_the_policy_reads_no_clock_opens_nothing_and_waits_for_nothing(name: str) -> None:
    module = _modules()[name]
    attributes = {node.attr for node in ast.walk(module) if isinstance(node, ast.Attribute)}
    called = {
        node.func.id for node in ast.walk(module) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    waiting = [node for node in ast.walk(module) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]

    assert attributes & {"now", "utcnow", "today"} == set()
    assert called & {"open", "print", "input", "eval", "exec", "__import__"} == set()
    assert waiting == []


def test_what_runs_in_the_hub_and_in_servers_loads_nothing_of_the_service() -> None:
    """JupyterHub brings SQLAlchemy with it, so what counts is that nothing of ours that uses it is loaded."""
    code = """
import importlib, pkgutil
for part in ("client", "hub", "server"):
    package = importlib.import_module(f"coterie.{part}")
    for module in pkgutil.walk_packages(package.__path__, f"coterie.{part}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
service_only = {"aiosqlite", "asyncpg", "fastapi", "uvicorn"}
ours = {"coterie.store", "coterie.actions", "coterie.service"}
print(*sorted(name for name in sys.modules if name in service_only | ours))
"""
    result = _python(code)

    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


def test_a_servers_image_installs_nothing_of_the_service() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]

    def names(requirements: list[str]) -> set[str]:
        found = set()
        for requirement in requirements:
            name, named_extras = re.match(r"([\w.-]+)(?:\[([\w,-]+)\])?", requirement).groups()  # type: ignore[union-attr]
            if name == project["name"]:
                for extra in named_extras.split(","):
                    found |= names(extras[extra])
            else:
                found.add(name.lower())
        return found

    service_only = names(extras["service"])

    assert {"sqlalchemy", "alembic", "fastapi"} <= service_only
    assert names(project["dependencies"]) & service_only == set()
    assert names(extras["server"]) & service_only == set()
    assert names(extras["hub"]) & service_only == set()


# --- Words -----------------------------------------------------------------------------------------------------------


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = {name: set(Path(name).with_suffix("").parts) for name in _modules()}
    named |= {path.name: {path.name.partition(".")[0]} for path in _lab_sources()}

    assert [name for name, parts in named.items() if parts & EMPTY_NAMES] == []


def _names_of_ours(module: ast.Module) -> Iterator[str]:
    """The names that a module gives: what it calls others' things by is not its choice."""
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def test_every_thing_is_called_by_its_one_word() -> None:
    strangers = [
        f"{file}: {name}: say {SYNONYMS[word.lower()]}"
        for file, module in _modules().items()
        for name in _names_of_ours(module)
        for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
        if word.lower() in SYNONYMS
    ]

    assert strangers == []


def test_nothing_is_left_for_later_in_the_files() -> None:
    marks = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")

    assert [name for name, text in _tracked_texts().items() if marks.search(text)] == []


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    path = re.compile(r"(?<![\w/.}>)*~-])/(?:wor" r"k|root)/")

    assert [name for name, text in _tracked_texts().items() if path.search(text)] == []


# --- Tables of facts -----------------------------------------------------------------------------------------------


def _constants(module: ast.Module) -> Iterator[ast.Constant]:
    """Every constant but the keys of dicts: a key names a field, not a role."""
    keys = {id(key) for node in ast.walk(module) if isinstance(node, ast.Dict) for key in node.keys}
    yield from (node for node in ast.walk(module) if isinstance(node, ast.Constant) and id(node) not in keys)


def test_a_role_is_written_as_a_word_in_the_tables_alone() -> None:
    words = {role.word for role in Role}
    found = [
        f"{file}:{constant.lineno}"
        for file, module in _modules().items()
        if file not in TABLES_OF_ROLES
        for constant in _constants(module)
        if isinstance(constant.value, str) and constant.value in words
    ]

    assert found == []


def test_a_close_code_is_written_as_a_number_in_the_tables_alone() -> None:
    found = [
        f"{file}:{constant.lineno}"
        for file, module in _modules().items()
        if file not in TABLES_OF_CLOSE_CODES
        for constant in _constants(module)
        if type(constant.value) is int and (constant.value == ROOM_ENDED or 4400 <= constant.value < 4600)
    ]

    assert found == []


def test_the_lab_extension_takes_roles_and_close_codes_from_the_generated_table() -> None:
    roles = "|".join(role.word for role in Role)
    statuses = "|".join(str(status) for status in (ROOM_ENDED, *(code.status for code in CLOSE_CODES)))
    facts = re.compile(rf"""['"`](?:{roles})['"`]|\b(?:{statuses})\b""")

    found = {path.name: facts.findall(path.read_text(encoding="utf-8")) for path in _lab_sources()}

    assert {name: facts for name, facts in found.items() if facts} == {}


def test_every_reason_for_closing_a_room_fits_into_a_close_frame() -> None:
    from coterie.server.rooms import endings

    codes = [code for code in vars(endings).values() if isinstance(code, CloseCode)]
    reasons = {code.word: endings.ending(code).reason for code in (*codes, *CLOSE_CODES)}

    assert {word: reason for word, reason in reasons.items() if len(reason.encode()) > 123} == {}


def test_every_refusal_of_the_policy_has_a_problem_code() -> None:
    assert {why.value for why in Why} <= {code.value for code in ProblemCode}


# --- Papers ----------------------------------------------------------------------------------------------------------


def _documented_calls() -> set[tuple[str, str]]:
    text = API_REFERENCE.read_text(encoding="utf-8")
    return {
        (method, re.sub(r"\{\w+\}", "{}", path))
        for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`? ]+)", text)
    }


def test_every_call_of_the_api_is_in_the_reference_and_nothing_else() -> None:
    from fastapi import FastAPI

    from coterie.service.api import router

    app = FastAPI()
    app.include_router(router)
    served = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path.removeprefix("/api/v1")))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }

    assert served == _documented_calls()


def test_every_problem_and_close_code_is_in_the_reference() -> None:
    text = API_REFERENCE.read_text(encoding="utf-8")

    assert [code.value for code in ProblemCode if f"`{code.value}`" not in text] == []
    assert [code.word for code in CLOSE_CODES if f"`{code.word}`" not in text] == []


def test_every_environment_variable_of_ours_is_in_the_reference() -> None:
    text = ENVIRONMENT_REFERENCE.read_text(encoding="utf-8")
    used = {
        node.value
        for module in _modules().values()
        for node in ast.walk(module)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"COTERIE_[A-Z_]+", node.value)
    }

    assert [name for name in sorted(used) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", ["LICENSE", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_the_papers_are_there(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8").strip()


def _links() -> list[tuple[str, str]]:
    return [
        (name, target)
        for name, text in _tracked_texts().items()
        if name.endswith(".md")
        for target in re.findall(r"\]\(([^)\s]+)\)", text)
        if not re.match(r"[a-z]+:|#", target)
    ]


def test_every_test_that_the_threat_model_names_is_there() -> None:
    named = re.findall(r"`(tests/[a-z_/]+\.py)`", (ROOT / "docs/explanation/security.md").read_text(encoding="utf-8"))

    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_links_between_papers_lead_somewhere() -> None:
    broken = [
        f"{name}: {target}"
        for name, target in _links()
        if not (ROOT / name).parent.joinpath(target.partition("#")[0]).exists()
    ]

    assert broken == []
