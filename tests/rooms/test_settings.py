"""What a deployment sets reaches the rooms in the units that they count in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from traitlets import TraitError
from traitlets.config import Config

from coterie.server.rooms import extension
from coterie.server.rooms.extension import RoomsExtension
from coterie.server.rooms.problems import PROBLEMS_SETTING
from coterie.server.rooms.settings import Settings
from rooms.serving import Server


class RoomsOfOurs:
    """Keeps what it is made with."""

    made: Settings
    problems = object()

    def __init__(self, web: Any, log: Any, settings: Settings) -> None:
        RoomsOfOurs.made = settings

    def start(self) -> None:
        """Nothing goes on."""

    async def close(self) -> None:
        """Nothing was begun."""


@pytest.fixture
async def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(extension, "Rooms", RoomsOfOurs)
    started: list[Server] = []

    async def start(**traits: Any) -> Server:
        server = Server(tmp_path, tmp_path)
        server._app.config.RoomsExtension = Config(traits)
        started.append(server)
        await server.start()
        return server

    yield start
    for server in started:
        await server.stop()


async def test_without_a_word_the_journals_lie_in_the_home_folder(configured: Any, tmp_path: Path) -> None:
    await configured()

    assert RoomsOfOurs.made == Settings(
        journal_folder=tmp_path / ".coterie" / "journal",
        sync_seconds=1.0,
        keep_days=30.0,
        keep_bytes=16 * 1024 * 1024,
        forget_after=60.0,
    )


async def test_what_is_set_counts(configured: Any) -> None:
    await configured(
        journal_folder="/srv/journal",
        journal_sync_seconds=0.5,
        journal_keep_days=7,
        journal_keep_megabytes=2,
        forget_after_seconds=5,
    )

    assert RoomsOfOurs.made == Settings(
        journal_folder=Path("/srv/journal"),
        sync_seconds=0.5,
        keep_days=7.0,
        keep_bytes=2 * 1024 * 1024,
        forget_after=5.0,
    )


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("journal_folder", ""),
        ("journal_folder", "journal"),
        ("journal_sync_seconds", 0.0),
        ("journal_keep_days", -1.0),
        ("journal_keep_megabytes", 0),
        ("forget_after_seconds", -1.0),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(trait: str, value: object) -> None:
    with pytest.raises(TraitError):
        RoomsExtension(**{trait: value})


async def test_the_live_channel_finds_the_problems(configured: Any) -> None:
    server = await configured()

    assert server._app.web_app.settings[PROBLEMS_SETTING] is RoomsOfOurs.problems
