"""What every act works on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from coterie.actions.bell import Bell
from coterie.actions.guesses import Guesses
from coterie.actions.people import People
from coterie.hubapi import Directory, Hub
from coterie.store import Store
from coterie.wire.bodies import ServerState


@dataclass(frozen=True, slots=True)
class World:
    """The store, the Hub and the clock, and the bells that say when there is news.

    *service_url* and *hub_url* are the addresses that browsers use, both ending in ``/``. *on_their_way* holds the
    servers, by account, that the Hub is starting or stopping. *outbox_bell* rings after a commit that
    wrote an event, *entry_bell* after somebody was let through the Hub or kept out.
    *followers* counts, by person id, the starts that somebody follows, *watchers* the share windows that stay up to
    date. *guesses* keeps people from guessing secrets. *asking* are the requests for access that are being written down
    after they were answered. *closing* is set when the process is about to end and streams should.
    """

    store: Store
    hub: Hub
    directory: Directory
    people: People
    now: Callable[[], datetime]
    service_url: str
    hub_url: str
    outbox_bell: Bell = field(default_factory=Bell)
    entry_bell: Bell = field(default_factory=Bell)
    on_their_way: dict[str, ServerState] = field(default_factory=dict)
    followers: Counter[str] = field(default_factory=Counter)
    watchers: Counter[str] = field(default_factory=Counter)
    guesses: Guesses = field(default_factory=Guesses)
    asking: set[asyncio.Task[None]] = field(default_factory=set)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
