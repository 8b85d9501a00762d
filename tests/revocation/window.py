"""The share window of a home with any number of guests, in this process, so that its queries can be counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from sqlalchemy import Connection, Engine, event

from coterie.actions.homes import ensure_known
from coterie.actions.world import World
from coterie.hubapi import Directory
from coterie.policy import Person, Role
from coterie.service.app import create_app, put_together
from pages.hub_of_ours import HubOfOurs
from support.settings import without_a_hub


class Window:
    """Alice's. *database* is the file that its service keeps everything in."""

    def __init__(self, world: World, http: httpx.AsyncClient, alice: Person, database: Path) -> None:
        self._world = world
        self._http = http
        self._alice = alice
        self._database = database
        self._count = 0

    async def let_in(self, count: int) -> None:
        """Let in as many more guests as it takes until there are *count*."""
        now = self._world.now()
        names = [f"guest{number}" for number in range(self._count, count)]
        self._count = count
        people = []
        for name in names:
            await self._world.hub.create_user(name)
            people.append(await self._world.people.find(name))
        async with self._world.store.writing() as tx:
            home = await tx.find_home(self._alice.id)
            assert home is not None
            await tx.report_session(home.id, "aaaaaaaaaaaa")
            link = await tx.add_invitation(
                home.id,
                f"{count:064}",
                Role.EDITOR,
                for_session=True,
                max_uses=None,
                expires_at=now.replace(year=now.year + 1),
                by=self._alice.id,
                at=now,
            )
            for person in people:
                assert person is not None
                await tx.put_guest(
                    home.id, person.id, Role.EDITOR, source=link.id, session="aaaaaaaaaaaa", by=self._alice.id, at=now
                )

    async def look(self) -> tuple[str, int]:
        """What the window shows, and how often the database was asked for it."""
        asked: list[str] = []

        def hear(connection: Connection, _cursor: object, statement: str, *_more: object) -> None:
            # Other services may be at work in the same process.
            if str(connection.engine.url.database) == str(self._database):
                asked.append(statement)

        event.listen(Engine, "before_cursor_execute", hear)
        try:
            page = await self._http.get("w/~alice/share")
        finally:
            event.remove(Engine, "before_cursor_execute", hear)
        assert page.status_code == 200, page.text
        return page.text, len([statement for statement in asked if statement.startswith("SELECT")])


@asynccontextmanager
async def window_of_a_home(folder: Path) -> AsyncIterator[Window]:
    """Alice's window, of a service with a database in *folder*. Nobody is a guest yet."""
    database = folder / "coterie.sqlite"
    settings = without_a_hub(database_url=f"sqlite:///{database}")
    hub = HubOfOurs()
    world = put_together(settings, hub, Directory(hub, max_age=0))
    await world.store.migrate()
    alice = await world.people.find("alice")
    assert alice is not None
    await ensure_known(world, alice, "~alice")
    transport = httpx.ASGITransport(create_app(settings, world))
    async with httpx.AsyncClient(
        transport=transport, base_url=settings.public_url, cookies={"coterie": "alice"}
    ) as http:
        yield Window(world, http, alice, database)
    await world.hub.close()
    await world.store.close()
