"""What a server is told at its start, and where its files are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from coterie.hub.environment import Place, home_of, server_environment
from coterie.hub.folders import Folders, folders_of
from coterie.server.place import Place as ServersPlace
from coterie.wire.bodies import clean_name


def test_a_server_learns_its_workspace_its_session_and_where_the_service_is() -> None:
    environment = server_environment(
        Place("abcdefgh234567ab", "Penguins"),
        session="s1",
        service_url="http://127.0.0.1:1/services/coterie/",
        service_public_url="http://coterie--service.hub.localhost/services/coterie/",
    )

    expected = {
        "COTERIE_WORKSPACE": "abcdefgh234567ab",
        "COTERIE_WORKSPACE_NAME": "Penguins",
        "COTERIE_SESSION": "s1",
        "COTERIE_SERVICE_URL": "http://127.0.0.1:1/services/coterie/",
        "COTERIE_SERVICE_PUBLIC_URL": "http://coterie--service.hub.localhost/services/coterie/",
    }
    assert environment == expected


@pytest.mark.parametrize(
    "name",
    [
        "$(JUPYTERHUB_API_TOKEN)",
        "$$(HOME) ${HOME} `id`",
        "{username}",
        "%h %% %41",
        "back\\slash \\n",
        'it\'s "quoted"',
        "a+b & c=d;e#f",
        "Größe 企鹅 🐧",
    ],
)
def test_a_name_reaches_the_server_as_it_is_and_means_nothing_on_the_way(name: str) -> None:
    told = server_environment(
        Place("abcdefgh234567ab", clean_name(name)),
        session="s1",
        service_url="http://s/",
        service_public_url="http://p/",
    )

    assert re.fullmatch(r"[\w.~%-]+", told["COTERIE_WORKSPACE_NAME"], re.ASCII)
    assert ServersPlace.from_environment(told).name == name


def test_line_breaks_would_be_harmless_too() -> None:
    told = server_environment(
        Place("abcdefgh234567ab", "a\nPATH=/tmp\r\0"),
        session="s1",
        service_url="http://s/",
        service_public_url="http://p/",
    )

    assert told["COTERIE_WORKSPACE_NAME"] == "a%0APATH%3D%2Ftmp%0D%00"


def test_a_home_is_written_with_a_tilde() -> None:
    assert home_of("alice") == Place("~alice", "Home of alice")


@pytest.mark.parametrize("account", ["..", ".", "...", "../alice", "a/../../b", "/etc", "a\\b", "%2E%2E", "ä b"])
def test_no_name_leads_out_of_the_folder_or_into_another_accounts(account: str, tmp_path: Path) -> None:
    home = folders_of(account, below=tmp_path).home

    assert home.parent == tmp_path
    assert home.resolve() == tmp_path.resolve() / home.name
    assert home != folders_of("alice", below=tmp_path).home


def test_names_that_differ_have_folders_that_differ(tmp_path: Path) -> None:
    names = ["..", "%2E%2E", ".", "%2E", "a/b", "a%2Fb", "a b", "a%20b"]

    assert len({folders_of(name, below=tmp_path).home for name in names}) == len(names)


def test_a_first_start_makes_private_folders_and_brings_the_sample(tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    sample.mkdir()
    (sample / "notes.md").write_text("hello")
    folders = Folders(tmp_path / "servers" / "ws")

    folders.prepare(sample=sample)

    assert folders.home.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in folders.work.iterdir()] == ["notes.md"]
    assert (folders.environment / "pyvenv.cfg").is_file()


def test_later_starts_leave_the_files_alone(tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    sample.mkdir()
    (sample / "notes.md").write_text("hello")
    folders = Folders(tmp_path / "ws")
    folders.prepare(sample=sample)
    (folders.work / "notes.md").unlink()
    (folders.work / "mine.txt").write_text("mine")

    folders.prepare(sample=sample)

    assert [file.name for file in folders.work.iterdir()] == ["mine.txt"]


def test_a_workspace_without_a_sample_starts_empty(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "ws")

    folders.prepare(sample=tmp_path / "nothing here")

    assert list(folders.work.iterdir()) == []
