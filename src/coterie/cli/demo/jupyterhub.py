"""``python -m coterie.cli.demo.jupyterhub``: as ``python -m jupyterhub``, and ready in half the processor time."""

from __future__ import annotations

from coterie.server.slow_imports import leave_out_slow_imports

if __name__ == "__main__":
    leave_out_slow_imports()

    from jupyterhub.app import main

    main()
