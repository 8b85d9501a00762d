"""A pytest plugin: the fixtures of jupyter-server-ydoc's own plugin, with Coterie's rooms in the server.

To be loaded after that plugin, so that these fixtures are the ones that count.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coterie.policy.roles import Role
from coterie.server.access import Access

EDITOR = Access(person="id-of-somebody", name="somebody", role=Role.EDITOR)


@pytest.fixture
def jp_server_config(jp_server_config: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    extensions = {"coterie.server.rooms": True, "jupyter_server_fileid": True}
    return {
        "ServerApp": {**jp_server_config["ServerApp"], "jpserver_extensions": extensions},
        "BaseFileIdManager": jp_server_config["BaseFileIdManager"],
        "RoomsExtension": {"journal_folder": str(tmp_path / "journal")},
    }


@pytest.fixture
def jp_serverapp(jp_serverapp: Any) -> Any:
    """The server, with a stand-in for the gate that takes everybody for an Editor."""
    application = jp_serverapp.web_app
    original = application.get_handler_delegate

    def delegate(request: Any, cls: type[Any], *arguments: Any, **named: Any) -> Any:
        let_in = type(cls.__name__, (cls,), {"coterie_access": EDITOR})
        return original(request, let_in, *arguments, **named)

    application.get_handler_delegate = delegate
    return jp_serverapp
