from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from coterie.server.rooms.worker import placing
from coterie.server.rooms.worker.placing import Place, find_moved
from coterie.server.rooms.worker.results import Gone, NotSettled, Unreadable


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "a.txt").write_text("old")
    return Place(tmp_path / "a.txt", "key")


def put(place: Place, data: bytes = b"new") -> bytes:
    place.write_draft(data)
    old, _ = place.exchange()
    place.drop_outcast()
    return old


def test_one_content_takes_the_place_of_the_other_which_is_answered(place: Place) -> None:
    assert b"old" == put(place)
    assert b"new" == place.file.read_bytes()
    assert [place.file] == list(place.file.parent.iterdir())


def test_the_stamp_is_that_of_what_was_put_there(place: Place) -> None:
    place.write_draft(b"new")
    _, stamp = place.exchange()

    assert place.stamp() == stamp == place.read().stamp


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP])
@pytest.mark.parametrize("has_links", [True, False])
def test_where_files_cannot_be_exchanged_one_replaces_the_other(
    place: Place, monkeypatch: pytest.MonkeyPatch, number: int, has_links: bool
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, "cannot")

    monkeypatch.setattr(placing, "_exchange", fail)
    if not has_links:
        monkeypatch.setattr(Path, "hardlink_to", fail)

    assert b"old" == put(place)
    assert b"new" == place.file.read_bytes()
    assert [place.file] == list(place.file.parent.iterdir())


def test_an_exchange_that_fails_leaves_both_where_they_were(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, "broken")

    place.write_draft(b"new")
    monkeypatch.setattr(placing, "_exchange", fail)
    with pytest.raises(OSError, match="broken"):
        place.exchange()

    assert (b"old", b"new") == (place.file.read_bytes(), place.draft.read_bytes())
    assert not place.outcast.exists()


def test_what_a_link_points_to_is_written_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("data/real.txt")
    put(Place(tmp_path / "link.txt", "key"))

    assert (tmp_path / "link.txt").is_symlink()
    assert "new" == (tmp_path / "data" / "real.txt").read_text()
    assert {tmp_path / "data", tmp_path / "link.txt"} == set(tmp_path.iterdir())


def test_mode_and_attributes_are_those_of_the_file_before(place: Place) -> None:
    place.file.chmod(0o640)
    try:
        os.setxattr(place.file, "user.coterie", b"kept")
    except OSError:
        names = []
    else:
        names = ["user.coterie"]
    put(place)

    assert 0o640 == stat.S_IMODE(place.file.stat().st_mode)
    assert names == os.listxattr(place.file)


def test_nobody_else_can_read_a_draft_of_a_private_file(place: Place) -> None:
    place.file.chmod(0o600)
    place.write_draft(b"new")

    assert 0o600 == stat.S_IMODE(place.draft.stat().st_mode)


def test_a_draft_replaces_whatever_lies_in_its_place(place: Place, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("untouched")
    place.draft.symlink_to(tmp_path / "target")
    put(place)

    assert ("new", "untouched") == (place.file.read_text(), (tmp_path / "target").read_text())


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    place = Place(tmp_path / "a.txt", "key")
    for act in (place.read, place.stamp, lambda: place.write_draft(b"new")):
        with pytest.raises(Gone):
            act()

    assert [] == list(tmp_path.iterdir())


def test_a_folder_in_the_files_place_stays(place: Place) -> None:
    place.write_draft(b"new")
    place.file.unlink()
    place.file.mkdir()

    with pytest.raises(Unreadable):
        place.exchange()
    assert place.file.is_dir()


def test_names_of_any_characters_can_be_placed(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9 \n\xff.txt")
    path.write_text("old")
    put(Place(path, "key"))

    assert "new" == path.read_text()


def test_documents_that_share_a_file_do_not_share_a_draft(place: Place) -> None:
    other = Place(place.file, "other")
    place.write_draft(b"new")
    other.write_draft(b"of the other")
    place.exchange()

    assert (b"new", b"of the other") == (place.file.read_bytes(), other.draft.read_bytes())


def test_a_draft_has_no_longer_name_than_an_outcast(place: Place) -> None:
    assert len(place.draft.name) == len(place.outcast.name)


@pytest.mark.parametrize("is_other_there", [True, False])
def test_only_the_draft_that_was_written_is_put_into_place(place: Place, is_other_there: bool) -> None:
    place.write_draft(b"new")
    aside = place.draft.rename(place.file.with_name("aside"))
    if is_other_there:
        place.draft.write_bytes(b"not ours")
    with pytest.raises(NotSettled):
        place.exchange()

    assert (b"old", b"new") == (place.file.read_bytes(), aside.read_bytes())
    assert not place.outcast.exists()


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_where_nothing_can_be_removed_it_stays(place: Place, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, "cannot")

    monkeypatch.setattr(Path, "unlink", fail)
    place.drop_draft()
    place.drop_outcast()


def test_an_outcast_that_cannot_be_removed_for_another_reason_is_no_secret(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(Path, "unlink", fail)
    place.drop_draft()
    with pytest.raises(OSError, match="broken"):
        place.drop_outcast()


def test_a_moved_file_is_found_by_its_stamp(place: Place, tmp_path: Path) -> None:
    stamp = place.stamp()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "loop").symlink_to(tmp_path)
    place.file.rename(tmp_path / "deep" / "er" / "b.txt")

    assert {stamp: tmp_path / "deep" / "er" / "b.txt"} == find_moved(tmp_path, {stamp}, 10)
    assert {} == find_moved(tmp_path, {stamp}, -1)


def test_many_moved_files_are_found_in_one_search(tmp_path: Path) -> None:
    moved = {}
    for number in range(20):
        place = Place(tmp_path / f"{number}.txt", "key")
        place.file.write_text("words")
        target = tmp_path / str(number % 3) / f"{number}.txt"
        target.parent.mkdir(exist_ok=True)
        moved[place.stamp()] = target
        place.file.rename(target)
    gone = (0, 0, 0, 0)

    assert moved == find_moved(tmp_path, {gone, *moved}, 10)


@pytest.mark.parametrize("part", range(4))
def test_a_file_of_which_only_part_of_the_stamp_is_the_same_is_another(place: Place, tmp_path: Path, part: int) -> None:
    device, inode, mtime, size = (value + (number == part) for number, value in enumerate(place.stamp()))

    assert {} == find_moved(tmp_path, {(device, inode, mtime, size)}, 10)


@pytest.mark.parametrize("hidden", [".b.txt", ".git/b.txt", ".trash/deep/b.txt"])
def test_what_is_hidden_is_not_taken_for_the_moved_file(place: Place, tmp_path: Path, hidden: str) -> None:
    stamp = place.stamp()
    (tmp_path / hidden).parent.mkdir(parents=True, exist_ok=True)
    place.file.rename(tmp_path / hidden)

    assert {} == find_moved(tmp_path, {stamp}, 10)


def test_an_outcast_is_not_taken_for_the_moved_file(place: Place) -> None:
    stamp = place.stamp()
    place.write_draft(b"new")
    place.exchange()

    assert stamp[1] == place.outcast.stat().st_ino
    assert {} == find_moved(place.file.parent, {stamp}, 10)
