"""A PostgreSQL server of the tests' own: started when it is needed, gone afterwards, reached by a socket alone."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

_MISSING = (
    "The tests need PostgreSQL's server programs (initdb, pg_ctl), version 13 or later. "
    "On Debian and Ubuntu: apt-get install postgresql"
)


@contextmanager
def postgresql_server() -> Iterator[str]:
    """The URL of the database ``postgres`` of a running server. Nothing in it survives, not even a power failure."""
    programs = _find_programs()
    # Below /tmp itself: a socket's path has about 100 characters at most, and TMPDIR may be closed to others.
    folder = Path(tempfile.mkdtemp(prefix="coterie-pg-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _server_user(), pwd.getpwnam(_server_user()).pw_gid)
        data = folder / "data"
        _run(programs / "initdb", "--pgdata", data, "--username=postgres", "--auth=trust", "--encoding=UTF8",
             "--no-locale", "--no-sync")  # fmt: skip
        # No TCP: only who may enter the folder reaches the server.
        options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
        options += " -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=200"
        _run(programs / "pg_ctl", "start", "--wait", "-D", data, "-l", folder / "log", "-o", options)
        try:
            yield f"postgresql+asyncpg://postgres@/postgres?host={folder}"
        finally:
            _run(programs / "pg_ctl", "stop", "--wait", "-D", data, "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def create_database(server_url: str) -> str:
    """The URL of a new, empty database of that server."""
    url = make_url(server_url)
    name = f"test_{secrets.token_hex(8)}"
    statement = f'CREATE DATABASE "{name}"'
    _run(_find_programs() / "psql", "-h", str(url.query["host"]), "-U", "postgres", "-qc", statement, "postgres")
    return url.set(database=name).render_as_string(hide_password=False)


def _find_programs() -> Path:
    candidates = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    if config := shutil.which("pg_config"):
        candidates.append(Path(subprocess.check_output([config, "--bindir"], text=True).strip()))
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(debian, key=lambda path: float(path.parent.name), reverse=True)
    for candidate in candidates:
        if all((candidate / program).exists() for program in ("initdb", "pg_ctl", "psql")):
            return candidate
    raise RuntimeError(_MISSING)


def _server_user() -> str:
    """PostgreSQL refuses to run as root: somebody else has to, best the user its package made."""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _run(program: Path, *arguments: str | Path) -> None:
    is_root = os.geteuid() == 0
    done = subprocess.run(
        [program, *arguments],
        user=_server_user() if is_root else None,
        group=pwd.getpwnam(_server_user()).pw_gid if is_root else None,
        extra_groups=[] if is_root else None,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"},
        # To a file, not a pipe: the server keeps it open, and reading a pipe would wait for the server's end.
        stdout=(log := tempfile.TemporaryFile()),  # noqa: SIM115
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    with log:
        if done.returncode != 0:
            log.seek(0)
            raise RuntimeError(f"{program.name} failed:\n{log.read().decode(errors='replace')}")
