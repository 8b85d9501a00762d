"""Start a server: ``python -I -m coterie.server``. Isolated mode keeps out what people can write: the working
directory, the user's site-packages and every ``PYTHON*`` variable."""

from __future__ import annotations

import logging
import os

from coterie.server.secrets import hide_process, take_secrets

if __name__ == "__main__":
    hide_process()
    take_secrets()

    from coterie.server.app import CoterieServer  # after the process is hidden: importing takes seconds

    CoterieServer.launch_instance()

    # All is saved and stopped. Threads that read files wait for the requests that they were made for, and a WebSocket's
    # ends with its client: Python would wait for them until the Hub loses patience.
    logging.shutdown()
    os._exit(0)
