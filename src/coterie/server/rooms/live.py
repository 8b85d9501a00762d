"""A document that people are in: the pycrdt document, and who is told when it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from jupyter_ydoc import ydocs
from pycrdt import Decoder, Doc, Map, TransactionEvent, get_update

from coterie.server.rooms.journal.records import SERVER

#: jupyter-ydoc's undo manager keeps all that is ever deleted by transactions of the origins that it tracks, and, unless
#: it is told of one, by all that have none. No transaction has this one.
_NOBODY: Final = "coterie.rooms.nobody"

#: The state vector of a document without content.
NOTHING: Final = b"\x00"

#: Bytes of deletions that are compared with what the document has.
LOOKED_THROUGH: Final = 32 * 1024


class LiveDocument:
    """One document in memory. It begins with *state*, an update.

    *on_update* gets every change as one update, only what really changed, and the id of the person who made it: SERVER
    for our own notes and for what an extension in this server does to the document itself. It is called while the
    transaction ends: it must not touch the document, and what it raises comes out of whatever made the change.

    ``changes`` counts all of them, ``revision`` those other than our own notes (path, digest, whether it is saved).
    Both are raised before *on_update* hears of a change.
    """

    def __init__(self, state: bytes, on_update: Callable[[bytes, str], None]) -> None:
        self.changes = 0
        self.revision = 0
        self._doc: Doc[Any] = Doc()
        self._state: Map[Any] = self._doc.get("state", type=Map)
        self._on_update = on_update
        self._author = SERVER
        self._is_note = False
        self._document: Any = None
        self.apply(state, SERVER)
        self._subscription = self._doc.observe(self._updated)

    def apply(self, update: bytes, person: str) -> None:
        """Take an update that *person* made. An update whose predecessors are missing waits for them unseen.

        Raises ValueError for bytes that are no update, RuntimeError for an update that does not fit the document. In
        both cases the document stays as it was.
        """
        self._author = person
        try:
            self._doc.apply_update(update)
        # On some damaged updates pycrdt's core panics. The document stays as it was, but what is raised is no Exception
        # and belongs to no module that could be imported.
        except BaseException as error:
            if type(error).__name__ == "PanicException":
                raise ValueError("not an update") from None
            raise
        finally:
            self._author = SERVER

    @property
    def is_lent(self) -> bool:
        """Whether an extension has ``ydocument``, and may hold on to it."""
        return self._document is not None

    @property
    def is_changing(self) -> bool:
        """Whether an extension holds a transaction open: then the document holds what nobody has been told yet.

        pycrdt documents no way to ask.
        """
        return self._doc._txn is not None

    def lacks_predecessors(self, update: bytes) -> bool:
        """Whether any of *update*, which has been applied, waits for what the document does not have.

        Deletions alone are looked through up to LOOKED_THROUGH bytes: a copy of a whole document, as everybody sends
        one who comes back, can name a hundred thousand of them.
        """
        vector = self._doc.get_state()
        left = get_update(update, vector)
        rest = Decoder(left)
        if rest.read_var_uint():  # clients whose insertions the document lacks
            return True
        if len(left) > LOOKED_THROUGH:
            return False
        clocks = _clocks(Decoder(vector))
        for _ in range(rest.read_var_uint()):
            known = clocks.get(rest.read_var_uint(), 0)
            for _ in range(rest.read_var_uint()):
                if rest.read_var_uint() + rest.read_var_uint() > known:
                    return True
        return False

    def state_vector(self) -> bytes:
        return self._doc.get_state()

    def state(self) -> bytes:
        """The whole document as one update."""
        return self._doc.get_update()

    def since(self, state_vector: bytes) -> bytes:
        """What is missing there. Raises ValueError for bytes that are no state vector."""
        return self._doc.get_update(state_vector)

    def set_path(self, path: str) -> None:
        """Tell everybody where the file is. The note is for the front end and never read back."""
        if self._state.get("path") != path:
            with self._noting():
                self._state["path"] = path

    def set_saved(self, digest: str | None, *, is_clean: bool) -> None:
        """Tell everybody that the file has been written with this digest (hexadecimal), and whether that was all there
        is.

        ``dirty`` is set again even where it says so already: the front end raises its own flag on every edit and lowers
        it only when it hears this.
        """
        with self._noting():
            if is_clean:
                self._state["dirty"] = False
            if digest is not None:
                self._state["hash"] = digest

    def ydocument(self, kind: str) -> Any:
        """jupyter-ydoc's object of this kind on this very document, for extensions; the same one on every call.

        What is done through it is an edit by SERVER. Its undo manager keeps nothing.
        """
        if self._document is None:
            self._document = ydocs[kind](self._doc)
            self._document.undo_manager.include_origin(_NOBODY)
        return self._document

    def close(self) -> None:
        """Nobody is told of anything any more, and nothing is left of the document but what an extension holds."""
        if self._document is not None:
            self._document.unobserve()
        self._doc.unobserve(self._subscription)
        # Rings of objects keep this one until Python looks for them; the document itself is what takes up room.
        self._doc = Doc()
        self._state = self._doc.get("state", type=Map)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        self._is_note = True
        try:
            with self._doc.transaction():
                yield
        finally:
            self._is_note = False

    def _updated(self, event: TransactionEvent) -> None:
        self.changes += 1
        if not self._is_note:
            self.revision += 1
        self._on_update(event.update, self._author)


def _clocks(vector: Decoder) -> dict[int, int]:
    """A state vector, as how far it has each client's insertions."""
    return {vector.read_var_uint(): vector.read_var_uint() for _ in range(vector.read_var_uint())}
