"""Control groups: which are found, and what is written into them. The folders are a test's own."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from coterie.hub import cgroups
from coterie.hub.cgroups import ControlGroups, Shares, make_groups

SHARES = Shares(memory=1000, processes=20, cpus=1.5)


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written into ``cgroup.subtree_control`` from now on, which then takes it as the kernel does (cgroup v2,
    "Controlling Controllers"): a write turns on all that it names or nothing, only what the group itself has, and
    nothing that belongs to memory while processes run in it."""
    written: list[str] = []
    write_text = Path.write_text

    def write(path: Path, text: str, *arguments: Any) -> int:
        if path.name == "cgroup.subtree_control":
            written.append(f"{path.parent.name}: {text}")
            wanted = set(text.replace("+", "").split())
            if not wanted <= set((path.parent / "cgroup.controllers").read_text().split()):
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
            if "memory" in wanted and (path.parent / "cgroup.procs").read_text():
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            text = " ".join(sorted({*path.read_text().split(), *wanted}))
        return write_text(path, text, *arguments)

    monkeypatch.setattr(Path, "write_text", write)
    return written


@pytest.fixture(autouse=True)
def delegated(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The groups that systemd marks as given away (systemd.resource-control(5), "Delegate=")."""
    marked = {"coterie.service"}

    def getxattr(folder: Path, name: str) -> bytes:
        if name != "user.delegate" or folder.name not in marked:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))
        return b"1"

    monkeypatch.setattr(os, "getxattr", getxattr)
    return marked


@pytest.fixture(autouse=True)
def nothing_said_yet() -> None:
    cgroups._warn_once.cache_clear()


def _given(tmp_path: Path, own: str, files: dict[str, str]) -> ControlGroups:
    for name, content in files.items():
        path = tmp_path / "mounted" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            file.write(content)
    (tmp_path / "own").write_text(own)
    return make_groups("server", SHARES, mounted=tmp_path / "mounted", own=tmp_path / "own")


def test_the_first_version_has_a_group_for_each_controller(tmp_path: Path) -> None:
    groups = _given(
        tmp_path,
        "5:pids:/hub\n4:memory:/hub\n3:cpuset:/hub\n2:cpu,cpuacct:/\n",
        {
            "pids/hub/cgroup.procs": "",
            "memory/hub/cgroup.procs": "",
            "cpuset/hub/cgroup.procs": "",
            "cpu,cpuacct/cgroup.procs": "",
        },
    )

    mounted = tmp_path / "mounted"
    assert groups.limits_memory
    assert set(groups.folders) == {
        mounted / "pids/hub/server",
        mounted / "memory/hub/server",
        mounted / "cpu,cpuacct/server",
    }
    assert (mounted / "pids/hub/server/pids.max").read_text() == "20"
    assert (mounted / "memory/hub/server/memory.limit_in_bytes").read_text() == "1000"
    assert not (mounted / "memory/hub/server/memory.memsw.limit_in_bytes").exists()
    assert (mounted / "cpu,cpuacct/server/cpu.cfs_quota_us").read_text() == "150000"


def _service(hub: str = "", **more: str) -> dict[str, str]:
    """The groups of a systemd service whose processes are in *hub*, with what ``Delegate=cpu memory pids`` gives."""
    files = {}
    for folder in {"coterie.service/", f"coterie.service/{hub}"}:
        files[f"{folder}cgroup.procs"] = ""
        files[f"{folder}cgroup.controllers"] = "cpu memory pids" if folder == "coterie.service/" else ""
        files[f"{folder}cgroup.subtree_control"] = ""
    return files | {f"coterie.service/{hub}cgroup.procs": "1\n"} | more


def test_the_second_version_has_one_beside_the_hubs_own(tmp_path: Path, writes: list[str]) -> None:
    groups = _given(tmp_path, "0::/coterie.service/hub\n", _service("hub/"))

    folder = tmp_path / "mounted/coterie.service/server"
    assert groups == ControlGroups((folder,), limits_memory=True)
    assert (folder / "memory.max").read_text() == "1000"
    assert (folder / "pids.max").read_text() == "20"
    assert (folder / "cpu.max").read_text() == "150000 100000"
    assert writes == ["coterie.service: +memory +pids", "coterie.service: +cpu"]

    # The next server's: beside the first one's, which is not somebody else's.
    writes.clear()
    again = make_groups("next", SHARES, mounted=tmp_path / "mounted", own=tmp_path / "own")
    assert again == ControlGroups((folder.with_name("next"),), limits_memory=True)
    assert writes == []


def test_a_hub_in_the_group_that_it_was_given_has_none_and_leaves_the_group_as_it_was(
    tmp_path: Path, writes: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert _given(tmp_path, "0::/coterie.service\n", _service()) == ControlGroups()
    assert writes == ["coterie.service: +memory +pids"]
    assert (tmp_path / "mounted/coterie.service/cgroup.subtree_control").read_text() == ""

    make_groups("next", SHARES, mounted=tmp_path / "mounted", own=tmp_path / "own")
    assert [record.getMessage().partition(". ")[0] for record in caplog.records] == [
        "No control group could be had: mem_limit holds for each process of a server by itself",
        "No control group could be had: cpu_limit holds for nothing",
    ]


def test_what_was_not_asked_for_is_not_missed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_groups("server", Shares(processes=20), mounted=tmp_path, own=tmp_path / "missing")

    assert caplog.records == []


def test_a_group_that_was_not_given_away_is_not_changed(tmp_path: Path, writes: list[str], delegated: set[str]) -> None:
    delegated.clear()

    assert _given(tmp_path, "0::/coterie.service/hub\n", _service("hub/")) == ControlGroups()
    assert writes == []


@pytest.mark.usefixtures("writes")
def test_without_processors_there_is_still_a_limit_on_memory(tmp_path: Path) -> None:
    files = _service("hub/") | {"coterie.service/cgroup.controllers": "memory pids"}

    groups = _given(tmp_path, "0::/coterie.service/hub\n", files)

    assert groups.limits_memory
    assert not (groups.folders[0] / "cpu.max").exists()


@pytest.mark.usefixtures("writes")
def test_what_is_limited_cannot_be_swapped_instead(tmp_path: Path) -> None:
    files = _service("hub/") | {"coterie.service/server/memory.swap.max": "max"}
    files["coterie.service/cgroup.subtree_control"] = "cpu memory pids"
    united = _given(tmp_path, "0::/coterie.service/hub\n", files)
    both = "memory/server/memory.memsw.limit_in_bytes"
    separate = _given(tmp_path, "4:memory:/\n", {"memory/cgroup.procs": "", both: "-1"})

    assert (united.folders[0] / "memory.swap.max").read_text() == "0"
    assert (separate.folders[0] / "memory.memsw.limit_in_bytes").read_text() == "1000"


def test_where_nothing_was_given_there_are_none(tmp_path: Path) -> None:
    files = {"user.slice/cgroup.procs": "", "user.slice/cgroup.subtree_control": "", "cgroup.procs": ""}

    assert _given(tmp_path, "0::/user.slice\n", files | {"user.slice/one/cgroup.procs": ""}) == ControlGroups()
    assert make_groups("server", SHARES, mounted=tmp_path, own=tmp_path / "missing") == ControlGroups()


def test_one_joins_all_and_they_are_removed_when_empty(tmp_path: Path) -> None:
    folders = (tmp_path / "a", tmp_path / "b")
    for folder in folders:
        folder.mkdir()
    groups = ControlGroups(folders)

    groups.join()

    assert [(folder / "cgroup.procs").read_text() for folder in folders] == ["0", "0"]
    assert not groups.remove()
    assert all(folder.exists() for folder in folders)
    for folder in folders:
        (folder / "cgroup.procs").unlink()
    assert groups.remove()
    assert not any(folder.exists() for folder in folders)
