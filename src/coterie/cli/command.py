"""What can be typed after ``coterie``. What a command needs is imported only when it runs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from coterie import __version__
from coterie.server.slow_imports import leave_out_slow_imports


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status. *arguments* are those of the process unless given."""
    options = _parser().parse_args(arguments)
    match options.command:
        case "service":
            return _run_service()
        case _:
            return _run_demo(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="coterie", description="Shared workspaces for JupyterHub.")
    parser.add_argument("--version", action="version", version=f"coterie {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "service",
        help="run the web service; JupyterHub starts it",
        description="Runs the web service with the settings that JupyterHub passes in the environment.",
    )
    demo = commands.add_parser(
        "demo",
        help="try Coterie on this machine",
        description="Runs a JupyterHub with Coterie, some people and a sample workspace, for this machine only.",
    )
    demo.add_argument("--port", type=_port, default=8000, help="port of the Hub's address (8000); 0 takes a free one")
    state = _default_state()
    demo.add_argument(
        "--state", type=Path, default=state, required=state is None, metavar="DIR", help="where it lives (%(default)s)"
    )
    demo.add_argument(
        "--no-subdomains",
        action="store_true",
        help="all of it on http://127.0.0.1:PORT/, for browsers that do not know *.localhost",
    )
    demo.add_argument("--no-browser", action="store_true", help="do not open a browser")
    return parser


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to 65535")


def _default_state() -> Path | None:
    """None where this process has no home, as users of some containers, whom /etc/passwd does not know, have none."""
    # An empty or relative XDG_STATE_HOME counts as not set, as its specification says.
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    try:
        return (state if state.is_absolute() else Path("~/.local/state").expanduser()) / "coterie-demo"
    except RuntimeError:
        return None


def _run_service() -> int:
    from coterie.service.serve import main as serve

    serve()
    return 0


def _run_demo(options: argparse.Namespace) -> int:
    leave_out_slow_imports()

    from coterie.cli.demo.run import DemoOptions, run_demo

    return run_demo(
        DemoOptions(
            state=options.state,
            port=options.port,
            subdomains=not options.no_subdomains,
            browser=not options.no_browser,
        )
    )
