"""The unit that systemd is asked to run for a server: each promise is one test. Stand-ins for systemd's commands note
what they are asked; where systemd's own checker is installed it reads the unit as well."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coterie.hub import systemd as module
from coterie.hub import systemd_settings
from coterie.hub.any_spawner import CannotStart
from coterie.hub.systemd import USERNAME_PATTERN, with_own_folders
from hub.other_spawners import ACCOUNT, TOKEN, configured, spawner_of

PYTHON = "/opt/coterie/bin/python3"
SETTINGS = {"python": PYTHON, "readable": ["/opt/coterie"], "version": 252}

#: ``systemd-run`` notes its arguments; ``systemctl`` says that a unit runs once it was started.
_RUN = """#!{python}
import json, pathlib, sys
pathlib.Path({folder!r}, "asked.json").write_text(json.dumps(sys.argv[1:]))
"""
_CTL = """#!/bin/sh
case "$1" in
  --version) echo "systemd 252 (252)";;
  is-active) test -e {folder}/asked.json;;
  is-failed) false;;
esac
"""


@pytest.fixture(scope="module")
async def unit(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a real SystemdSpawner asks systemd for when it starts a workspace's server."""
    folder = tmp_path_factory.mktemp("systemd")
    for name, text in {"systemd-run": _RUN, "systemctl": _CTL}.items():
        file = folder / name
        file.write_text(text.format(python=sys.executable, folder=str(folder)))
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=":")
        from systemdspawner import SystemdSpawner, systemd

        patch.setattr(systemd, "RUN_ROOT", str(folder / "run"))
        systemd.get_systemd_version.cache_clear()
        c = configured(with_own_folders(SystemdSpawner), "SystemdSpawner", systemd_settings(**SETTINGS))
        spawner = spawner_of(c)
        await SystemdSpawner.start(spawner)
    asked: list[str] = json.loads((folder / "asked.json").read_text())
    options, command = asked[: asked.index(PYTHON)], asked[asked.index(PYTHON) :]
    pairs = [one.removeprefix("--property=").partition("=") for one in options if one.startswith("--property=")]
    properties = {name: value for name, _, value in pairs}
    assert len(properties) == len(pairs)
    (secrets,) = (folder / "run").glob("*/*.env")
    return SimpleNamespace(asked=asked, options=options, command=command, properties=properties, secrets=secrets)


def test_it_runs_the_server_itself(unit: Any) -> None:
    assert unit.command[:4] == [PYTHON, "-I", "-m", "coterie.server"]
    assert unit.options[:2] == ["--unit", f"coterie-{ACCOUNT}"]


def test_the_server_learns_its_workspace(unit: Any) -> None:
    environment = unit.secrets.read_text().splitlines()

    assert "COTERIE_WORKSPACE=penguins23456722" in environment
    assert f"JUPYTERHUB_ROOT_DIR=/var/lib/{ACCOUNT}/work" in environment
    assert f"HOME=/var/lib/{ACCOUNT}" in environment


def test_the_token_is_in_a_file_that_nothing_in_the_unit_can_open(unit: Any) -> None:
    assert TOKEN in unit.secrets.read_text().replace("'\"'\"'", "'")
    assert not any("own-token" in word for word in unit.asked)
    assert unit.properties["InaccessiblePaths"] == f"/run/{unit.secrets.parent.name}"
    assert unit.properties["RuntimeDirectoryPreserve"] == "no"


def test_nothing_is_there_but_what_is_named(unit: Any) -> None:
    shown = {path.removeprefix("-") for path in unit.properties["BindReadOnlyPaths"].split()}

    assert unit.properties["TemporaryFileSystem"] == "/:ro"
    assert {"/usr", "/opt/coterie", "/etc/resolv.conf"} <= shown
    assert not shown & {"/", "/etc", "/var", "/srv", "/home", "/root", "/run", "/etc/passwd", "/etc/shadow"}


def test_the_accounts_own_folder_alone_can_be_written(unit: Any) -> None:
    assert unit.properties["StateDirectory"] == f"coterie/{ACCOUNT}"
    assert unit.properties["BindPaths"] == f"/var/lib/private/coterie/{ACCOUNT}:/var/lib/{ACCOUNT}"
    assert unit.properties["ProtectSystem"] == "strict"
    assert unit.properties["PrivateTmp"] == "yes"
    assert not {"ReadWriteDirectories", "ReadWritePaths", "ReadOnlyDirectories"} & set(unit.properties)


def test_its_user_is_its_own_and_cannot_become_another(unit: Any) -> None:
    assert unit.properties["DynamicUser"] == "yes"
    assert unit.properties["NoNewPrivileges"] == "yes"
    assert unit.properties["RestrictSUIDSGID"] == "yes"
    assert not any(option.startswith(("--uid", "--gid")) for option in unit.options)


def test_it_has_no_capability(unit: Any) -> None:
    assert (unit.properties["CapabilityBoundingSet"], unit.properties["AmbientCapabilities"]) == ("", "")


def test_its_system_calls_are_filtered_and_it_makes_no_name_spaces(unit: Any) -> None:
    assert unit.properties["SystemCallFilter"] == "@system-service"
    assert unit.properties["SystemCallArchitectures"] == "native"
    assert unit.properties["RestrictNamespaces"] == "yes"


def test_it_sees_no_process_or_message_queue_of_others(unit: Any) -> None:
    assert unit.properties["ProtectProc"] == "invisible"
    assert unit.properties["PrivateIPC"] == "yes"
    assert "PrivatePIDs" not in unit.properties
    newer = systemd_settings(**{**SETTINGS, "version": 257})
    assert newer["unit_extra_properties"]["PrivatePIDs"] == "yes"


def test_it_cannot_change_the_machine(unit: Any) -> None:
    switches = ["PrivateDevices", "ProtectKernelTunables", "ProtectKernelModules", "ProtectControlGroups"]

    assert [unit.properties[name] for name in switches] == ["yes"] * 4


def test_it_does_not_reach_the_clouds_metadata(unit: Any) -> None:
    assert "link-local" in unit.properties["IPAddressDeny"].split()
    assert unit.properties["RestrictAddressFamilies"] == "AF_UNIX AF_INET AF_INET6"


def test_it_is_limited(unit: Any) -> None:
    limits = ("MemoryMax", "MemorySwapMax", "CPUQuota", "TasksMax", "LimitNOFILE", "LimitFSIZE", "LimitCORE")

    expected = [str(2 * 1024**3), "0", "200%", "1000", "4096", "50G", "0"]
    assert [unit.properties[name] for name in limits] == expected


def test_it_ends_in_its_own_time_and_leaves_nothing(unit: Any) -> None:
    ends = ("KillMode", "TimeoutStopSec", "SendSIGKILL", "CollectMode")

    assert [unit.properties[name] for name in ends] == ["mixed", "30", "yes", "inactive-or-failed"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_knows_every_one_of_its_properties(unit: Any, tmp_path: Path) -> None:
    lines = [
        f"{name}={value}" for name, value in unit.properties.items() if name not in ("CollectMode", "EnvironmentFile")
    ]
    file = tmp_path / "coterie-example.service"
    file.write_text("\n".join(["[Service]", "ExecStart=/bin/true", *lines]))

    told = subprocess.run(["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True, check=False)

    assert [line for line in told.stderr.splitlines() if str(file) in line] == []


async def test_a_workspaces_folder_is_deleted_with_it_and_a_persons_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from systemdspawner import SystemdSpawner

    state, links = tmp_path / "private" / "coterie", tmp_path / "coterie"
    monkeypatch.setattr(module, "_STATE", state)
    monkeypatch.setattr(module, "_LINKS", links)
    links.mkdir(parents=True)
    for account in (ACCOUNT, "alice"):
        (state / account / "work").mkdir(parents=True)
        (links / account).symlink_to(state / account)
    c = configured(with_own_folders(SystemdSpawner), "SystemdSpawner", systemd_settings(**SETTINGS))

    await spawner_of(c, "alice").delete_forever()
    await spawner_of(c).delete_forever()

    assert not (state / ACCOUNT).exists()
    assert [path.name for path in links.iterdir()] == ["alice"]
    assert (state / "alice" / "work").is_dir()


async def test_a_name_that_means_something_else_starts_nothing() -> None:
    from systemdspawner import SystemdSpawner

    c = configured(with_own_folders(SystemdSpawner), "SystemdSpawner", systemd_settings(**SETTINGS))
    spawner = spawner_of(c, "private")
    spawner.place = None

    with pytest.raises(CannotStart, match="plain name"):
        await spawner.start()


@pytest.mark.parametrize("name", ["alice", ACCOUNT, "a_b", "docker"])
def test_plain_names_fit(name: str) -> None:
    assert re.match(USERNAME_PATTERN, name)


@pytest.mark.parametrize("name", ["private", "coterie", "a b", "%h", "a:b", "../x", "A", "-a", "a.b", "é", "", "a\n"])
def test_names_that_mean_something_else_in_a_unit_do_not(name: str) -> None:
    assert not re.match(USERNAME_PATTERN, name)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"python": "python3"}, "python has to be the absolute path"),
        ({"readable": ["/"]}, "readable has to be the absolute path"),
        ({"readable": ["/opt/a /etc"]}, "readable has to be the absolute path"),
        ({"version": 247}, "systemd 248 or newer"),
        ({"memory": "lots"}, "memory has to be a size"),
        ({"processes": 0}, "processes has to be more than zero"),
        ({"file_size": ""}, "file_size has to be a size"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        systemd_settings(**{**SETTINGS, **wrong})
