"""Rooms: who is in one, and what happens to the frames they send. No sockets, no files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from pycrdt import merge_updates

from coterie.policy.roles import Role
from coterie.server.access import Access
from coterie.server.rooms.answers import Answers
from coterie.server.rooms.awareness import Presence
from coterie.server.rooms.connection import Connection
from coterie.server.rooms.endings import MALFORMED_FRAME, NOT_KEPT, TOO_DEEP, UNKNOWN_FRAME
from coterie.server.rooms.frames import (
    EMPTY_UPDATE,
    LEFT,
    MAX_ENTRIES,
    Awareness,
    ClientFrame,
    Conflict,
    Entry,
    FrameError,
    QueryAwareness,
    Save,
    SaveAnswer,
    SaveStatus,
    ServerFrame,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    UnknownFrameError,
    encode_to_wire,
    parse,
)
from coterie.server.rooms.live import NOTHING, LiveDocument
from coterie.server.rooms.nesting import is_too_deep
from coterie.server.rooms.pace import Clock, LoopClock, Pace, Timer
from coterie.server.rooms.updates import Updates
from coterie.wire.close_codes import TOO_SLOW, CloseCode

#: Seconds between two messages about cursors, for each connection in the room, and for all of them together at most.
CURSORS_EVERY: Final = 0.001
CURSORS_AT_LEAST_EVERY: Final = 0.1
LARGE_CURSORS_AT_LEAST_EVERY: Final = 0.5

#: Bytes of updates from one connection that may wait in the document for predecessors.
MAX_UNPLACED: Final = 8 * 1024 * 1024

#: Bytes of updates that may wait to be journaled before everybody is asked to keep their edits to themselves.
MAX_WITHHELD: Final = 64 * 1024 * 1024

#: Seconds after which to look again whether an extension has finished its change.
LOOK_AGAIN: Final = 0.05

#: How many clients a message of ours speaks of. A stock client sends all of them back in one frame, which has to be
#: within what is read.
MAX_TOLD: Final = MAX_ENTRIES // 2

#: How many clients that have left are remembered for a connection that does not keep up.
MAX_MISSED_LEAVING: Final = 4096


@dataclass(slots=True)
class _Missed:
    """What a connection that fell behind has missed: the *updates* up to the state *since*, all that came after it, and
    who left."""

    updates: list[bytes] = field(default_factory=list)
    since: bytes = NOTHING
    left: dict[int, Entry] = field(default_factory=dict)


@dataclass(slots=True)
class _Editing:
    """What a connection has told the document."""

    is_asked: bool = False  # whether it is to tell all that it has
    unplaced: int = 0  # bytes of its updates whose predecessors were missing


class Room:
    """A room without a document: people see who is there.

    Frames go to everybody who is in, the sender included: the stock client takes half a minute of silence for a dead
    connection. A connection that does not keep up is taken out of the stream, and told what it missed once everything
    that waited for it has left.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or LoopClock()
        self._connections: dict[Connection, Callable[[int, int], bool]] = {}  # in the order of joining; what is an echo
        self._in_stream: dict[Connection, Callable[[bytes], bool]] = {}  # who keeps up; how to offer
        self._behind: dict[Connection, _Missed] = {}
        self._wants_presence: dict[Connection, dict[int, Entry]] = {}  # and who left that they have not been told
        self._presence = Presence()
        self._news: dict[int, Entry] = {}
        self._untold: set[int] = set()  # clients in the news whose coming nobody has been told
        self._news_pace = Pace(self._send_news, self._clock)

    @property
    def is_empty(self) -> bool:
        return not self._connections

    def join(self, connection: Connection) -> None:
        """Let *connection* in, and show it at once everybody who is there."""
        self._connections[connection] = self._presence.echoes_from(connection)
        self._in_stream[connection] = connection.outlet.offer
        self._send_presence(connection)

    def leave(self, connection: Connection) -> None:
        """Nothing more is taken from or sent to *connection*; the others see it gone at once. Harmless if it is out."""
        if connection not in self._connections:
            return
        del self._connections[connection]
        self._in_stream.pop(connection, None)
        self._behind.pop(connection, None)
        self._wants_presence.pop(connection, None)
        self._tell_presence(self._presence.forget(connection), is_urgent=True)

    def receive(self, connection: Connection, message: bytes | str) -> None:
        """Take one message. What the connection may not send is dropped; what is no frame ends the connection."""
        is_echo = self._connections.get(connection)
        if is_echo is None:
            return
        try:
            frame = parse(message, connection.largest_frame, is_echo=is_echo)
            if connection.may_send(frame):
                self._take(connection, frame)
        except UnknownFrameError:
            connection.end(UNKNOWN_FRAME)
        except FrameError:
            connection.end(MALFORMED_FRAME)

    def drained(self, connection: Connection) -> None:
        """Everything that was sent to *connection* has left: catch up."""
        if (missed := self._behind.pop(connection, None)) is not None:
            self._in_stream[connection] = connection.outlet.offer
            self._catch_up(connection, missed)
        elif (left := self._wants_presence.pop(connection, None)) is not None:
            self._send_presence(connection, left)

    def change_access(self, connection: Connection, access: Access) -> None:
        """The connection goes on with another access, and shows the others its new role."""
        shown = connection.identity
        connection.access = access
        if connection.identity == shown or connection not in self._connections:
            return
        if recalled := self._presence.recall(connection):
            self._send(connection, Awareness(recalled))

    def _take(self, connection: Connection, frame: ClientFrame) -> None:
        match frame:
            case Awareness(entries):
                self._hear(connection, entries)
            case QueryAwareness():
                self._send_presence(connection)
            case SyncStep1():
                self._send(connection, SyncStep2(EMPTY_UPDATE))
            case SyncStep2() | SyncUpdate():
                pass  # a copy of a document that does not exist
            case Save(number):
                self._send(connection, SaveAnswer(number, SaveStatus.FAILED))
            case _:
                assert_never(frame)

    def _hear(self, connection: Connection, entries: Iterable[Entry]) -> None:
        heard = self._presence.hear(connection, entries)
        if heard.ask_again:
            self._send(connection, Awareness(heard.ask_again))
        if heard.is_activity:
            connection.stirred()
        self._untold |= heard.came - self._news.keys()
        self._tell_presence(heard.news, is_urgent=heard.is_urgent)

    def _send(self, connection: Connection, frame: ServerFrame) -> None:
        connection.outlet.send(encode_to_wire(frame))

    def _send_presence(self, connection: Connection, left: dict[int, Entry] | None = None) -> None:
        """Tell *connection* that those in *left* have left, and of everybody who is there; later, if something waits
        for it now."""
        if not connection.outlet.is_idle:
            self._wants_presence.setdefault(connection, {}).update(left or {})
            return
        self._untold.clear()
        for part in _parts((*(left or {}).values(), *self._presence.everybody())):
            self._send(connection, Awareness(part))

    def _tell_presence(self, entries: tuple[Entry, ...], *, is_urgent: bool) -> None:
        for entry in entries:
            if entry.state == LEFT and entry.client in self._untold:
                self._untold.remove(entry.client)
                del self._news[entry.client]
            else:
                self._news[entry.client] = entry
        if not self._news:
            return
        self._news_pace.due(self._news_pace.burst if is_urgent else self._between_cursors())

    def _between_cursors(self) -> float:
        # Where the states are so large that sending them takes long, they get a fifth of the time.
        by_effort = min(4 * self._news_pace.took, LARGE_CURSORS_AT_LEAST_EVERY)
        return max(min(CURSORS_EVERY * len(self._connections), CURSORS_AT_LEAST_EVERY), by_effort)

    def _send_news(self) -> None:
        news, self._news = tuple(self._news.values()), {}
        self._untold.clear()
        for part in _parts(news):
            for missed in self._behind.values():
                for entry in part:
                    if entry.state == LEFT:
                        missed.left[entry.client] = entry
                    else:
                        missed.left.pop(entry.client, None)
            self._tell(Awareness(part))
        for connection, missed in tuple(self._behind.items()):
            if len(missed.left) > MAX_MISSED_LEAVING:
                connection.end(TOO_SLOW)

    def _tell(self, frame: Awareness | SyncUpdate) -> None:
        """Send to everybody who keeps up, and take the others out of the stream."""
        wire = encode_to_wire(frame)
        for connection in [connection for connection, offer in self._in_stream.items() if not offer(wire)]:
            del self._in_stream[connection]
            self._behind[connection] = self._missed_from(frame)

    def _missed_from(self, frame: Awareness | SyncUpdate) -> _Missed:
        """The beginning of what a connection misses: *frame* is the first."""
        entries = frame.entries if isinstance(frame, Awareness) else ()
        return _Missed(left={entry.client: entry for entry in entries if entry.state == LEFT})

    def _catch_up(self, connection: Connection, missed: _Missed) -> None:
        """Send what is missed to a connection for which nothing waits any more."""
        self._send_presence(connection, missed.left)


class DocumentRoom(Room):
    """A room with a document, which begins with *state* (an update). ``live`` is the document.

    Each visible update is handed to *journal* (the person's id, the update) before anybody is told of it. Where that
    raises OSError or ValueError, this update and all after it are *withheld*: nobody is told, and nobody is told what
    they lack, until ``retry`` has journaled them. *on_withheld* hears of the first of a row.

    *on_change* is called when the content has changed, other than by our own notes; *on_save* for each request to save,
    with what to do once the save has succeeded or failed.
    """

    def __init__(
        self,
        state: bytes,
        *,
        journal: Callable[[str, bytes], None],
        on_change: Callable[[], None],
        on_save: Callable[[Callable[[bool], None]], None],
        on_withheld: Callable[[OSError | ValueError], None],
        log: logging.Logger,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(clock)
        self.had_editors = False  # then somebody who has lost their connection may still hold edits
        self.live = LiveDocument(state, self._updated)
        self._on_change = on_change
        self._on_save = on_save
        self._on_withheld = on_withheld
        self._log = log
        self._editing: dict[Connection, _Editing] = {}
        self._answers = Answers(self.live, self._is_settled, self._clock)
        self._updates = Updates(journal)
        self._updates_pace = Pace(self._send_updates, self._clock)
        self._revision = self.live.revision
        self._withheld_by: OSError | ValueError | None = None  # until it has been said
        self._is_applying = False
        self._settling: Timer | None = None
        self._resuming: Timer | None = None

    @property
    def is_open_to_editors(self) -> bool:
        """Whether anybody is in who may edit."""
        return any(_may_edit(connection) for connection in self._connections)

    @property
    def is_withholding(self) -> bool:
        """Whether there are updates that could not be journaled yet."""
        return self._updates.withheld_size > 0

    def retry(self) -> bool:
        """Journal and send what is withheld, as far as it goes. True if nothing is withheld any more."""
        is_done = self._updates.retry()
        self._settle()
        if is_done:
            self._resume()
        return is_done

    def join(self, connection: Connection) -> None:
        """Also ask what the copy of a connection that may edit has that the document lacks. A Viewer's answer would be
        dropped.

        While too much is withheld nobody is let in: the connection ends at once.
        """
        if self._updates.withheld_size > MAX_WITHHELD:
            connection.end(NOT_KEPT)
            return
        self._editing[connection] = _Editing()
        super().join(connection)
        if _may_edit(connection):
            self.had_editors = True
            self._ask_for_missing(connection)

    def leave(self, connection: Connection) -> None:
        self._editing.pop(connection, None)
        self._answers.forget(connection)
        super().leave(connection)

    def dismiss(self, code: CloseCode) -> None:
        """End every connection."""
        for connection in tuple(self._connections):
            connection.end(code)

    def close(self) -> None:
        """Nothing is sent, journaled or told any more. Whoever is still in is to be dismissed before."""
        self.live.close()
        self._answers.close()
        self._updates_pace.stop()
        self._news_pace.stop()
        for timer in (self._settling, self._resuming):
            if timer is not None:
                timer.cancel()

    def drained(self, connection: Connection) -> None:
        if connection not in self._behind or self._is_settled():
            super().drained(connection)
        self._answers.go_on(connection)

    def change_access(self, connection: Connection, access: Access) -> None:
        """Also ask for what was dropped so far: later updates of that client build on it and would wait for it."""
        could_edit = _may_edit(connection)
        super().change_access(connection, access)
        if connection in self._connections and _may_edit(connection) and not could_edit:
            self.had_editors = True
            self._ask_for_missing(connection)

    def _take(self, connection: Connection, frame: ClientFrame) -> None:
        match frame:
            case SyncStep1(state_vector):
                self._answers.ask(connection, state_vector)
            case SyncStep2(update):
                self._editing[connection].is_asked = False
                self._apply(connection, update, may_ask=False)
            case SyncUpdate(update):
                self._apply(connection, update, may_ask=True)
            case Save(number):
                self._on_save(lambda is_saved: self._answer_save(connection, number, is_saved=is_saved))
            case Awareness() | QueryAwareness():
                super()._take(connection, frame)
            case _:
                assert_never(frame)

    def _ask_for_missing(self, connection: Connection) -> None:
        self._editing[connection].is_asked = True
        self._send(connection, SyncStep1(self.live.state_vector()))

    def _apply(self, connection: Connection, update: bytes, *, may_ask: bool) -> None:
        changes = self.live.changes
        self._is_applying = True
        try:
            if is_too_deep(update):
                connection.end(TOO_DEEP)
                return
            self.live.apply(update, connection.access.person)
        except ValueError as error:
            raise FrameError("not an update") from error
        except RuntimeError:
            self._log.warning("an update did not fit the document and was refused")
            self._send(connection, Conflict())
            return
        finally:
            self._is_applying = False
        if changes != self.live.changes:
            connection.stirred()
        elif self.live.lacks_predecessors(update):
            self._note_unplaced(connection, len(update), may_ask=may_ask)
        self._settle()

    def _note_unplaced(self, connection: Connection, size: int, *, may_ask: bool) -> None:
        editing = self._editing[connection]
        editing.unplaced += size
        if editing.unplaced > MAX_UNPLACED:
            raise FrameError("too much that nobody can see")
        if may_ask and not editing.is_asked:
            self._ask_for_missing(connection)

    def _answer_save(self, connection: Connection, number: int, *, is_saved: bool) -> None:
        if connection in self._connections:
            self._send(connection, SaveAnswer(number, SaveStatus.SUCCESS if is_saved else SaveStatus.FAILED))

    def _updated(self, update: bytes, person: str) -> None:
        """The document is changing, and must not be touched before it has changed: the rest is for ``_settle``."""
        self._withheld_by = self._updates.add(person, update) or self._withheld_by
        if not self._is_applying and self._settling is None:
            self._settling = self._clock.later(0, self._settle)

    def _settle(self) -> None:
        """Do what follows from changes of the document."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        if self._revision != self.live.revision:
            self._revision = self.live.revision
            self._on_change()
        if self._withheld_by is not None:
            error, self._withheld_by = self._withheld_by, None
            self._on_withheld(error)
        if self._updates.withheld_size > MAX_WITHHELD:
            self.dismiss(NOT_KEPT)
        if self._updates.are_due:
            self._updates_pace.due(self._updates_pace.burst)

    def _is_settled(self) -> bool:
        """Whether everything that is in the document may be told. If not, ``_resume`` comes when it may."""
        if self.is_withholding:
            return False
        if not self.live.is_changing:
            return True
        if self._resuming is None:
            self._resuming = self._clock.later(LOOK_AGAIN, self._resume)
        return False

    def _resume(self) -> None:
        """Go on telling where it had to wait."""
        if self._resuming is not None:
            self._resuming.cancel()
            self._resuming = None
        for connection in tuple(self._connections):
            if connection.outlet.is_idle:
                self.drained(connection)

    def _send_updates(self) -> None:
        updates = self._updates.take()
        if updates and self._in_stream:
            self._tell(SyncUpdate(updates[0] if len(updates) == 1 else merge_updates(*updates)))

    def _send_news(self) -> None:
        # First, so that nobody falls behind on presence while there are updates that they would miss.
        if self._updates.are_due:
            self._updates_pace.flush()
        super()._send_news()

    def _missed_from(self, frame: Awareness | SyncUpdate) -> _Missed:
        missed = super()._missed_from(frame)
        if isinstance(frame, SyncUpdate):
            missed.updates.append(frame.update)
        missed.updates.extend(self._updates.withheld)
        if not self.live.is_changing:
            missed.since = self.live.state_vector()
        return missed

    def _catch_up(self, connection: Connection, missed: _Missed) -> None:
        update = merge_updates(*missed.updates, self.live.since(missed.since))
        self._send(connection, SyncUpdate(update))
        super()._catch_up(connection, missed)


def _parts(entries: Sequence[Entry]) -> Iterator[tuple[Entry, ...]]:
    """All of them, as many at a time as a message may speak of."""
    for at in range(0, len(entries), MAX_TOLD):
        yield tuple(entries[at : at + MAX_TOLD])


def _may_edit(connection: Connection) -> bool:
    return connection.access.allows(Role.EDITOR)
