"""What settings of all spawners have in common: refusing what cannot be meant, and putting them into a Config.

The settings themselves are plain values: ``coterie.hub.kubernetes``, ``coterie.hub.docker``, ``coterie.hub.systemd``.
None of these modules imports a spawner, so that they need none installed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from traitlets.config import Config

from coterie.hub.stored import value_of

#: How long a server has to end after it was told to, in seconds. It takes about one: journals are written as people
#: type, and what is left is to save files and to end kernels.
GRACE: Final = 30
#: What runs as a server, behind the Python interpreter.
SERVER_ARGUMENTS: Final = ("-I", "-m", "coterie.server")
#: Kernels' sockets. Short, because a socket's path may have 107 bytes, and where nobody else reaches.
RUNTIME: Final = "/tmp/jupyter"  # noqa: S108 - the server's own

_SIZE = re.compile(r"[1-9][0-9]*(\.[0-9]+)?[KMGT]?")


def apply_settings(c: Config, section: str, settings: Mapping[str, Any]) -> None:
    """Puts *settings* into ``c.<section>``. Dicts are added to what the operator has there or, where they have nothing
    there, in ``c.Spawner``; ``environment`` to both.

    Raises ValueError where the operator has set something else already: which of the two is meant cannot be known.
    What is to be otherwise is set behind this call.
    """
    merged: dict[str, Any] = {}
    for name, value in settings.items():
        merged[name] = value
        # What is set for every kind of spawner counts where nothing is set for this one, and would be lost as silently.
        places = [place for place in ("Spawner", section) if name in c[place]]
        if places:
            found = [value_of(c[place], name, type(value)()) for place in places]
            theirs = {**found[0], **found[-1]} if name == "environment" else found[-1]
            merged[name] = _both(f"c.{places[-1]}.{name}", theirs, value)
    c[section].update(merged)


def _both(setting: str, theirs: Any, ours: Any) -> Any:
    if theirs == ours:
        return ours
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        both = [key for key in ours if theirs.get(key, ours[key]) != ours[key]]
        if not both:
            return {**theirs, **ours}
        setting += f" has {both[0]!r} already"
    else:
        setting += " is set already"
    raise ValueError(f"{setting}. {_BEHIND}")


_BEHIND = "Leave it to Coterie, or set it behind this call and know what it undoes."


def server_settings(home: str) -> dict[str, Any]:
    """The settings of any Spawner for a server whose home folder is *home*, with nothing of another account's in it."""
    return {
        # What JupyterLab shows lies beside the journals and not around them. The server makes it where it is missing.
        "notebook_dir": f"{home}/work",
        "environment": {"HOME": home, "JUPYTER_RUNTIME_DIR": RUNTIME, "LANG": "C.UTF-8"},
        # What an Editor writes into the home folder must never configure the gate's process.
        "disable_user_config": True,
    }


def need_size(what: str, size: str) -> str:
    """*size* where it is one as JupyterHub writes it, such as ``2G``. Raises ValueError."""
    if not _SIZE.fullmatch(size):
        raise ValueError(f"{what} has to be a size such as '500M' or '2G', not {size!r}.")
    return size


def need_folder(what: str, path: str) -> str:
    """*path* where it is absolute, has no way back up and names a folder below the top. Raises ValueError.

    Braces are refused because spawners fill in names there, and spaces and colons because they separate paths.
    """
    pure = PurePosixPath(path)
    if not pure.is_absolute() or len(pure.parts) < 2 or ".." in pure.parts or re.search(r"[\s:{}%$\\\"']", path):
        raise ValueError(f"{what} has to be the absolute path of a folder, without signs such as '{{', not {path!r}.")
    return str(pure)


def need_plain_user(number: int) -> int:
    """*number* where it is a user's who is not root. Raises ValueError."""
    if not 1 <= number < 2**32 - 1:
        raise ValueError(f"Servers run as a plain user: user has to be the number of one, not {number}.")
    return number


def need_positive(what: str, number: float) -> float:
    """*number* where it is more than zero. Raises ValueError."""
    if not number > 0:
        raise ValueError(f"{what} has to be more than zero, not {number}.")
    return number
