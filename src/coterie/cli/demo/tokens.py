"""A Hub API token for each person of the demo, for trying the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from coterie.cli.demo.people import PASSWORD, PEOPLE
from coterie.cli.demo.state import write_private


async def keep_tokens(http: httpx.AsyncClient, hub_url: str, file: Path) -> dict[str, str]:
    """The tokens in *file*, those renewed that the Hub does not know (any more). *file* then holds them all."""
    kept = _read(file)
    tokens = {}
    for name in PEOPLE:
        token = kept.get(name)
        if not isinstance(token, str) or not await _is_valid(http, hub_url, name, token):
            token = await _make(http, hub_url, name)
        tokens[name] = token
    write_private(file, tokens)
    return tokens


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


async def _is_valid(http: httpx.AsyncClient, hub_url: str, name: str, token: str) -> bool:
    response = await http.get(f"{hub_url}hub/api/user", headers={"Authorization": f"token {token}"})
    return response.is_success and response.json().get("name") == name


async def _make(http: httpx.AsyncClient, hub_url: str, name: str) -> str:
    response = await http.post(
        f"{hub_url}hub/api/users/{name}/tokens",
        json={"auth": {"username": name, "password": PASSWORD}, "note": "Coterie demo, tokens.json"},
    )
    response.raise_for_status()
    token: str = response.json()["token"]
    return token
