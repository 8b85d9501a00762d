"""The demo's state folder: what is in it, and that only one demo uses it at a time."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class StateInUse(Exception):
    """Another demo runs on this state."""


@dataclass(frozen=True, slots=True)
class DemoState:
    """Names of files below *folder*, an absolute path."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "jupyterhub_config.py"

    @property
    def log(self) -> Path:
        return self.folder / "demo.log"

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens.json"

    @property
    def samples(self) -> Path:
        return self.folder / "samples"

    @property
    def routes(self) -> tuple[Path, Path]:
        """What the Hub tells the proxy: its own settings, and where everything is."""
        return self.folder / "traefik.toml", self.folder / "traefik-routes.toml"

    @property
    def running(self) -> Path:
        """``{hub_url, service_url, pids}`` while a demo runs."""
        return self.folder / "demo.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folder if needed and keeps it for this process. Raises StateInUse.

        The lock ends with the process, however it ends.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "demo.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StateInUse(f"A demo runs on {self.folder} already. Stop it, or use another --state.") from error
            yield

    def write_running(self, *, hub_url: str, service_url: str, pids: Iterable[int]) -> None:
        """Says where the demo is and which processes are its own."""
        write_private(self.running, {"hub_url": hub_url, "service_url": service_url, "pids": sorted(pids)})

    def read_pids(self) -> list[int]:
        """The processes of a demo that did not end as it should; nothing if it did."""
        try:
            pids = json.loads(self.running.read_text(encoding="utf-8"))["pids"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return []
        return [pid for pid in pids if isinstance(pid, int)] if isinstance(pids, list) else []


def write_private(file: Path, content: Any) -> None:
    """Replaces *file* by *content* as JSON, at once, readable by its owner alone."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=2)
        stream.write("\n")
    fresh.replace(file)
