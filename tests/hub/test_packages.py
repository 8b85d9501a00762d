"""What people install stays in their workspace, and everything else comes from the deployment."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from coterie.hub.open_folders import opened
from coterie.hub.packages import Deployment, lay_environment


def _wheel(folder: Path, name: str, version: str) -> None:
    """A package with one module of its name, which knows its version."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"version = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def _run(environment: Path, *arguments: str) -> str:
    """What the environment's Python prints, run as a kernel is: with none of the test's own paths."""
    done = subprocess.run(
        [environment / "bin" / "python", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(environment.parent), "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        cwd=environment.parent,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _install(environment: Path, wheels: Path, *packages: str) -> None:
    _run(environment, "-m", "pip", "install", "-q", "--no-index", "--find-links", str(wheels), *packages)


def _lay(environment: Path, deployment: Deployment) -> None:
    with opened(str(environment.parent)) as within:
        lay_environment(environment.name, within, deployment)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "environment"
    _lay(folder, Deployment.running())
    return folder


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    return folder


def test_kernels_and_pip_come_from_the_deployment(environment: Path) -> None:
    found = _run(environment, "-c", "import ipykernel, pip, sys; print(ipykernel.__file__); print(sys.prefix)")

    module, prefix = found.splitlines()
    assert Path(module).is_relative_to(sys.prefix)
    assert prefix == str(environment)


def test_an_installed_package_is_there_and_stays_in_the_workspace(environment: Path, wheels: Path) -> None:
    _wheel(wheels, "dinghy", "1.0")

    _install(environment, wheels, "dinghy")

    assert Path(_run(environment, "-c", "import dinghy; print(dinghy.__file__)")).is_relative_to(environment)
    assert not list(Path(sys.prefix).glob("lib/python*/site-packages/dinghy*"))


def test_an_upgrade_of_a_package_of_the_deployment_counts_here_alone(environment: Path, wheels: Path) -> None:
    before = _run(environment, "-c", "import iniconfig; print(iniconfig.__file__)")
    _wheel(wheels, "iniconfig", "999.0")

    _install(environment, wheels, "--upgrade", "iniconfig")

    assert Path(before).is_relative_to(sys.prefix)
    assert Path(before).is_file()
    assert _run(environment, "-c", "import iniconfig; print(iniconfig.version)") == "999.0"


def test_packages_survive_the_next_start(environment: Path, wheels: Path) -> None:
    _wheel(wheels, "dinghy", "1.0")
    _install(environment, wheels, "dinghy")

    _lay(environment, Deployment.running())

    assert _run(environment, "-c", "import dinghy; print(dinghy.version)") == "1.0"


def test_an_environment_is_repaired_when_python_has_moved(environment: Path, wheels: Path, tmp_path: Path) -> None:
    _wheel(wheels, "dinghy", "1.0")
    _install(environment, wheels, "dinghy")
    _lay(environment, replace(Deployment.running(), python=tmp_path / "gone" / "python3"))
    assert not (environment / "bin" / "python").exists()

    _lay(environment, Deployment.running())

    assert _run(environment, "-c", "import dinghy, ipykernel; print(dinghy.version)") == "1.0"


def test_the_environment_may_move_with_its_home(environment: Path, wheels: Path, tmp_path: Path) -> None:
    _wheel(wheels, "dinghy", "1.0")
    _install(environment, wheels, "dinghy")
    moved = tmp_path / "elsewhere" / "environment"
    moved.parent.mkdir()
    environment.rename(moved)

    _lay(moved, Deployment.running())

    assert _run(moved, "-c", "import dinghy; print(dinghy.version)") == "1.0"


def test_pip_on_the_path_installs_here_too(environment: Path, wheels: Path) -> None:
    _wheel(wheels, "dinghy", "1.0")

    subprocess.run(
        ["pip", "install", "-q", "--no-index", "--find-links", str(wheels), "dinghy"],
        check=True,
        env={"PATH": f"{environment / 'bin'}:/usr/bin:/bin", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )

    assert _run(environment, "-c", "import dinghy; print(dinghy.version)") == "1.0"


def test_links_that_an_editor_leaves_are_replaced_and_never_written_through(environment: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    precious = outside / "precious"
    precious.write_text("mine")
    (environment / "pyvenv.cfg").unlink()
    (environment / "pyvenv.cfg").symlink_to(precious)
    for name in ("python", "python3", "pip", "pip3", f"python3.{sys.version_info.minor}"):
        (environment / "bin" / name).unlink()
    (environment / "bin").rmdir()
    (environment / "bin").symlink_to(outside)

    _lay(environment, Deployment.running())

    assert precious.read_text() == "mine"
    assert [file.name for file in outside.iterdir()] == ["precious"]
    assert _run(environment, "-c", "print('works')") == "works"
