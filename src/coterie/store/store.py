"""The store: where transactions come from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from coterie.store.engine import PATIENCE, for_reading, for_writing, open_engine, parse_url
from coterie.store.errors import translated
from coterie.store.schema import upgrade
from coterie.store.transaction import Transaction


class Store:
    """One database. *url* is ``sqlite:////path`` or ``postgresql://...``, with or without the driver's name.

    Raises ValueError for any other URL. Nothing is connected before the first transaction; whoever makes a store
    closes it.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_engine(parse_url(url))
        self._readers = for_reading(self._engine)
        self._writers = for_writing(self._engine)
        self._callbacks: list[Callable[[], None]] = []
        # SQLite has one writer at a time, and its own waiting is a lottery: here they queue. Other processes still
        # meet at the file's lock.
        self._turn = asyncio.Lock() if self._engine.dialect.name == "sqlite" else None

    async def migrate(self) -> None:
        """Bring the tables up to date. Safe when several processes do it at once; does nothing when they are."""
        with translated():
            async with self._writers.begin() as connection:
                await connection.run_sync(upgrade)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A transaction that sees the store as it was at its first question, and can change nothing."""
        async with AsyncExitStack() as stack:
            with translated():
                connection = await stack.enter_async_context(self._readers.connect())
                await connection.begin()
            yield Transaction(connection, is_writing=False)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        """A transaction that is kept as a whole when the block ends, and not at all when it raises.

        Others may have to wait for it: do nothing slow inside, and above all no request to another program. Raises
        Unavailable where others take too long.
        """
        has_news = False
        try:
            async with AsyncExitStack() as stack:
                if self._turn is not None:
                    with translated():
                        async with asyncio.timeout(PATIENCE):
                            await self._turn.acquire()
                    stack.callback(self._turn.release)
                with translated():
                    connection = await stack.enter_async_context(self._writers.connect())
                    await connection.begin()
                transaction = Transaction(connection, is_writing=True)
                yield transaction
                has_news = transaction.has_appended
                with translated():
                    await connection.commit()
        finally:
            # Also when the commit was cancelled half-way: it may have happened, and one call too many does no harm.
            if has_news:
                for callback in self._callbacks:
                    callback()

    def on_append(self, callback: Callable[[], None]) -> None:
        """Have *callback* called, in the event loop, after each commit of this process that appended to the outbox.

        It may be called once too often. It has to be quick and must not raise. Other processes' commits call nothing.
        """
        self._callbacks.append(callback)

    async def close(self) -> None:
        """Close all connections. Transactions that are still open fail."""
        await self._engine.dispose()
