"""A document that people are in: the pycrdt document, and who is told when it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from jupyter_ydoc import ydocs
from pycrdt import Doc, TransactionEvent

#: The origin of every change. Without one, pycrdt's undo manager would keep all that is ever deleted.
_HERE: Final = "coterie.rooms"


class LiveDocument:
    """One document in memory.

    It begins with *state*. *on_update* gets every change as one update, whoever made it and only what really changed.
    *on_change* is called after each change of the content, as opposed to notes about it such as ``dirty``, and
    ``revision`` counts those.
    """

    def __init__(
        self, kind: str, state: bytes, *, on_update: Callable[[bytes], None], on_change: Callable[[], None]
    ) -> None:
        self.kind = kind
        self.revision = 0
        self._doc: Doc[Any] = Doc()
        self._document = ydocs[kind](self._doc)
        self._on_update = on_update
        self._on_change = on_change
        self.apply(state)
        self._subscription = self._doc.observe(self._updated)
        self._document.observe(self._changed)

    def apply(self, update: bytes) -> None:
        """Raises ValueError for bytes that are no update, RuntimeError for an update that does not fit the document.
        An update whose predecessors are missing waits for them unseen."""
        try:
            with self._doc.transaction(origin=_HERE):
                self._doc.apply_update(update)
        # On some damaged updates pycrdt's core panics. The document stays as it was, but what is raised is no Exception
        # and belongs to no module that could be imported.
        except BaseException as error:
            if type(error).__name__ == "PanicException":
                raise ValueError("not an update") from None
            raise

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
        if self._document.path != path:
            with self._doc.transaction(origin=_HERE):
                self._document.path = path

    def set_saved(self, digest: str | None, *, is_clean: bool) -> None:
        """Tell everybody that the file has been written, and whether that was all there is.

        ``dirty`` is set again even where it says so already: the front end raises its own flag on every edit and lowers
        it only when it hears this.
        """
        with self._doc.transaction(origin=_HERE):
            if is_clean:
                self._document.dirty = False
            if digest is not None:
                self._document.hash = digest

    def close(self) -> None:
        self._document.unobserve()
        self._doc.unobserve(self._subscription)

    def _updated(self, event: TransactionEvent) -> None:
        self._on_update(event.update)

    def _changed(self, target: str, _event: Any) -> None:
        if target != "state":
            self.revision += 1
            self._on_change()
