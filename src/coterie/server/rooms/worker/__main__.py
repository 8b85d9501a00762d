"""The worker's process: ``python -I -m coterie.server.rooms.worker N``, which speaks through its open socket N."""

from __future__ import annotations

from coterie.server.hiding import hide_process

if __name__ == "__main__":
    # Before anything else is loaded: until then, code in the workspace can take the socket.
    hide_process()

    import sys

    from coterie.wire.redaction import redact_logs

    redact_logs()

    from coterie.server.rooms.worker.process import run

    run(int(sys.argv[1]))
