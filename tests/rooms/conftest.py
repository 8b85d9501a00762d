from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rooms.serving import Server


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    root = tmp_path / "work"
    root.mkdir()
    server = Server(root, tmp_path)
    await server.start()
    yield server
    await server.stop()
