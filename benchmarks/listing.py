"""Whether one person's list of workspaces stays as quick while the world grows: ``python benchmarks/listing.py``.

Starts a PostgreSQL server of its own and, on it, the whole service in this process, once for each size of the world.
Who is who is answered by a Hub that is stood in for: it knows alice's groups and rights at once, so that what is
measured is ours. Alice has the same 50 workspaces in every world, of every kind; all the rest belongs to others.
``--write`` puts the tables into the reference.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import platform
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

# In the place of this folder, whose file of the same name would be taken for the tests' package.
ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT / "tests")

import asyncpg  # noqa: E402
import httpx  # noqa: E402
from sqlalchemy import make_url  # noqa: E402

from coterie.hubapi import Directory, Hub, HubGroup, HubUser, TokenOwner  # noqa: E402
from coterie.service.app import create_app, put_together  # noqa: E402
from coterie.service.settings import Limits  # noqa: E402
from support.postgresql import create_database, postgresql_server  # noqa: E402
from support.settings import without_a_hub  # noqa: E402

REFERENCE = ROOT / "docs" / "reference" / "performance.md"
MARKS = "<!-- listing: written by make bench-listing -->", "<!-- listing: end -->"

SIZES = (1_000, 10_000, 100_000, 1_000_000)
SQLITE_SIZES = (1_000, 100_000)
ROUNDS = 100
#: Calls before the first that counts: connections are open then, and statements prepared.
WARMING = 20
#: How much the median may grow from the smallest world to the largest.
TARGET = 1.5

NOW = datetime.now(UTC)
CREATED = datetime(2026, 1, 1, tzinfo=UTC)
#: What alice has: created by her, shared with her by name, through two groups and through a right, Global.
OWN, BY_NAME, BY_GROUP, BY_RIGHT, EVERYBODYS = 10, 12, 12, 8, 8
LISTED = OWN + BY_NAME + BY_GROUP + BY_RIGHT + EVERYBODYS
GROUPS = {"astro": ["alice"], "/astro/dust": ["alice"]}
RIGHTS = ["gpu-users"]
#: How many people the others are. Each has a grant in the crowded workspace.
OTHERS = 10_000


class Everybody(Hub):
    """Knows alice with her groups and rights, and answers at once. A token is the name of whom it belongs to."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1/", "none")

    async def token_owner(self, token: str) -> TokenOwner | None:
        return TokenOwner(kind="user", name=token, scopes=["access:services!service=coterie"])

    async def find_user(self, name: str) -> HubUser | None:
        groups = [group for group, members in GROUPS.items() if name in members]
        return HubUser(name=name, created=CREATED, groups=groups, roles=RIGHTS if name == "alice" else [])

    async def list_users(self, *, active: bool = False) -> list[HubUser]:  # noqa: ARG002  (as the Hub's)
        return []

    async def list_groups(self) -> list[HubGroup]:
        return [HubGroup(name=name, users=members) for name, members in GROUPS.items()]


# --- A world ---------------------------------------------------------------------------------------------------------

Rows = Iterator[tuple[Any, ...]]
PERSON = ("id", "name", "hub_created")
WORKSPACE = ("id", "is_home", "name", "account", "creator_id", "general_access", "created_at")
GRANT = ("workspace_id", "principal_kind", "principal_key", "role", "source", "created_at", "created_by")


def identity(what: str, number: int = 0) -> str:
    """An id as the store makes them, always the same for the same thing."""
    return base64.b32encode(hashlib.blake2b(f"{what} {number}".encode(), digest_size=10).digest()).decode().lower()


ALICE = identity("alice")
#: Of alice's workspaces: one that 10,000 others are named in, and one where one is.
CROWDED, QUIET = identity("by name", 0), identity("by name", 1)


def other(number: int) -> str:
    """One of the others."""
    return identity("person", number % OTHERS)


def people() -> Rows:
    """Alice and the others."""
    yield ALICE, "alice", CREATED
    yield from ((other(number), f"person-{number}", CREATED) for number in range(OTHERS))


def workspace(what: str, number: int, creator: str, level: str = "restricted") -> tuple[Any, ...]:
    """One that was made *number* seconds ago."""
    account = f"ws-{identity(f'account of {what}', number)}"
    created_at = NOW - timedelta(seconds=number)
    return identity(what, number), False, f"Workspace {number}", account, creator, level, created_at


def workspaces(size: int) -> Rows:
    """Alice's, and *size* of the others'. Of theirs every hundredth is open to anyone with the link."""
    kinds = {"own": OWN, "by name": BY_NAME, "by group": BY_GROUP, "by right": BY_RIGHT, "global": EVERYBODYS}
    for what, count in kinds.items():
        for number in range(count):
            level = "global" if what == "global" else "restricted"
            yield workspace(what, number, ALICE if what == "own" else other(number), level)
    for number in range(size):
        yield workspace("other", number, other(number), "restricted" if number % 100 else "link")


def grant(workspace_id: str, kind: str, key: str, role: str = "viewer") -> tuple[Any, ...]:
    """A lasting direct grant."""
    return workspace_id, kind, key, role, "direct", NOW, other(0)


def grants(size: int) -> Rows:
    """What reaches alice, what crowds one of her workspaces, and one for each workspace of the others'."""
    yield from (grant(identity("by name", number), "user", ALICE, "co-owner") for number in range(BY_NAME))
    names = list(GROUPS)
    yield from (grant(identity("by group", number), "group", names[number % 2]) for number in range(BY_GROUP))
    yield from (grant(identity("by right", number), "right", RIGHTS[0]) for number in range(BY_RIGHT))
    yield from (grant(CROWDED, "user", other(number)) for number in range(OTHERS))
    for number in range(size):
        kind = ("user", "group", "user", "right")[number % 4]
        key = other(number + 1) if kind == "user" else f"{kind}-{number % 997}"
        yield grant(identity("other", number), kind, key)


async def fill_postgresql(url: str, size: int) -> None:
    """Store the world, and look it over as the database does by itself a minute later."""
    parts = make_url(url)
    connection = await asyncpg.connect(host=parts.query["host"], user="postgres", database=parts.database)
    await connection.copy_records_to_table("persons", columns=PERSON, records=people())
    await connection.copy_records_to_table("workspaces", columns=WORKSPACE, records=workspaces(size))
    await connection.copy_records_to_table("grants", columns=GRANT, records=grants(size))
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def fill_sqlite(url: str, size: int) -> None:
    """The same; SQLite is never looked over."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    for table, columns, rows in (
        ("persons", PERSON, people()),
        ("workspaces", WORKSPACE, workspaces(size)),
        ("grants", GRANT, grants(size)),
    ):
        texts = (tuple(_sqlite_text(each) for each in row) for row in rows)
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", texts)
    connection.commit()
    connection.close()


def _sqlite_text(value: object) -> object:
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


# --- Measuring -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def service_on(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The whole service in this process, called as alice."""
    settings = without_a_hub(database_url=database_url, limits=Limits(requests_per_second=0, requests_at_once=0))
    hub = Everybody()
    app = create_app(settings, put_together(settings, hub, Directory(hub, max_age=3600)))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url=f"{settings.public_url}api/v1/",
            headers={"Authorization": "Bearer alice"},
        ) as client,
    ):
        yield client


@dataclass(frozen=True)
class Call:
    """One call that is measured, and how many items its answer has."""

    words: str
    path: str
    items: int | None = None


LIST = Call("`GET /workspaces`", "workspaces", LISTED)
CALLS = (
    LIST,
    Call("`GET /workspaces/{id}`, one grant there", f"workspaces/{QUIET}"),
    Call("`GET /workspaces/{id}`, 10,001 grants there", f"workspaces/{CROWDED}"),
    Call("`GET /workspaces/{id}/grants`, the first 100 of them", f"workspaces/{CROWDED}/grants?limit=100"),
)


async def milliseconds(client: httpx.AsyncClient, call: Call) -> float:
    """How long one call takes."""
    begin = time.perf_counter()
    answer = await client.get(call.path)
    taken = 1000 * (time.perf_counter() - begin)
    assert answer.status_code == 200, answer.text
    assert call.items is None or call.items == len(answer.json()["items"]), answer.text
    return taken


Figures = dict[tuple[str, int], list[float]]


async def measure(worlds: dict[int, str]) -> Figures:
    """Every call in every world, by its words and the world's size. The worlds take turns, so that whatever else the
    machine does meets them all."""
    taken: Figures = {(call.words, size): [] for call in CALLS for size in worlds}
    async with AsyncExitStack() as stack:
        clients = {size: await stack.enter_async_context(service_on(url)) for size, url in worlds.items()}
        for turn in range(WARMING + ROUNDS):
            for size, client in clients.items():
                for call in CALLS:
                    figure = await milliseconds(client, call)
                    if turn >= WARMING:
                        taken[call.words, size].append(figure)
    return taken


async def build(
    sizes: tuple[int, ...], new: Callable[[int], str], fill: Callable[[str, int], Awaitable[None]]
) -> dict[int, str]:
    """A filled database for each size; its URL."""
    worlds = {}
    for size in sizes:
        worlds[size] = new(size)
        async with service_on(worlds[size]):
            pass  # makes the tables
        await fill(worlds[size], size)
        print(f"{size:,} workspaces are there", file=sys.stderr)
    return worlds


def table(title: str, figures: Figures) -> str:
    """Medians in milliseconds as Markdown, and how they grow."""
    sizes = sorted({size for _, size in figures})
    lines = [
        f"| {title}, in milliseconds | {' | '.join(f'{size:,}' for size in sizes)} | growth |",
        "|---" * (len(sizes) + 2) + "|",
    ]
    for call in CALLS:
        medians = [statistics.median(figures[call.words, size]) for size in sizes]
        cells = " | ".join(f"{median:.2f}" for median in medians)
        lines.append(f"| {call.words} | {cells} | {medians[-1] / medians[0]:.2f} |")
    return "\n".join(lines)


def about() -> str:
    """Where it was measured."""
    return (
        f"Medians of {ROUNDS} calls on a machine with {os.cpu_count()} cores (Python {platform.python_version()}, "
        f"{platform.system()} {platform.release().split('-')[0]}). Every world has one grant for each workspace. "
        f"The median of `GET /workspaces` may grow to {TARGET} times."
    )


async def run() -> tuple[str, float]:
    """The tables, and how `GET /workspaces` grows on PostgreSQL."""
    with postgresql_server() as server, tempfile.TemporaryDirectory() as folder:
        worlds = await build(SIZES, lambda _: create_database(server), fill_postgresql)
        on_postgresql = await measure(worlds)
        files = await build(SQLITE_SIZES, lambda size: f"sqlite:///{folder}/{size}.sqlite", fill_sqlite)
        on_sqlite = await measure(files)
    growth = statistics.median(on_postgresql[LIST.words, SIZES[-1]]) / statistics.median(
        on_postgresql[LIST.words, SIZES[0]]
    )
    tables = [table("PostgreSQL, workspaces in the world", on_postgresql)]
    tables.append(table("SQLite, workspaces in the world", on_sqlite))
    return "\n\n".join([about(), *tables]), growth


def write(text: str) -> None:
    """Put it between the marks in the reference. Raises ValueError where they are not."""
    page = REFERENCE.read_text(encoding="utf-8")
    between = re.compile(f"(?<={re.escape(MARKS[0])}\n).*(?={re.escape(MARKS[1])})", re.DOTALL)
    if not between.search(page):
        raise ValueError(f"{REFERENCE} has no place for the figures")
    REFERENCE.write_text(between.sub(lambda _: f"\n{text}\n\n", page), encoding="utf-8")


def main() -> None:
    """Run, print, and with --write publish. Ends with 1 where the list grows too much."""
    text, growth = asyncio.run(run())
    print(text)
    if "--write" in sys.argv[1:]:
        write(text)
    if growth > TARGET:
        sys.exit(f"the list grows {growth:.2f} times: the target is {TARGET}")


if __name__ == "__main__":
    main()
