"""The sample workspace: Alice's "Penguins", made once, at the first start on a state."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

import httpx

FILES = Path(__file__).with_name("files")
OWNER = "alice"
NAME = "Penguins"


async def make_sample(http: httpx.AsyncClient, service_url: str, token: str, samples: Path) -> None:
    """Creates the workspace with *token*, Alice's, and puts its files where the spawner takes them from.

    Nothing happens where the folder *samples* exists already, or Alice has a workspace of any kind.
    """
    if await asyncio.to_thread(samples.exists):
        return
    headers = {"Authorization": f"Bearer {token}"}
    listed = await http.get(f"{service_url}api/v1/workspaces", headers=headers)
    listed.raise_for_status()
    workspace: str | None = None
    if not listed.json()["items"]:
        created = await http.post(f"{service_url}api/v1/workspaces", json={"name": NAME}, headers=headers)
        created.raise_for_status()
        workspace = created.json()["id"]
    await asyncio.to_thread(_place_files, workspace, samples)


def _place_files(workspace: str | None, samples: Path) -> None:
    fresh = Path(tempfile.mkdtemp(prefix=".samples-", dir=samples.parent))
    if workspace is not None:
        shutil.copytree(FILES, fresh / workspace)
    fresh.rename(samples)
