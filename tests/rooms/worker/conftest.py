from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.server.rooms.worker import placing, process, trust
from rooms.worker.desk import Desk


@pytest.fixture(autouse=True)
def signatures(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A store of notebooks' signatures of the test's own."""
    folder = tmp_path_factory.mktemp("jupyter")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(folder))
    trust.close()
    yield folder
    trust.close()


@pytest.fixture(autouse=True)
def all_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody needs to wait after having written a file."""
    monkeypatch.setattr(placing, "JUST_NOW", 0.0)
    monkeypatch.setattr(placing, "QUIET", 0.0)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.crash()
    process.forget(desk.source.key)
