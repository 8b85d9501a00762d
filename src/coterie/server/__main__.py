"""Start a server: ``python -I -m coterie.server``. Isolated mode keeps out what people can write: the working
directory, the user's site-packages and every ``PYTHON*`` variable."""

from __future__ import annotations

from coterie.server.secrets import hide_process

if __name__ == "__main__":
    hide_process()

    from coterie.server.app import CoterieServer  # after the process is hidden: importing takes seconds

    CoterieServer.launch_instance()
