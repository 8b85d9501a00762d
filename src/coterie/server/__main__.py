"""Start a server: ``python -I -m coterie.server``. Isolated mode keeps out what people can write: the working
directory, the user's site-packages and every ``PYTHON*`` variable."""

from __future__ import annotations

import logging
import os

from coterie.server.first_process import stand_aside_if_first
from coterie.server.hiding import hide_process
from coterie.server.place import make_root
from coterie.server.secrets import take_secrets
from coterie.server.slow_imports import leave_out_slow_imports
from coterie.wire.redaction import redact_logs

if __name__ == "__main__":
    hide_process()
    stand_aside_if_first()
    redact_logs(*take_secrets())
    make_root()
    leave_out_slow_imports()

    from coterie.server.app import CoterieServer  # after the process is hidden: importing takes seconds

    CoterieServer.launch_instance()

    # All is saved and stopped. Threads that read files wait for the requests that they were made for, and a WebSocket's
    # ends with its client: Python would wait for them until the Hub loses patience.
    logging.shutdown()
    os._exit(0)
