"""Print the handler table of a workspace's server: a list of {"class", "pattern", "methods"}.

Builds the very application that ``python -m coterie.server`` serves, with every extension that is installed, and
leaves out only what needs a Hub to answer: the version check and the stream. Run in a process of its own:
``python route_table.py HOME``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def main(home: str) -> None:
    """Print the table as JSON."""
    os.environ |= {
        "HOME": home,
        "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:0/user/alice/",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/alice/",
        "JUPYTERHUB_API_TOKEN": "none",
        "JUPYTERHUB_API_URL": "http://127.0.0.1:1/hub/api",
        "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-alice",
        "JUPYTERHUB_USER": "alice",
        "JUPYTERHUB_OAUTH_CALLBACK_URL": "/user/alice/oauth_callback",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:servers!server=alice/"]',
        "JUPYTERHUB_DISABLE_USER_CONFIG": "1",
        "JUPYTERHUB_ROOT_DIR": home,
        "JUPYTER_RUNTIME_DIR": str(Path(home) / "runtime"),
        "COTERIE_WORKSPACE": "~alice",
        "COTERIE_SESSION": "session-of-a-test",
        "COTERIE_SERVICE_URL": "http://127.0.0.1:1/services/coterie/",
    }
    from coterie.server.app import CoterieServer
    from coterie.server.follower import Follower

    async def nothing(_: object) -> None:
        """No Hub and no service is there to be asked."""

    CoterieServer.check_hub_version = nothing
    Follower.run = nothing  # type: ignore[method-assign]
    root = ["--allow-root"] if os.geteuid() == 0 else []
    app = CoterieServer.initialize_server(argv=["--log-level=CRITICAL", *root])
    print("TABLE" + json.dumps(list(_rows(app.web_app))))
    os._exit(0)


def _rows(application: Any) -> Any:
    routers = [application.wildcard_router, application.default_router]
    seen = set()
    while routers:
        for rule in routers.pop().rules:
            if hasattr(rule.target, "rules"):
                routers.append(rule.target)
            elif (rule.target, rule.matcher) not in seen:
                seen.add((rule.target, rule.matcher))
                pattern = getattr(getattr(rule.matcher, "regex", None), "pattern", str(rule.matcher))
                yield {
                    "class": f"{rule.target.__module__}.{rule.target.__qualname__}",
                    "pattern": pattern,
                    "methods": [m for m in METHODS if _implements(rule.target, m)],
                }


def _implements(handler: type, method: str) -> bool:
    from tornado.web import RequestHandler

    name = method.lower()
    return getattr(handler, name) is not getattr(RequestHandler, name)


if __name__ == "__main__":
    main(sys.argv[1])
