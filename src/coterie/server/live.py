"""The live channel: tells a page its person's role, when it changes, who is here, what is wrong with documents, and, by
how it closes, that access has ended."""

from __future__ import annotations

import json
from asyncio import Future
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from jupyter_server.base.handlers import JupyterHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from coterie.policy import HOME_NEEDS, NEEDS, Act
from coterie.server.access import Access
from coterie.server.rooms.connection import describe
from coterie.server.rooms.people import PEOPLE_SETTING, People, Roll
from coterie.server.rooms.problems import PROBLEMS_SETTING, DocumentNotice, News, Problems
from coterie.wire.close_codes import CloseCode

#: Where the application's settings hold the LiveChannels of its server.
CHANNELS_SETTING: Final = "coterie_live_channels"


class LiveChannels:
    """The live channels of one server that are open. In a home *is_home* says who manages access."""

    def __init__(self, *, is_home: bool) -> None:
        self._need = (HOME_NEEDS if is_home else NEEDS)[Act.MANAGE_ACCESS]
        self._open: set[LiveHandler] = set()

    def add(self, channel: LiveHandler) -> None:
        """It is open."""
        self._open.add(channel)

    def discard(self, channel: LiveHandler) -> None:
        """It is open no longer. Harmless if it never was."""
        self._open.discard(channel)

    def tell_accepted(self, guest: Access) -> None:
        """Tell those who manage access that *guest* accepted an invitation."""
        for channel in tuple(self._open):
            if channel.access.allows(self._need):
                channel.say({"accepted": {"name": guest.name, "role": guest.role.word}})


class LiveHandler(WebSocketHandler, JupyterHandler):
    """``coterie/live``. What a client sends is not looked at. The gate in front lets in whoever has any role, and ends
    it. Each message is one of:

    - ``{"role": word, "reasons": [sentence, ...]}``, when the channel opens and at each change;
    - ``{"people": [{"name", "username", "initials", "color", "role", "is_you", "documents"}, ...]}``, after the first
      role and at each change: everybody who is here, once each;
    - ``{"accepted": {"name", "role"}}``: somebody accepted an invitation. For those who manage access;
    - ``{"problems": [{"path", "word", "sentence"}, ...]}``, all of them: at each change, and before the first role if
      there are any, so that a page that comes back knows with the role what still stands;
    - ``{"notice": {"path", "sentence"}}``.

    What the application's settings do not have, nothing is said of.
    """

    coterie_access: Access
    _unwatch: tuple[Callable[[], None], ...] = ()
    _identity: dict[str, Any]
    _roll: Roll | None = None  # that is to be told
    _told: Roll | None = None
    _is_telling = False

    async def get(self, *args: str, **kwargs: str) -> None:
        """Upgrade to a WebSocket."""
        await super().get(*args, **kwargs)

    @property
    def access(self) -> Access:
        """What the person may do now."""
        return self.coterie_access

    @property
    def identity(self) -> dict[str, Any]:
        """What others are shown of the person."""
        return self._identity

    @property
    def ping_interval(self) -> float:
        """Seconds. Who does not answer is no longer here."""
        return 30.0

    @property
    def ping_timeout(self) -> float:
        """Seconds."""
        return 30.0

    def open(self, *_: str, **__: str) -> None:
        """Say how things stand."""
        self._identity = describe(self.current_user)
        problems: Problems | None = self.settings.get(PROBLEMS_SETTING)
        if problems is not None:
            self._unwatch += (problems.watch(self._pass_on),)
            if standing := problems.now():
                self._pass_on(standing)
        self._say_role()
        if (channels := self._channels) is not None:
            channels.add(self)
        if (people := self._people) is not None:
            self._unwatch += (people.watch(self._tell_people),)
            people.enter(self)
            self._tell_people(people.now())

    def on_message(self, message: str | bytes) -> None:
        """Nothing a client says here means anything."""

    def on_close(self) -> None:
        self._leave()

    def end(self, code: CloseCode) -> None:
        """Close. From here on the person is not here, whatever the client makes of the close."""
        self._leave()
        self.close(code.status, code.reason)

    def access_changed(self, access: Access) -> None:
        """Say so. After the channel has closed, nobody wants to know."""
        self.coterie_access = access
        self._say_role()
        if (people := self._people) is not None:
            people.changed()

    def say(self, message: dict[str, Any]) -> None:
        """Send *message*, if anybody is there."""
        with suppress(WebSocketClosedError):
            self.write_message(json.dumps(message))

    def _say_role(self) -> None:
        self.say({"role": self.access.role.word, "reasons": self.access.reasons})

    def _leave(self) -> None:
        for unwatch in self._unwatch:
            unwatch()
        if (channels := self._channels) is not None:
            channels.discard(self)
        if (people := self._people) is not None:
            people.leave(self)

    @property
    def _channels(self) -> LiveChannels | None:
        channels: LiveChannels | None = self.settings.get(CHANNELS_SETTING)
        return channels

    @property
    def _people(self) -> People | None:
        people: People | None = self.settings.get(PEOPLE_SETTING)
        return people

    def _pass_on(self, news: News) -> None:
        match news:
            case DocumentNotice():
                self.say({"notice": asdict(news)})
            case _:
                self.say({"problems": [asdict(problem) for problem in news]})

    def _tell_people(self, roll: Roll) -> None:
        """Tell who is here. To a page that is slow the next list goes when the last has left, so that no more than one
        ever waits."""
        self._roll = roll
        if not self._is_telling and roll is not self._told:
            self._told, self._is_telling = roll, True
            with suppress(WebSocketClosedError):
                self.write_message(roll.told_to(self.access.name)).add_done_callback(self._told_people)

    def _told_people(self, sent: Future[None]) -> None:
        self._is_telling = False
        if not sent.cancelled() and sent.exception() is None and self._roll is not None:
            self._tell_people(self._roll)
