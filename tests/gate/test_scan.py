"""What a scan of a folder finds, and what it leaves alone."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coterie.policy.secret_files import SecretKind
from coterie.server import scan
from coterie.server.scan import MAX_DEPTH, MAX_NOTEBOOK, MAX_OF_KIND, Found, Scan

TOKEN = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0fG1234"


def _notebook(folder: Path, name: str, source: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"cells": [{"source": source}], "nbformat": 4}))
    return file


def _scanned(*folders: Path, without: Path | None = None) -> tuple[Scan, dict[str, SecretKind]]:
    looked = Scan(*folders, without=without)
    looked.run()
    return looked, {found.path: found.kind for found in looked.take()}


def test_secrets_are_found_by_name_and_by_what_notebooks_say(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    for name in (".ssh/id_rsa", ".env", ".bash_history", ".netrc", "data.csv", "lib.py"):
        (tmp_path / name).write_text(TOKEN)
    _notebook(tmp_path, "deep/down/with.ipynb", f"token = '{TOKEN}'")
    _notebook(tmp_path, "without.ipynb", "print(1)")

    looked, found = _scanned(tmp_path)

    assert {
        ".ssh": SecretKind.KEY,
        ".ssh/id_rsa": SecretKind.KEY,
        ".env": SecretKind.ENVIRONMENT,
        ".bash_history": SecretKind.HISTORY,
        ".netrc": SecretKind.CREDENTIAL,
        "deep/down/with.ipynb": SecretKind.IN_NOTEBOOK,
    } == found
    assert (8, True) == (looked.files, looked.is_complete)


def test_nothing_of_what_was_found_is_kept(tmp_path: Path) -> None:
    _notebook(tmp_path, "a.ipynb", f"token = '{TOKEN}'")
    looked = Scan(tmp_path)
    looked.run()

    assert [Found("a.ipynb", SecretKind.IN_NOTEBOOK)] == looked.take()
    assert [] == looked.take()


def test_a_home_is_looked_through_but_for_its_packages(tmp_path: Path) -> None:
    for name in (".ssh/config", ".aws/config", "work/.env", "environment/a.pem", "work/environment/b.pem"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    _notebook(tmp_path, "environment/a.ipynb", TOKEN)

    looked, found = _scanned(tmp_path, tmp_path / "work", without=tmp_path / "environment")

    assert {
        ".ssh": SecretKind.KEY,
        ".aws": SecretKind.CREDENTIAL,
        "work/.env": SecretKind.ENVIRONMENT,
        "work/environment/b.pem": SecretKind.KEY,
    } == found
    assert (4, True) == (looked.files, looked.is_complete)


@pytest.mark.parametrize("is_linked", [False, True])
def test_what_lies_outside_of_the_home_is_looked_through_too(tmp_path: Path, is_linked: bool) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / ".netrc").write_text("x")
    _notebook(elsewhere, "deep/a.ipynb", TOKEN)
    if is_linked:
        (home / "work").symlink_to(elsewhere)

    looked, found = _scanned(home, home / "work" if is_linked else elsewhere)

    assert {".netrc": SecretKind.CREDENTIAL, "deep/a.ipynb": SecretKind.IN_NOTEBOOK} == found
    assert looked.is_complete


def test_a_home_in_what_is_looked_through_is_counted_once(tmp_path: Path) -> None:
    home = tmp_path / "users/home"
    home.mkdir(parents=True)
    (home / ".netrc").write_text("x")
    (tmp_path / "a.pem").write_text("x")

    looked, found = _scanned(home, tmp_path)

    assert {".netrc": SecretKind.CREDENTIAL, "a.pem": SecretKind.KEY} == found
    assert (2, True) == (looked.files, looked.is_complete)


def test_one_folder_that_is_gone_does_not_keep_the_other_from_being_looked_at(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("x")

    looked, found = _scanned(tmp_path.parent / "gone", tmp_path, without=tmp_path / "gone")

    assert ({"a.pem": SecretKind.KEY}, False) == (found, looked.is_complete)


def test_links_are_judged_by_their_own_name_and_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    _notebook(outside, "secret.ipynb", TOKEN)
    (outside / ".netrc").write_text("x")
    (root / "loop").symlink_to(root)
    (root / "out").symlink_to(outside)
    (root / "linked.ipynb").symlink_to(outside / "secret.ipynb")
    (root / ".env").symlink_to(outside / ".netrc")
    (root / "broken").symlink_to("nowhere")

    looked, found = _scanned(root)

    assert {".env": SecretKind.ENVIRONMENT} == found
    assert looked.is_complete


def test_a_folder_that_becomes_a_link_while_it_is_looked_at_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    _notebook(root, "folder/a.ipynb", "print(1)")
    _notebook(outside, "a.ipynb", TOKEN)
    (outside / ".netrc").write_text("x")
    swapped = []

    def swap(parts: tuple[str, ...]) -> bool:
        if not swapped:
            (root / "folder").rename(root / "was")
            (root / "folder").symlink_to(outside)
            swapped.append(parts)
        return True

    monkeypatch.setattr(scan, "_is_notebook", swap)
    _, found = _scanned(root)

    assert [("folder", "a.ipynb")] == swapped
    assert {} == found


def test_special_files_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ipynb")
    os.mkfifo(tmp_path / ".env")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s.pem"))
        looked, found = _scanned(tmp_path)

    assert ({}, 0, True) == (found, looked.files, looked.is_complete)


def test_a_notebook_that_becomes_a_pipe_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _notebook(tmp_path, "a.ipynb", TOKEN)

    def swap(parts: tuple[str, ...]) -> bool:
        (tmp_path / "a.ipynb").unlink()
        os.mkfifo(tmp_path / "a.ipynb")
        return True

    monkeypatch.setattr(scan, "_is_notebook", swap)
    looked, found = _scanned(tmp_path)

    assert ({}, True) == (found, looked.is_complete)


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is readable for root")
@pytest.mark.parametrize("is_folder", [False, True])
def test_what_cannot_be_read_is_passed_over_and_left_out(tmp_path: Path, is_folder: bool) -> None:
    closed = tmp_path / "closed"
    if is_folder:
        closed.mkdir(mode=0)
    else:
        _notebook(tmp_path, "a.ipynb", TOKEN).chmod(0)
    (tmp_path / "z.pem").write_text("x")
    try:
        looked, found = _scanned(tmp_path)
    finally:
        if is_folder:
            closed.chmod(0o700)

    assert ({"z.pem": SecretKind.KEY}, False) == (found, looked.is_complete)


def test_errors_of_single_folders_are_passed_over_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/1.pem", "b/2.pem"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("x")
    scandir, opened = os.scandir, []

    def failing(folder: int) -> Iterator[os.DirEntry[str]]:
        opened.append(folder)
        if len(opened) == 2:
            raise PermissionError("Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", failing)
    looked, found = _scanned(tmp_path)

    assert (1, False) == (len(found), looked.is_complete)


def test_errors_of_single_files_are_passed_over_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.ipynb", "b.ipynb"):
        _notebook(tmp_path, name, TOKEN)
    read, failed = os.read, []

    def failing(descriptor: int, length: int) -> bytes:
        if not failed:
            failed.append(descriptor)
            raise OSError("Input/output error")
        return read(descriptor, length)

    monkeypatch.setattr(os, "read", failing)
    looked, found = _scanned(tmp_path)

    assert (1, False) == (len(found), looked.is_complete)


def test_names_are_told_as_text_whatever_is_in_them(tmp_path: Path) -> None:
    names = ["new\nline.pem", "\u202egnp.pem", 'quote".pem', "<b>.pem", os.fsdecode(b"\xff.pem")]
    for name in names:
        (tmp_path / name).write_text("x")

    _, found = _scanned(tmp_path)

    assert {*names[:-1], "\ufffd.pem"} == set(found)


def test_a_token_across_two_pieces_of_a_file_is_found(tmp_path: Path) -> None:
    for filling in range(65536 - 40, 65536 + 2):
        (tmp_path / "a.ipynb").write_bytes(b" " * filling + TOKEN.encode() + b" " * 70000)
        assert {"a.ipynb": SecretKind.IN_NOTEBOOK} == _scanned(tmp_path)[1], filling


def test_a_notebook_that_is_too_large_is_not_read_and_left_out(tmp_path: Path) -> None:
    with (tmp_path / "a.ipynb").open("wb") as file:
        file.write(TOKEN.encode())
        file.truncate(MAX_NOTEBOOK + 1)

    looked, found = _scanned(tmp_path)

    assert ({}, False) == (found, looked.is_complete)


@pytest.mark.parametrize(("notebooks", "is_complete"), [(2, True), (3, False)])
def test_notebooks_beyond_the_limit_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notebooks: int, is_complete: bool
) -> None:
    monkeypatch.setattr(scan, "MAX_NOTEBOOKS", 2)
    for number in range(notebooks):
        _notebook(tmp_path, f"{number}.ipynb", TOKEN)

    looked, found = _scanned(tmp_path)

    assert (2, is_complete) == (len(found), looked.is_complete)


@pytest.mark.parametrize(("depth", "is_complete"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
def test_what_lies_too_deep_is_left_out(tmp_path: Path, depth: int, is_complete: bool) -> None:
    deepest = tmp_path.joinpath(*["d"] * depth)
    deepest.mkdir(parents=True)
    (deepest / "a.pem").touch()

    looked, found = _scanned(tmp_path)

    assert (int(is_complete), is_complete) == (len(found), looked.is_complete)


def test_packages_bring_samples(tmp_path: Path) -> None:
    folder = tmp_path / "lib/python3.11/site-packages/certifi"
    _notebook(folder, "sample.ipynb", TOKEN)
    (folder / "cacert.pem").write_text("x")

    looked, found = _scanned(tmp_path)

    assert ({}, 2) == (found, looked.files)


@pytest.mark.parametrize(("keys", "is_complete"), [(MAX_OF_KIND, True), (MAX_OF_KIND + 1, False)])
def test_no_more_of_a_kind_is_told_than_the_limit_and_others_are(tmp_path: Path, keys: int, is_complete: bool) -> None:
    for number in range(keys):
        (tmp_path / f"{number}.pem").touch()
    _notebook(tmp_path, "deep/down/a.ipynb", TOKEN)
    (tmp_path / "deep/down/.env").touch()

    looked, found = _scanned(tmp_path)

    kinds = {SecretKind.KEY: MAX_OF_KIND, SecretKind.IN_NOTEBOOK: 1, SecretKind.ENVIRONMENT: 1}
    assert kinds == Counter(found.values())
    assert (keys + 2, is_complete) == (looked.files, looked.is_complete)


class _Clock:
    """Goes on by *step* seconds each time somebody looks."""

    def __init__(self, step: float) -> None:
        self.step, self.time = step, 0.0

    def __call__(self) -> float:
        self.time += self.step
        return self.time


def _run_out(clock: Callable[[], float], root: Path) -> Scan:
    looked = Scan(root, clock=clock)
    looked.run()
    return looked


def test_it_ends_when_its_time_is_up(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number}.txt").touch()

    looked = _run_out(_Clock(0.5), tmp_path)

    assert 0 < looked.files < 30
    assert not looked.is_complete


def test_a_huge_folder_takes_no_time_from_what_is_near_the_top(tmp_path: Path) -> None:
    for folder in ("data/all", "archive"):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(200):
            (tmp_path / folder / f"{number}.txt").touch()
    for name in (".config/gh/hosts.yml", ".ssh/id_rsa", "work/deep/down/.env"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    _notebook(tmp_path, "work/a.ipynb", TOKEN)

    looked = _run_out(_Clock(0.02), tmp_path)

    found = {each.path for each in looked.take()}
    assert {".ssh", ".ssh/id_rsa", ".config/gh/hosts.yml"} == found - {"work/a.ipynb"}
    assert not looked.is_complete


def test_names_leave_time_for_notebooks(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for number in range(200):
        (tmp_path / "deep" / f"{number}.txt").touch()
    _notebook(tmp_path, "a.ipynb", TOKEN)

    looked = _run_out(_Clock(0.1), tmp_path)

    assert [Found("a.ipynb", SecretKind.IN_NOTEBOOK)] == looked.take()
    assert not looked.is_complete


@pytest.mark.parametrize("folders", [10, pytest.param(100, marks=pytest.mark.soak)])
def test_tens_of_thousands_of_files_are_counted_or_the_time_is_up(tmp_path: Path, folders: int) -> None:
    for folder in range(folders):
        (tmp_path / str(folder)).mkdir()
        for number in range(1000):
            os.close(os.open(tmp_path / str(folder) / f"{number}.txt", os.O_CREAT | os.O_WRONLY))

    looked, _ = _scanned(tmp_path)

    assert looked.files == 1000 * folders or not looked.is_complete


def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    (tmp_path / "a.pem").touch()
    looked = Scan(tmp_path)
    looked.stop()
    thread = threading.Thread(target=looked.run)
    thread.start()
    thread.join(10)

    assert not thread.is_alive()
    assert ([], False) == (looked.take(), looked.is_complete)


def test_a_folder_that_is_gone_is_nothing_complete(tmp_path: Path) -> None:
    looked, found = _scanned(tmp_path / "gone")

    assert ({}, 0, False) == (found, looked.files, looked.is_complete)
