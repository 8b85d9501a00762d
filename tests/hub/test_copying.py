"""Copying a workspace's files and packages, and removing them, with real folders and real packages."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coterie.hub.copied_folders import SourceGone, copy_folders
from coterie.hub.copy_job import CopyFailed, CopyJob, CopyLimits, run_copy
from coterie.hub.copying import Budget, Limit, LimitExceeded, Reason
from coterie.hub.folders import Folders, folders_of
from coterie.hub.removing import remove, sweep, take_away
from support.demo import Demo, until

SOURCE = "ws-aaaaaaaaaaaaaaaa"
TARGET = "ws-bbbbbbbbbbbbbbbb"


@pytest.fixture
def source(tmp_path: Path) -> Folders:
    folders = folders_of(SOURCE, below=tmp_path)
    folders.home.mkdir()
    folders.work.mkdir()
    return folders


@pytest.fixture
def target(tmp_path: Path) -> Folders:
    return folders_of(TARGET, below=tmp_path)


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


# --- Files -----------------------------------------------------------------------------------------------------------


def test_files_folders_modes_and_times_are_the_same(source: Folders, target: Folders) -> None:
    (source.work / "src").mkdir()
    script = source.work / "src" / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o4751)
    os.utime(script, ns=(1_000_000_007, 2_000_000_009))
    (source.work / "empty").mkdir(mode=0o555)
    (source.work / "data.bin").write_bytes(bytes(range(256)) * 9000)

    tally = copy_folders(source, target, with_outputs=True)

    copied = target.work / "src" / "run.sh"
    assert copied.read_text() == "#!/bin/sh\n"
    assert stat.S_IMODE(copied.stat().st_mode) == 0o751
    assert copied.stat().st_mtime_ns == 2_000_000_009
    assert stat.S_IMODE((target.work / "empty").stat().st_mode) == 0o555
    assert (target.work / "data.bin").read_bytes() == bytes(range(256)) * 9000
    assert stat.S_IMODE(target.home.stat().st_mode) == 0o700
    assert stat.S_IMODE(target.work.stat().st_mode) == stat.S_IMODE(source.work.stat().st_mode)
    assert (tally.files, dict(tally.left_out)) == (2, {})


def test_secrets_journals_and_temporary_files_stay_behind(source: Folders, target: Folders) -> None:
    for name in (".env", "id_rsa", "a.ipynb", ".~a.ipynb.coterie-0123", ".~a.ipynb.coterie-outside"):
        (source.work / name).write_text("{}")
    for name in (".ssh", ".ipynb_checkpoints", ".coterie"):
        (source.work / name).mkdir()
        (source.work / name / "inner").write_text("mine")
    (source.home / ".coterie").mkdir()
    (source.home / ".bash_history").write_text("mine")

    tally = copy_folders(source, target, with_outputs=True)

    assert _names(target.home) == {"work", "work/a.ipynb"}
    assert dict(tally.left_out) == {Reason.SECRET: 3}


def test_passwords_are_taken_out_of_gits_addresses(source: Folders, target: Folders) -> None:
    settings = source.work / "repository" / ".git" / "config"
    settings.parent.mkdir(parents=True)
    settings.write_text('[remote "origin"]\n\turl = https://me:canary@example.org/a.git\n')

    copy_folders(source, target, with_outputs=True)

    copied = (target.work / "repository" / ".git" / "config").read_text()
    assert copied == '[remote "origin"]\n\turl = https://example.org/a.git\n'


def test_gits_logs_that_are_too_large_to_be_searched_are_left_out(source: Folders, target: Folders) -> None:
    logs = source.work / ".git" / "logs"
    logs.mkdir(parents=True)
    (logs / "HEAD").write_bytes(b"clone: from https://me:canary@example.org/a.git\n" * 100_000)

    tally = copy_folders(source, target, with_outputs=True)

    assert _names(target.work) == {".git", ".git/logs"}
    assert dict(tally.left_out) == {Reason.PASSWORDS: 1}


@pytest.mark.parametrize(
    ("leads_to", "expected"),
    [
        ("a.txt", "a.txt"),
        ("../a.txt", None),
        ("folder/../a.txt", "folder/../a.txt"),
        ("not-there", "not-there"),
        ("/etc/hostname", None),
        (f"../../{SOURCE}/work/a.txt", None),
        ("{work}/a.txt", "{copy}/a.txt"),
        ("{work}/../secret", None),
        ("{work}", "{copy}"),
    ],
)
def test_links_stay_where_they_lead_to_something_in_the_copy(
    source: Folders, target: Folders, leads_to: str, expected: str | None
) -> None:
    (source.work / "a.txt").write_text("a")
    (source.home / "secret").write_text("canary")
    (source.work / "link").symlink_to(leads_to.format(work=source.work))

    tally = copy_folders(source, target, with_outputs=True)

    link = target.work / "link"
    found = str(link.readlink()) if link.is_symlink() else None
    assert found == (None if expected is None else expected.format(copy=target.work))
    assert tally.left_out[Reason.LINK] == (1 if expected is None else 0)


def test_a_link_to_a_folder_is_copied_as_a_link(source: Folders, target: Folders) -> None:
    (source.work / "data").mkdir()
    (source.work / "data" / "a.csv").write_text("1")
    (source.work / "nested").mkdir()
    (source.work / "nested" / "link").symlink_to("../data")

    copy_folders(source, target, with_outputs=True)

    assert (target.work / "nested" / "link").is_symlink()
    assert (target.work / "nested" / "link" / "a.csv").read_text() == "1"


@pytest.mark.parametrize("name", ["work", "environment"])
def test_a_link_in_the_place_of_a_folder_is_not_followed(source: Folders, target: Folders, name: str) -> None:
    outside = source.home.parent / "alice"
    outside.mkdir()
    (outside / "diary").write_text("canary")
    if name == "work":
        source.work.rmdir()
    (source.home / name).symlink_to(outside)

    with suppress(SourceGone):
        copy_folders(source, target, with_outputs=True)

    assert "canary" not in {path.read_text() for path in target.home.rglob("*") if path.is_file()}


def test_a_link_that_is_swapped_in_while_copying_leads_nowhere(source: Folders, target: Folders) -> None:
    outside = source.home.parent / "alice"
    (outside / "inner").mkdir(parents=True)
    (outside / "inner" / "file").write_text("canary")
    for number in range(50):
        (source.work / f"folder-{number}" / "inner").mkdir(parents=True)
        (source.work / f"folder-{number}" / "inner" / "file").write_text("mine")
    stopped = threading.Event()

    def swap() -> None:
        while not stopped.is_set():
            for number in range(50):
                folder, aside = source.work / f"folder-{number}", source.home / f"aside-{number}"
                folder.rename(aside)
                folder.symlink_to(outside)
                folder.unlink()
                aside.rename(folder)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for number in range(8):
            copy = folders_of(f"ws-{number}", below=target.home.parent)
            copy_folders(source, copy, with_outputs=True)
            contents = {path.read_text() for path in copy.work.rglob("*") if path.is_file()}
            assert contents <= {"mine"}
    finally:
        stopped.set()
        thread.join()


def test_sockets_and_pipes_are_left_out(source: Folders, target: Folders) -> None:
    os.mkfifo(source.work / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source.work / "s"))

        tally = copy_folders(source, target, with_outputs=True)

    assert _names(target.work) == set()
    assert dict(tally.left_out) == {Reason.SPECIAL: 2}


def test_names_need_not_be_text(source: Folders, target: Folders) -> None:
    name = b"caf\xe9 \n \xf0\x9f\x90\xa7"
    Path(os.fsdecode(os.fsencode(source.work) + b"/" + name)).write_text("ok")

    copy_folders(source, target, with_outputs=True)

    assert [os.fsencode(path.name) for path in target.work.iterdir()] == [name]


def test_a_tree_that_is_absurdly_deep_is_copied_as_far_as_is_sensible_and_removed_whole(
    source: Folders, target: Folders
) -> None:
    (source.work / "top").write_text("here")
    descriptor = os.open(source.work, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)

    tally = copy_folders(source, target, with_outputs=True)
    remove(source.home)

    assert (target.work / "top").read_text() == "here"
    assert (target.work / "/".join(["d"] * 150)).is_dir()
    assert dict(tally.left_out) == {Reason.TOO_DEEP: 1}
    assert not source.home.exists()


def test_holes_take_no_space_and_hard_links_stay_together(source: Folders, target: Folders) -> None:
    with (source.work / "sparse").open("wb") as file:
        file.seek(1 << 30)
        file.write(b"end")
        file.truncate(1 << 36)
    (source.work / "twin").hardlink_to(source.work / "sparse")

    copy_folders(source, target, with_outputs=True)

    copied = target.work / "sparse"
    assert copied.stat().st_size == 1 << 36
    assert copied.stat().st_blocks * 512 < 1 << 24
    assert copied.samefile(target.work / "twin")
    with copied.open("rb") as file:
        file.seek(1 << 30)
        assert file.read(4) == b"end\0"


def test_a_file_that_grows_without_end_is_copied_as_it_was(source: Folders, target: Folders) -> None:
    stopped = threading.Event()
    log = source.work / "log"
    log.write_bytes(b"x" * (1 << 20))

    def grow() -> None:
        with log.open("ab") as file:
            while not stopped.is_set():
                file.write(b"x" * (1 << 16))
                file.flush()
                if file.tell() > 1 << 28:
                    return

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        copy_folders(source, target, with_outputs=True)
    finally:
        stopped.set()
        thread.join()

    assert (target.work / "log").stat().st_size >= 1 << 20


def test_what_cannot_be_read_is_left_out_and_said(
    source: Folders, target: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source.work / "broken").write_text("broken" * 99)
    (source.work / "sound").write_text("sound")
    reading = os.pread

    def fails_for_the_broken(file: int, size: int, offset: int) -> bytes:
        content = reading(file, size, offset)
        if content.startswith(b"broken"):
            raise OSError(errno.EIO, "Input/output error")
        return content

    monkeypatch.setattr(os, "pread", fails_for_the_broken)

    tally = copy_folders(source, target, with_outputs=True)

    assert _names(target.work) == {"sound"}
    assert dict(tally.left_out) == {Reason.UNREADABLE: 1}


def test_the_process_that_copies_needs_no_jupyterhub() -> None:
    code = "import coterie.hub.copy_worker, sys; sys.exit('jupyterhub' in sys.modules)"

    assert subprocess.run([sys.executable, "-I", "-c", code], check=False).returncode == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_left_out_and_said(source: Folders, target: Folders) -> None:
    (source.work / "locked").write_text("x")
    (source.work / "locked").chmod(0)
    (source.work / "shut").mkdir(mode=0)

    tally = copy_folders(source, target, with_outputs=True)

    assert dict(tally.left_out) == {Reason.UNREADABLE: 2}


# --- Cut off, gone, full ---------------------------------------------------------------------------------------------


def test_a_copy_that_was_cut_off_is_made_again_from_the_beginning(source: Folders, target: Folders) -> None:
    (source.work / "a").write_text("a")
    (target.home / ".copying-abc" / "work").mkdir(parents=True)
    (target.home / ".copying-abc" / "work" / "half").write_text("half")
    (target.environment / "bin").mkdir(parents=True)
    source.environment.mkdir()
    (source.environment / "pyvenv.cfg").write_text("home = /usr/bin\n")

    copy_folders(source, target, with_outputs=True)

    assert _names(target.home) == {"work", "work/a", "environment", "environment/pyvenv.cfg"}


def test_a_source_that_is_not_there_leaves_nothing(source: Folders, target: Folders) -> None:
    source.work.rmdir()

    with pytest.raises(SourceGone):
        copy_folders(source, target, with_outputs=True)

    assert _names(target.home) == set()


def test_a_source_that_is_deleted_while_it_is_copied_leaves_nothing(source: Folders, target: Folders) -> None:
    for number in range(10):
        (source.work / f"{number}").write_text("x")

    def delete(_tally: object) -> None:
        take_away(source.home, below=source.home.parent)

    with pytest.raises(SourceGone):
        copy_folders(source, target, with_outputs=True, tell=delete)

    assert _names(target.home) == set()


def test_a_full_disk_leaves_nothing(source: Folders, target: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    (source.work / "a").write_text("a")

    def full(_file: int, _content: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)

    with pytest.raises(OSError, match="No space left"):
        copy_folders(source, target, with_outputs=True)

    assert _names(target.home) == set()


def _job(source: Folders, target: Folders, creator: str = "carol", **limits: float) -> CopyJob:
    return CopyJob(
        source=str(source.home),
        target=str(target.home),
        creator=creator,
        with_outputs=True,
        limits=CopyLimits.model_validate(limits),
    )


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (Budget(entries=9), Limit.ENTRIES),
        (Budget(size=9_999), Limit.SIZE),
        (Budget(seconds=-1), Limit.TIME),
    ],
)
def test_a_copy_that_exceeds_a_limit_is_given_up_and_leaves_nothing(
    source: Folders, target: Folders, budget: Budget, limit: Limit
) -> None:
    for number in range(10):
        (source.work / f"folder-{number}").mkdir()
    (source.work / "large").write_bytes(b"x" * 10_000)

    with pytest.raises(LimitExceeded) as exceeded:
        copy_folders(source, target, with_outputs=True, budget=budget)

    assert exceeded.value.limit is limit
    assert _names(target.home) == set()


def test_holes_count_for_nothing_and_a_copy_just_within_its_limits_is_made(source: Folders, target: Folders) -> None:
    with (source.work / "sparse").open("wb") as file:
        file.truncate(1 << 36)
    (source.work / "full").write_bytes(b"x" * 10_000)

    copy_folders(source, target, with_outputs=True, budget=Budget(entries=2, size=10_000, seconds=99))

    assert _names(target.work) == {"sparse", "full"}


def test_a_program_that_keeps_making_files_does_not_keep_a_copy_going(source: Folders, target: Folders) -> None:
    next_folder = source.work / "z"
    next_folder.mkdir()
    (source.work / "a").touch()

    def make_more(_tally: object) -> None:
        nonlocal next_folder
        (next_folder / "a").touch()
        next_folder = next_folder / "z"
        next_folder.mkdir()

    with pytest.raises(LimitExceeded):
        copy_folders(source, target, with_outputs=True, budget=Budget(entries=100), tell=make_more)


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({"files": 1}, "has more than 1 files and folders, which is too much to copy"),
        ({"gigabytes": 0.000001}, "has more than 1e-06 GB of files and packages, which is too much"),
        ({"hours": 0}, "has more than can be copied in 0 hours, which is too much"),
    ],
)
async def test_the_process_that_copies_says_which_limit_was_exceeded(
    source: Folders, target: Folders, limits: dict[str, float], sentence: str
) -> None:
    for name in ("a", "b"):
        (source.work / name).write_bytes(b"x" * 1000)

    with pytest.raises(CopyFailed, match=sentence):
        await run_copy(_job(source, target, **limits), list[str]().append)


async def test_nobody_has_two_copies_made_at_once(
    source: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()
    others_ran = asyncio.Event()

    async def follow(_process: object, job: CopyJob, _tell: object) -> None:
        running[job.creator] += 1
        most[job.creator] = max(most[job.creator], running[job.creator])
        if job.creator == "dave":
            others_ran.set()
        await others_ran.wait()
        running[job.creator] -= 1

    monkeypatch.setattr("coterie.hub.copy_job._follow", follow)
    people = ["carol", "carol", "carol", "dave"]
    jobs = [_job(source, folders_of(f"ws-{number}", below=tmp_path), name) for number, name in enumerate(people)]

    async with asyncio.timeout(20):
        await asyncio.gather(*(run_copy(job, list[str]().append) for job in jobs))

    assert dict(most) == {"carol": 1, "dave": 1}


async def test_the_process_that_copies_says_how_it_went(source: Folders, target: Folders) -> None:
    (source.work / "a").write_text("a")
    (source.work / ".env").write_text("a")
    said: list[str] = []

    await run_copy(_job(source, target), said.append)
    with pytest.raises(CopyFailed) as caught:
        await run_copy(_job(Folders(Path("/nowhere")), target), said.append)

    # Where it takes longer than a second there is more before it.
    assert said[-1] == "Copied 1 file, 0.0 MB; left out: 1 known secret file"
    assert "Delete this copy." in caught.value.sentence
    assert (target.work / "a").read_text() == "a"


# --- Notebooks -------------------------------------------------------------------------------------------------------

CELL = {
    "cell_type": "code",
    "execution_count": 3,
    "id": "one",
    "metadata": {"execution": {"iopub.execute_input": "2026-01-01"}, "tags": ["kept"]},
    "outputs": [{"output_type": "stream", "name": "stdout", "text": ["canary"]}],
    "source": ["print('🐧')"],
}
NOTEBOOK = {
    "cells": [CELL, {"cell_type": "markdown", "id": "two", "metadata": {}, "source": ["# canary bird"]}],
    "metadata": {"kernelspec": {"name": "python3"}, "widgets": {"state": "canary"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def _copied_notebook(source: Folders, target: Folders, content: bytes, *, with_outputs: bool) -> bytes:
    (source.work / "n.ipynb").write_bytes(content)
    copy_folders(source, target, with_outputs=with_outputs)
    return (target.work / "n.ipynb").read_bytes()


def test_outputs_are_taken_out_of_notebooks_where_that_is_ordered(source: Folders, target: Folders) -> None:
    copied = json.loads(_copied_notebook(source, target, json.dumps(NOTEBOOK).encode(), with_outputs=False))

    code, text = copied["cells"]
    assert code == CELL | {"execution_count": None, "metadata": {"tags": ["kept"]}, "outputs": []}
    assert text == NOTEBOOK["cells"][1]
    assert copied["metadata"] == {"kernelspec": {"name": "python3"}}


def test_outputs_stay_otherwise(source: Folders, target: Folders) -> None:
    content = json.dumps(NOTEBOOK).encode()

    assert _copied_notebook(source, target, content, with_outputs=True) == content


def test_notebooks_of_format_3_lose_their_outputs_too(source: Folders, target: Folders) -> None:
    old = {"worksheets": [{"cells": [{"cell_type": "code", "prompt_number": 1, "outputs": [{"text": "canary"}]}]}]}

    copied = _copied_notebook(source, target, json.dumps(old).encode(), with_outputs=False)

    assert json.loads(copied) == {"worksheets": [{"cells": [{"cell_type": "code", "outputs": []}]}]}


NO_NOTEBOOKS = [
    *(
        b"not json",
        b"[1, 2]",
        b'{"cells": 7}',
        b'{"cells": [3]}',
        b'"\xff"',
        b"[" * 100_000,
        b'{"worksheets": [3]',
        b"null",
    ),
    *(b'{"worksheets": 3}', b'{"worksheets": [3]}', b'{"cells": [], "worksheets": [{"cells": 3}]}', b"{}"),
]


@pytest.mark.parametrize("content", NO_NOTEBOOKS)
def test_what_is_no_notebook_is_left_out_and_said_where_outputs_are_to_go(
    source: Folders, target: Folders, content: bytes
) -> None:
    (source.work / "n.ipynb").write_bytes(content)

    tally = copy_folders(source, target, with_outputs=False)

    assert _names(target.work) == set()
    assert (tally.files, dict(tally.left_out)) == (0, {Reason.OUTPUTS: 1})


@pytest.mark.parametrize("content", [b"", b"\n", *NO_NOTEBOOKS])
def test_what_is_no_notebook_is_copied_as_it_is_with_outputs_and_nothing_always(
    source: Folders, target: Folders, content: bytes
) -> None:
    assert _copied_notebook(source, target, content, with_outputs=bool(content.strip())) == content


def test_a_notebook_too_large_to_be_read_is_left_out(source: Folders, target: Folders) -> None:
    with (source.work / "n.ipynb").open("wb") as file:
        file.truncate((1 << 30) + 1)

    tally = copy_folders(source, target, with_outputs=False)

    assert _names(target.work) == set()
    assert dict(tally.left_out) == {Reason.OUTPUTS: 1}


@pytest.mark.parametrize("name", ["N.IPYNB", "n.IpyNb", ".~n.ipynb", "n.ipynb~", "n.ipynb.bak", "#n.ipynb#"])
def test_other_names_of_notebooks_keep_no_outputs_either(source: Folders, target: Folders, name: str) -> None:
    (source.work / name).write_text(json.dumps(NOTEBOOK))

    copy_folders(source, target, with_outputs=False)

    (copied,) = json.loads((target.work / name).read_text())["cells"][:1]
    assert copied["outputs"] == []


def test_what_an_editor_keeps_of_a_notebook_is_left_out(source: Folders, target: Folders) -> None:
    (source.work / ".n.ipynb.swp").write_bytes(b"b0VIM canary")
    (source.work / "n.ipynb.html").write_text("kept")

    tally = copy_folders(source, target, with_outputs=False)

    assert _names(target.work) == {"n.ipynb.html"}
    assert dict(tally.left_out) == {Reason.OUTPUTS: 1}


def test_outputs_of_cells_of_no_known_kind_go_too(source: Folders, target: Folders) -> None:
    odd = {
        "cells": [{"cell_type": "Code", "outputs": ["canary"]}],
        "worksheets": [{"cells": [{"outputs": ["canary"]}]}],
    }

    assert b"canary" not in _copied_notebook(source, target, json.dumps(odd).encode(), with_outputs=False)


@pytest.mark.parametrize("odd", [{"cells": [{}, {"cell_type": "code", "metadata": 7}]}, {"cells": [], "metadata": 3}])
def test_odd_notebooks_do_no_harm(source: Folders, target: Folders, odd: Any) -> None:
    assert json.loads(_copied_notebook(source, target, json.dumps(odd).encode(), with_outputs=False))


# --- Packages --------------------------------------------------------------------------------------------------------


def _run(folders: Folders, *command: str | Path) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folders.home), "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        cwd=folders.home,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _wheel(folder: Path) -> Path:
    """A package with a module and a program."""
    info = "dinghy-1.0.dist-info"
    file = folder / "dinghy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("dinghy.py", "import sys\n\ndef main():\n    print(sys.prefix, __file__)\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: dinghy\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\ndinghy = dinghy:main\n")
        wheel.writestr(f"{info}/RECORD", "")
    return file


@pytest.fixture
def with_packages(source: Folders, tmp_path: Path) -> Folders:
    """A workspace in which a package and an editable one were installed."""
    source.prepare()
    python = source.environment / "bin" / "python"
    _run(source, python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", _wheel(tmp_path))
    (source.work / "mine").mkdir()
    (source.work / "mine" / "skiff.py").write_text("where = __file__\n")
    packages = next(source.environment.glob("lib/python*/site-packages"))
    (packages / "__editable__.skiff-1.0.pth").write_text(f"{source.work}/mine\n")
    finder = (
        f"MAPPING = {{'yawl': {str(source.work / 'mine' / 'yawl.py')!r}}}\nNEIGHBOUR = {str(source.work)!r} + '2'\n"
    )
    (packages / "__editable___yawl_finder.py").write_text(f"{finder}OTHER = '{source.work}2/yawl.py'\n")
    return source


def test_installed_packages_and_their_programs_work_in_the_copy(with_packages: Folders, target: Folders) -> None:
    copy_folders(with_packages, target, with_outputs=True)
    target.prepare()
    remove(with_packages.home)

    environment = str(target.environment)
    for command in ([target.environment / "bin" / "dinghy"], [target.environment / "bin" / "python", "-m", "dinghy"]):
        _run(target, *command)
    prefix, module = _run(target, target.environment / "bin" / "dinghy").split()
    assert prefix == environment
    assert module.startswith(environment)
    assert "dinghy" in _run(target, target.environment / "bin" / "pip", "list")


def test_editable_packages_lead_to_the_copys_own_files(with_packages: Folders, target: Folders) -> None:
    python = "import skiff, __editable___yawl_finder as f; print(skiff.where, f.MAPPING['yawl'], f.OTHER)"
    _run(with_packages, with_packages.environment / "bin" / "python", "-c", python)  # leaves compiled files

    copy_folders(with_packages, target, with_outputs=True)
    target.prepare()

    where, mapped, other = _run(target, target.environment / "bin" / "python", "-c", python).split()
    assert where == str(target.work / "mine" / "skiff.py")
    assert mapped == str(target.work / "mine" / "yawl.py")
    assert other == f"{with_packages.work}2/yawl.py"


def test_scripts_whose_interpreter_needs_two_lines_work_in_the_copy(source: Folders, target: Folders) -> None:
    source.prepare()
    script = source.environment / "bin" / "hello"
    script.write_text(
        f"#!/bin/sh\n'''exec' \"{source.environment}/bin/python\" \"$0\" \"$@\"\n' '''\n"
        f"import sys; print(sys.prefix, '{source.environment}')\n"
    )
    script.chmod(0o755)

    copy_folders(source, target, with_outputs=True)
    target.prepare()

    assert _run(target, target.environment / "bin" / "hello") == f"{target.environment} {source.environment}"


# --- Removing --------------------------------------------------------------------------------------------------------


def test_what_is_taken_away_is_gone_at_once_and_removed_for_good(source: Folders, target: Folders) -> None:
    outside = source.home.parent / "alice"
    outside.mkdir()
    (outside / "diary").write_text("mine")
    (source.work / "link").symlink_to(outside)
    (source.work / "locked").mkdir()
    (source.work / "locked" / "inner").mkdir()
    (source.work / "locked" / "inner" / "file").write_text("x")
    (source.work / "locked" / "inner").chmod(0)
    (source.work / "locked").chmod(0o500)

    take_away(source.home, below=source.home.parent)
    assert not source.home.exists()
    sweep(source.home.parent)

    assert [path.name for path in source.home.parent.iterdir()] == ["alice"]
    assert (outside / "diary").read_text() == "mine"


def test_taking_away_what_is_not_there_is_fine(tmp_path: Path) -> None:
    take_away(tmp_path / "not-there", below=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_no_account_has_a_folder_that_looks_as_if_it_waited_to_be_removed(tmp_path: Path) -> None:
    assert not folders_of("+gone-0123", below=tmp_path).home.name.startswith("+gone-")


# --- In the demo -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Opened:
    """A workspace of Alice's whose server runs, with Carol as Editor."""

    id: str
    folders: Folders


@pytest.fixture(scope="module")
async def opened(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    workspace = await demo.create("alice", "With a package")
    await demo.grant("alice", workspace, "carol", "editor")
    folders = Folders(demo.work(await demo.open("alice", workspace)).parent)
    wheel = _wheel(tmp_path_factory.mktemp("wheels"))
    _run(folders, folders.environment / "bin" / "python", "-m", "pip", "install", "-q", "--no-index", wheel)
    (folders.work / "notes.md").write_text("of now")
    (folders.work / ".env").write_text("PASSWORD=canary")
    return Opened(workspace, folders)


async def _copy(demo: Demo, who: str, workspace: str) -> str:
    answer = await demo.api(who, "POST", f"workspaces/{workspace}/copy", json={"name": "Copy"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.mark.hub
async def test_a_copy_is_made_at_once_works_by_itself_and_goes_with_its_files(demo: Demo, opened: Opened) -> None:
    copy = await _copy(demo, "carol", opened.id)

    async def is_running() -> bool:
        return (await demo.api("carol", "GET", f"workspaces/{copy}")).json()["server"] == "running"

    await until(is_running, within=60)
    (opened.folders.work / "notes.md").write_text("of later")
    url = await demo.open("carol", copy)
    folders = Folders(demo.work(url).parent)
    notes = await demo.server("carol", "GET", f"{url}api/contents/notes.md")
    assert notes.json()["content"] == "of now"
    assert not (folders.work / ".env").exists()
    assert _run(folders, folders.environment / "bin" / "dinghy").startswith(f"{folders.environment} ")
    assert (await demo.server("alice", "GET", f"{url}api/contents/notes.md")).status_code != 200

    deleted = await demo.api("carol", "DELETE", f"workspaces/{copy}")

    assert deleted.status_code == 204
    assert not folders.home.exists()
    assert opened.folders.work.exists()


@pytest.mark.hub
async def test_a_copy_whose_source_has_no_files_says_so_and_can_be_deleted(demo: Demo, opened: Opened) -> None:
    opened.folders.work.rename(opened.folders.home / "aside")
    try:
        copy = await _copy(demo, "carol", opened.id)
        with pytest.raises(AssertionError, match=r"has no files any more\. Delete this copy\."):
            await demo.open("carol", copy)
    finally:
        (opened.folders.home / "aside").rename(opened.folders.work)

    assert (await demo.api("carol", "DELETE", f"workspaces/{copy}")).status_code == 204
