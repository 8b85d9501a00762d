"""Run what others test servers of this protocol with against Coterie's rooms: ``python -m interop.upstream.run``.

The packages go into ``.interop/``, which git ignores, with a virtual environment of their own; their tests are taken
from their source archives. Needs PyPI, and the Node.js packages of ``tests/interop/yjs``. Exit status 0 when every test
did what ``verdicts.toml`` says of it. ``--table`` prints the verdicts as Markdown and does nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from interop.served import TESTS
from interop.upstream.verdicts import Outcome, Suite, Verdict, suites
from interop.yjs_client import NODE_PACKAGES, node

ROOT = TESTS.parent
BUILT = ROOT / ".interop"
PYTHON = BUILT / "venv" / "bin" / "python"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")

#: What pytest is given beyond the test files, by package. The order counts: later fixtures stand in for earlier ones.
ARGUMENTS = {
    "jupyter-server-ydoc": [
        *("-p", "jupyter_server.pytest_plugin"),
        *("-p", "jupyter_server_fileid.pytest_plugin"),
        *("-p", "jupyter_server_ydoc.pytest_plugin"),
        *("-p", "interop.upstream.jupyter_server_ydoc"),
    ],
    "pycrdt-websocket": ["-p", "interop.upstream.pycrdt_websocket"],
}

HEADINGS = {Outcome.PASSES: "passes", Outcome.DIFFERS: "differs", Outcome.ELSEWHERE: "not run"}


def install() -> None:
    """Make ``.interop/`` as the requirements want it, unless it is so already."""
    stamp = BUILT / "installed"
    wanted = _digest()
    if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    shutil.rmtree(BUILT, ignore_errors=True)
    BUILT.mkdir()
    subprocess.run([ROOT / "tools" / "make-venv", sys.executable, PYTHON.parents[1]], check=True)
    _pip("install", "--editable", f"{ROOT}[server]", "--requirement", str(REQUIREMENTS))
    for suite in suites():
        requirement = f"{suite.package}=={suite.version}"
        _pip("download", "--no-deps", "--no-binary", ":all:", "--dest", str(BUILT), requirement)
        with tarfile.open(BUILT / f"{suite.folder}.tar.gz") as archive:
            archive.extractall(BUILT, filter="data")
    stamp.write_text(wanted, encoding="ascii")


def run(suite: Suite) -> bool:
    """Whether every test did what is said of it."""
    folder = BUILT / suite.folder
    command = node()
    assert command is not None
    environment = os.environ | {
        "COTERIE_SERVER_PYTHON": sys.executable,
        "NODE_PATH": str(NODE_PACKAGES),
        "PATH": os.pathsep.join((str(Path(command).parent), os.environ["PATH"])),
        "PYTHONPATH": os.pathsep.join((str(folder / "tests"), str(TESTS))),
    }
    arguments = ["-c", os.devnull, "--rootdir", str(folder), "-p", "no:cacheprovider", "--timeout", "60", "-rfEX"]
    plugins = [*ARGUMENTS[suite.package], "-p", "interop.upstream.weighing", "--suite", suite.package]
    print(f"\n{suite.package} {suite.version}", flush=True)
    ended = subprocess.run(
        [PYTHON, "-m", "pytest", *arguments, *plugins, *suite.files], cwd=folder, env=environment, check=False
    )
    return ended.returncode == 0


def table(suite: Suite) -> str:
    """The verdicts on a suite as Markdown."""
    lines = [f"| {suite.package} {suite.version} | | |", "|---|---|---|"]
    lines += [f"| {_subject(verdict)} | {HEADINGS[verdict.outcome]} | {verdict.why} |" for verdict in suite.verdicts]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="print the verdicts as Markdown")
    if parser.parse_args().table:
        print("\n\n".join(table(suite) for suite in suites()))
        return 0
    install()
    outcomes = [run(suite) for suite in suites()]
    return 0 if all(outcomes) else 1


def _subject(verdict: Verdict) -> str:
    name = Path(verdict.file).name
    return f"all of `{name}`" if verdict.test is None else f"`{name}` `{verdict.test}`"


def _pip(*arguments: str) -> None:
    subprocess.run([PYTHON, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


def _digest() -> str:
    digest = hashlib.sha256(sys.version.encode())
    for file in (ROOT / "pyproject.toml", REQUIREMENTS):
        digest.update(file.read_bytes())
    digest.update(repr([(suite.package, suite.version) for suite in suites()]).encode())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
