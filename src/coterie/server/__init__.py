"""Inside each Jupyter server: who is calling, the gate, live connections, and rooms.

Runs as ``python -I -m coterie.server`` in place of ``jupyterhub-singleuser``.
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from coterie.server.app import (
        CoterieServer,
    )  # here, because the client and the Hub's process import this package too

    return [{"module": "coterie.server", "app": CoterieServer}]
