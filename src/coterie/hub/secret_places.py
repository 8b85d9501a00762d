"""Where the Hub and the service keep what must stay theirs, and whether servers in sandboxes would see it.

By itself JupyterHub writes its database and its cookie secret into the folder in which it was started, and reads its
configuration from there. That folder is often in the virtual environment, all of which every server reads.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jupyterhub.app import JupyterHub
from traitlets.config import Config

from coterie.hub.sandbox import deployment_folders, shows
from coterie.hub.stored import value_of


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """A file with secrets, or a folder of such files, and the *setting* that says where it is. *advice* says what to
    set instead."""

    setting: str
    path: Path
    advice: str


def secret_places(hub: Config, *, state: Path, database_url: str | None) -> Iterator[SecretPlace]:
    """Where ``c.JupyterHub``, the Hub's command line and JupyterHub's defaults put secrets, and Coterie in the folder
    *state*. Relative paths count from where the Hub was started."""
    if not value_of(hub, "cookie_secret", b"") and "JPY_COOKIE_SECRET" not in os.environ:
        path = _chosen(hub, "cookie_secret_file")
        yield SecretPlace(
            "c.JupyterHub.cookie_secret_file", _place(path), f"such as {str(state / 'jupyterhub_cookie_secret')!r}"
        )
    database = _file_of(_chosen(hub, "db_url"))
    if database is not None:
        better = f"such as {f'sqlite:///{state}/jupyterhub.sqlite'!r}"
        yield SecretPlace("c.JupyterHub.db_url", _place(database), better)
    database = _file_of(database_url or "")
    if database is not None:
        yield SecretPlace("database_url", state / database, "or leave it out")
    if _chosen(hub, "internal_ssl"):
        path = _chosen(hub, "internal_certs_location")
        yield SecretPlace(
            "c.JupyterHub.internal_certs_location", _place(path), f"such as {str(state / 'internal-ssl')!r}"
        )
    # A certificate is everybody's to read, but for one with the key in the same file.
    for name in ("ssl_key", "ssl_cert"):
        path = _chosen(hub, name)
        if path:
            yield SecretPlace(f"c.JupyterHub.{name}", _place(path), f"such as {str(state / Path(path).name)!r}")
            break
    if JupyterHub.initialized():
        yield SecretPlace(
            "The Hub's configuration (jupyterhub -f)",
            _place(JupyterHub.instance().config_file),
            "such as in /etc/jupyterhub",
        )


def why_shown(
    places: Iterable[SecretPlace], *, readable: Iterable[Path], plain_uids: tuple[int, int] | None
) -> str | None:
    """Why servers that may read the files and folders *readable* would see one of *places*, in a sentence; None where
    they would see none.

    *plain_uids* are the first and the last of the user numbers that they run as where the Hub is root. None: they run
    as the Hub's own user, and read what it reads.
    """
    shown_to_all = (*deployment_folders(), *readable)
    for secret in places:
        for path in _files(secret.path):
            shown = shows(path, shown_to_all)
            if shown is not None and (plain_uids is None or _can_read(path, shown, plain_uids)):
                closing = "" if plain_uids is None else " A file that exists and that root alone may read can stay."
                return (
                    f"{secret.setting} is at {path}. That lies in {shown}, which every server may read: choose a place "
                    f"elsewhere, {secret.advice}.{closing}"
                )
    return None


def _chosen(hub: Config, name: str) -> Any:
    """What JupyterHub takes for the setting *name*: the command line goes before the file, and that before defaults."""
    by_default = JupyterHub.class_traits()[name].default_value
    command_line = JupyterHub.instance().cli_config.JupyterHub if JupyterHub.initialized() else Config()
    return value_of(command_line, name, value_of(hub, name, by_default))


def _place(path: str) -> Path:
    return Path(path).expanduser().absolute()


def _file_of(url: str) -> str | None:
    """The file of an SQLite database, None for any other. JupyterHub takes a plain path for one, too."""
    if not url:
        return None
    if "://" not in url:
        return url
    parts = urlsplit(url)
    path = parts.path.removeprefix("/")
    if path.startswith("file:"):
        path = unquote(path.removeprefix("file:"))
    return path if parts.scheme.partition("+")[0] == "sqlite" and path not in ("", ":memory:") else None


def _files(path: Path) -> list[Path]:
    """*path* itself; of a folder with keys, those: certificates beside them are for everybody."""
    keys = sorted(path.rglob("*.key")) if path.is_dir() else []
    return keys or [path]


def _can_read(path: Path, shown: Path, users: tuple[int, int]) -> bool:
    """Whether one of *users* can read *path* where *shown* is, by the modes of what is there. What is not there yet
    may become readable."""
    top, real = shown.resolve(), path.resolve()
    inside = [part for part in (real, *real.parents) if part.is_relative_to(top)]
    return bool(inside) and all(_lets_in(part, users) for part in inside)


def _lets_in(path: Path, users: tuple[int, int]) -> bool:
    try:
        status = path.stat()
    except FileNotFoundError:
        return True
    needed = stat.S_IXOTH if stat.S_ISDIR(status.st_mode) else stat.S_IROTH
    first, last = users
    bits = status.st_mode
    if first <= status.st_gid <= last:
        bits |= status.st_mode >> 3
    if first <= status.st_uid <= last:
        bits |= status.st_mode >> 6
    return bool(bits & needed)
