"""Static files, under addresses that change with their content, so that browsers may keep them for good."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"


@cache
def version(name: str) -> str:
    """A short digest of the file *name*. Raises FileNotFoundError, so that no template names a file that is not
    there."""
    return hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]


class _VersionedFiles(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("v", [""])[0]
        is_current = response.status_code == 200 and asked == version(path)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if is_current else "no-cache"
        return response


def static_app() -> StaticFiles:
    """The application that serves the static files."""
    return _VersionedFiles(directory=FOLDER)
