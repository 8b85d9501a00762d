"""Start Coterie's rooms for the benchmark: ``python -m benchmarks.rooms.serve PORT FOLDER``.

Imports the server only when it is run: a process that the server starts imports this module too.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    from benchmarks.rooms.gated import serve

    serve(int(sys.argv[1]), Path(sys.argv[2]))
