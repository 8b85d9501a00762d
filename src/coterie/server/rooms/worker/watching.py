"""Noticing changes of shared documents, at next to no cost however large a change is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pycrdt import Array, Map, Text


def watch_roots(roots: Iterable[Text | Array[Any] | Map[Any]], changed: Callable[[], None]) -> Callable[[], None]:
    """Call *changed* for every transaction that changes something in one of the *roots*, at least once.

    Answers what ends that. pycrdt's own ``observe_deep`` would make an event of each change first.
    """
    subscriptions = [root.integrated.observe_deep(lambda _: changed()) for root in roots]

    def stop() -> None:
        for subscription in subscriptions:
            subscription.drop()

    return stop
