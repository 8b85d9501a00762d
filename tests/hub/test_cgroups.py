"""Control groups: which are found, and what is written into them. The folders are a test's own."""

from __future__ import annotations

from pathlib import Path

from coterie.hub.cgroups import ControlGroups, Shares, make_groups

SHARES = Shares(memory=1000, processes=20, cpus=1.5)


def _given(tmp_path: Path, own: str, files: dict[str, str]) -> ControlGroups:
    for name, content in files.items():
        path = tmp_path / "mounted" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
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
    assert (mounted / "cpu,cpuacct/server/cpu.cfs_quota_us").read_text() == "150000"


def test_the_second_version_has_one_beside_the_hubs_own(tmp_path: Path) -> None:
    groups = _given(
        tmp_path,
        "0::/coterie.service/hub\n",
        {
            "coterie.service/cgroup.procs": "",
            "coterie.service/cgroup.subtree_control": "cpu memory pids",
            "coterie.service/hub/cgroup.procs": "",
            "coterie.service/hub/cgroup.subtree_control": "",
        },
    )

    folder = tmp_path / "mounted/coterie.service/server"
    assert groups == ControlGroups((folder,), limits_memory=True)
    assert (folder / "memory.max").read_text() == "1000"
    assert (folder / "pids.max").read_text() == "20"
    assert (folder / "cpu.max").read_text() == "150000 100000"


def test_where_nothing_was_given_there_are_none(tmp_path: Path) -> None:
    files = {"user.slice/cgroup.procs": "", "user.slice/cgroup.subtree_control": "", "cgroup.procs": ""}

    assert _given(tmp_path, "0::/user.slice\n", files) == ControlGroups()
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
