"""The Hub works in folders whose people swap what is there for links: nothing outside of them ever changes.

Whoever does that is what still runs in a workspace when its next start begins. Links are planted before, at every
single change that the Hub makes, and all the time by a thread.
"""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from coterie.hub.copied_folders import copy_folders
from coterie.hub.folders import Folders
from coterie.hub.open_folders import opened
from coterie.hub.packages import Deployment, lay_environment
from coterie.hub.plain_users import PLAIN_UIDS

USER = PLAIN_UIDS[0] if os.geteuid() == 0 else None
NEIGHBOUR = PLAIN_UIDS[1] if os.geteuid() == 0 else None
#: The calls that change something by a name, or open it.
CALLS = ("chmod", "chown", "link", "mkdir", "open", "rename", "replace", "rmdir", "symlink", "unlink")
VERSION = "python{}.{}".format(*Deployment.running().version)
RACE = 1.5  # seconds


def _everything(folder: Path) -> dict[str, object]:
    """What is in *folder*: content, owners, modes and numbers of names."""
    found: dict[str, object] = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        mode = status.st_mode
        content = path.readlink() if stat.S_ISLNK(mode) else path.read_bytes() if stat.S_ISREG(mode) else b""
        number = 0 if stat.S_ISDIR(mode) else status.st_nlink
        found[str(path)] = (mode, status.st_uid, status.st_gid, number, content)
    return found


def _account(home: Path, owner: int | None, text: str) -> Folders:
    """An account's folders with the same names in them as any other's, and *text* wherever there is any."""
    folders = Folders(home)
    packages = folders.environment / "lib" / VERSION / "site-packages"
    for folder in (folders.work / "inner", folders.environment / "bin", packages):
        folder.mkdir(parents=True)
    (folders.environment / "pyvenv.cfg").write_text(text)
    (packages / "coterie-deployment.pth").write_text(text)
    for name in ("python", "python3", VERSION):
        (folders.environment / "bin" / name).symlink_to(text)
    for file in ("bin/pip", "bin/pip3"):
        (folders.environment / file).write_text(text)
    for file in ("notes.md", "inner/one", "inner/same"):
        (folders.work / file).write_text(text)
    for path in [home, *home.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o700)
        if owner is not None:
            os.chown(path, owner, owner, follow_symlinks=False)
    return folders


class Machine:
    """Two accounts below one folder. *neighbour*'s files are nobody else's business."""

    def __init__(self, below: Path) -> None:
        self.mine = Folders(below / "mine")
        self.neighbour = Folders(below / "neighbour")
        self.sample = below / "sample"
        self.source = Folders(below / "source")

        self.lay_out()
        _account(self.neighbour.home, NEIGHBOUR, "neighbour")
        (self.sample / "inner").mkdir(parents=True)
        (self.sample / "inner" / "one").write_text("sample")
        source = _account(self.source.home, USER, "source")
        (source.work / "inner" / "same").unlink()
        (source.work / "inner" / "same").hardlink_to(source.work / "inner" / "one")

    def lay_out(self) -> None:
        """Our own folders as they were at the beginning."""
        if self.mine.home.exists():
            shutil.rmtree(self.mine.home)
        _account(self.mine.home, USER, "mine")

    def swap(self, pattern: str) -> None:
        """Put links to the neighbour's in the place of what is there by *pattern* in the home."""
        for path in self.mine.home.glob(pattern):
            first, *rest = path.relative_to(self.mine.home).parts
            begun = {".work-": "work", ".copying-": "."}
            name = next((to for prefix, to in begun.items() if first.startswith(prefix)), first)
            # On other machines than the test's the people of a workspace may not do this everywhere.
            path.rename(self.mine.home / f"was-{path.name.lstrip('.')}")
            path.symlink_to(self.neighbour.home.joinpath(name, *rest))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def _start(machine: Machine) -> None:
    machine.mine.prepare(owner=USER)


def _first_start(machine: Machine) -> None:
    shutil.rmtree(machine.mine.work)
    machine.mine.prepare(sample=machine.sample, owner=USER)


def _copy(machine: Machine) -> None:
    shutil.rmtree(machine.mine.work)
    copy_folders(machine.source, machine.mine, with_outputs=True)


INNER = ["environment", "environment/bin", "environment/lib", f"environment/lib/{VERSION}"]
INNER += [f"environment/lib/{VERSION}/site-packages"]
FILES = ["environment/pyvenv.cfg", f"environment/lib/{VERSION}/site-packages/coterie-deployment.pth"]
FILES += [f"environment/bin/{name}" for name in ("python", "python3", VERSION, "pip", "pip3")]


@pytest.mark.parametrize("component", [*INNER, *FILES, "work", "work/inner"])
def test_a_link_that_was_planted_before_is_not_followed(machine: Machine, component: str) -> None:
    before = _everything(machine.neighbour.home)
    machine.swap(component)

    _start(machine)

    assert before == _everything(machine.neighbour.home)
    assert machine.mine.environment.resolve().parent == machine.mine.home
    assert (machine.mine.environment / "bin" / "python").readlink() == Deployment.running().python
    assert (machine.mine.environment / "pyvenv.cfg").read_text().startswith("home = ")


@contextmanager
def _at_call(moment: int, do: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Do something right before the call to the system of that number. Answers what says whether it came to it."""
    seen = 0
    busy = False

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **options: Any) -> Any:
            nonlocal seen, busy
            if not busy:
                busy = True
                if seen == moment:
                    do()
                seen += 1
                busy = False
            return call(*arguments, **options)

        return called

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, watched(getattr(os, name)))
        yield lambda: seen > moment


def _changed_at(machine: Machine, component: str, act: Callable[[Machine], None]) -> list[int]:
    """The moments of *act* at which swapping *component* changes something of the neighbour's."""
    changed: list[int] = []
    before = _everything(machine.neighbour.home)
    for moment in count():
        machine.lay_out()
        with _at_call(moment, lambda: machine.swap(component)) as has_come, suppress(OSError):
            act(machine)
        if not has_come():
            return changed
        after = _everything(machine.neighbour.home)
        if before != after:
            changed.append(moment)
            before = after
    raise AssertionError


@pytest.mark.parametrize("component", INNER)
def test_a_link_that_is_planted_at_any_moment_of_a_start_is_not_followed(machine: Machine, component: str) -> None:
    assert _changed_at(machine, component, _start) == []


@pytest.mark.parametrize("component", [".work-*", ".work-*/inner", "environment"])
def test_neither_where_the_work_folder_is_made_anew(machine: Machine, component: str) -> None:
    assert _changed_at(machine, component, _first_start) == []


@pytest.mark.parametrize("component", [".copying-*", ".copying-*/work", ".copying-*/work/inner", "environment"])
def test_neither_where_files_are_copied_in(machine: Machine, component: str) -> None:
    assert _changed_at(machine, component, _copy) == []


def test_the_same_moments_would_be_enough_where_paths_are_followed(machine: Machine) -> None:
    def write_by_path(machine: Machine) -> None:
        folder = machine.mine.environment / "bin"
        for number in range(5):
            if folder.is_dir() and not folder.is_symlink():
                (folder / "pip").chmod(0o755 - number)

    assert len(_changed_at(machine, "environment/bin", write_by_path)) == 5


def test_a_thread_that_swaps_folders_all_the_time_changes_nothing_outside(machine: Machine) -> None:
    before = _everything(machine.neighbour.home)
    over = threading.Event()
    folders = [machine.mine.home / component for component in (*INNER, "work/inner")]

    def swap_and_swap_back() -> None:
        while not over.is_set():
            for folder in folders:
                aside = machine.mine.home / "aside"
                with suppress(OSError):
                    folder.rename(aside)
                    folder.symlink_to(machine.neighbour.home / folder.relative_to(machine.mine.home))
                with suppress(OSError):
                    folder.unlink()
                with suppress(OSError):
                    aside.rename(folder)

    thread = threading.Thread(target=swap_and_swap_back)
    timer = threading.Timer(RACE, over.set)
    thread.start()
    timer.start()
    while not over.is_set():
        with suppress(OSError), opened(str(machine.mine.home)) as home:
            lay_environment("environment", home, Deployment.running(), owner=USER)
        if USER is not None:
            os.chown(machine.mine.home, 0, 0)  # so that all is given away again
            with suppress(Exception):
                machine.mine.prepare(owner=USER)
    thread.join()

    assert before == _everything(machine.neighbour.home)


@pytest.mark.skipif(USER is None, reason="only root gives files away")
def test_what_is_copied_into_a_home_that_was_given_away_is_given_away_too(machine: Machine) -> None:
    _copy(machine)
    assert (machine.mine.work / "notes.md").stat().st_uid == 0

    _start(machine)

    assert {path.lstat().st_uid for path in machine.mine.home.rglob("*")} == {USER}


def test_a_sample_is_copied_as_it_is(machine: Machine) -> None:
    (machine.sample / "run.sh").touch(mode=0o755)
    (machine.sample / ".ssh").mkdir()
    (machine.sample / ".ssh" / "id_rsa").write_text("an example")
    (machine.sample / "latest").symlink_to("/somewhere/else")

    _first_start(machine)

    assert (machine.mine.work / ".ssh" / "id_rsa").read_text() == "an example"
    assert os.access(machine.mine.work / "run.sh", os.X_OK)
    assert (machine.mine.work / "latest").readlink() == Path("/somewhere/else")
    assert stat.S_IMODE(machine.mine.work.stat().st_mode) == 0o755
