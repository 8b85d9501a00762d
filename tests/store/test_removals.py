"""Removals: accounts that the Hub is still to remove."""

from __future__ import annotations

from datetime import datetime, timedelta

from coterie.store import Store, StoredRemoval


async def test_an_account_is_noted_once_listed_by_age_and_forgotten(store: Store, noon: datetime) -> None:
    later = noon + timedelta(seconds=1)
    async with store.writing() as tx:
        await tx.note_removal("ws-b", later)
        await tx.note_removal("ws-a", later)
        await tx.note_removal("ws-c", noon)
        await tx.note_removal("ws-c", later)

    async with store.writing() as tx:
        assert await tx.list_removals() == [
            StoredRemoval("ws-c", noon),
            StoredRemoval("ws-a", later),
            StoredRemoval("ws-b", later),
        ]
        await tx.forget_removal("ws-a")
        await tx.forget_removal("ws-not-noted")
        assert await tx.list_removals() == [StoredRemoval("ws-c", noon), StoredRemoval("ws-b", later)]
