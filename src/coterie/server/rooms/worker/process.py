"""What the worker can be asked, and the loop in which it answers. Nothing else runs in its process."""

from __future__ import annotations

import ctypes
import logging
import os
import select
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pycrdt import Doc

from coterie.server.rooms.journal import compaction, reading
from coterie.server.rooms.journal import versions as journal_versions
from coterie.server.rooms.journal.compaction import Keep
from coterie.server.rooms.journal.records import UPDATES, DamagedJournal, RecordKind
from coterie.server.rooms.journal.versions import Version
from coterie.server.rooms.worker import opening, placing, trust
from coterie.server.rooms.worker.calls import pack_answer, unpack_call
from coterie.server.rooms.worker.kinds import kind_of
from coterie.server.rooms.worker.mirror import Mirror
from coterie.server.rooms.worker.pipe import Pipe
from coterie.server.rooms.worker.plain import Malformed
from coterie.server.rooms.worker.results import (
    Committed,
    Draft,
    NotSettled,
    Opened,
    Outside,
    Source,
    Stamp,
    WorkerError,
)
from coterie.server.slow_imports import leave_out_slow_imports

#: By the key of the document. One that is not here is made again from its journal when it is needed.
_mirrors: dict[str, Mirror] = {}

#: What takes longer than this, in seconds, takes memory as well.
_LONG: Final = 0.05

#: Bytes of stack, of which a document takes more the deeper it is nested. What the server's own process could read
#: into its usual 8 MiB can then be read here, and refused, without ending the process. What is not used costs nothing.
_STACK: Final = 256 * 1024 * 1024

_log = logging.getLogger(__name__)


def open_document(source: Source) -> Opened:
    forget(source.key)
    mirror, opened = opening.open_document(source)
    if mirror is not None:
        _mirrors[source.key] = mirror
    return opened


def prepare(source: Source, upto: int) -> Draft:
    return _mirror(source, upto).prepare()


def commit(source: Source) -> Committed:
    mirror = _mirrors.get(source.key)
    if mirror is None:
        raise NotSettled("What was prepared is not there any more.")
    return mirror.commit()


def take_outside(source: Source, upto: int) -> Outside | None:
    return _mirror(source, upto).take_outside()


def restore(source: Source, upto: int, sequence: int) -> bytes:
    mirror = _mirror(source, upto)
    return mirror.restoring(_value_at(source.journal, source.kind, sequence))


def forget(key: str) -> None:
    mirror = _mirrors.pop(key, None)
    if mirror is not None:
        mirror.close()


def read_version(journal: Path, kind: str, sequence: int) -> bytes:
    found = _at(journal, sequence)
    if isinstance(found, bytes):
        return found
    kind_ = kind_of(kind)
    return kind_.write(kind_.read(found).value, False)


def list_versions(journal: Path) -> tuple[Version, ...]:
    return journal_versions.versions(reading.outlines(journal, reading.read(journal).end))


def compact(journal: Path, upto: int, keep: Keep) -> int | None:
    """Up to which byte of the journal its ``new_path`` holds what it does."""
    compacted = compaction.compact(journal, upto, keep)
    return None if compacted is None else compacted.upto


def find_moved(root: Path, stamps: frozenset[Stamp], seconds: float) -> dict[Stamp, Path]:
    """The paths are relative to *root*."""
    found = placing.find_moved(root, stamps, seconds)
    return {stamp: path.relative_to(root) for stamp, path in found.items()}


def be_ready() -> None:
    """Load what would otherwise be loaded when somebody waits for it."""
    leave_out_slow_imports()
    trust.load()


#: What answers each of ``calls.CALLS``.
_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    call.__name__: call
    for call in (
        open_document,
        prepare,
        commit,
        take_outside,
        restore,
        forget,
        read_version,
        list_versions,
        compact,
        find_moved,
        be_ready,
    )
}


def _mirror(source: Source, upto: int) -> Mirror:
    """The document's mirror, at that byte of the journal."""
    mirror = _mirrors.get(source.key)
    if mirror is None:
        mirror = _mirrors[source.key] = Mirror.resume(source, upto)
    if mirror.source != source:
        mirror.move(source)
    mirror.follow(upto)
    return mirror


def _value_at(journal: Path, kind: str, sequence: int) -> Any:
    found = _at(journal, sequence)
    kind_ = kind_of(kind)
    return kind_.parse(found) if isinstance(found, bytes) else kind_.read(found).value


def _at(journal: Path, sequence: int) -> Doc[Any] | bytes:
    """The document right after the record *sequence*, or the file that the record keeps. Raises KeyError."""
    doc: Doc[Any] = Doc()
    try:
        for record in reading.records(journal):
            if record.kind in UPDATES and record.sequence <= sequence:
                doc.apply_update(record.payload)
            if record.sequence == sequence and record.kind is RecordKind.KEPT:
                return record.payload
            if record.sequence == sequence and record.kind in UPDATES:
                return doc
            if record.sequence >= sequence:
                break
    except DamagedJournal:  # or somebody is writing at its end just now: what was asked for did not come before
        pass
    raise KeyError(sequence)


# --- The process ----------------------------------------------------------------------------------------------------


def run(descriptor: int) -> None:
    """Be nothing but the worker that ``serve`` makes of a process."""
    # The server decides when this process ends, whatever a terminal or the Hub sends to all of its processes. And what
    # says that somebody wants a file that a lease was tried on (see placing) would end it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGIO):
        signal.signal(number, signal.SIG_IGN)
    threading.stack_size(_STACK)
    serving = threading.Thread(target=serve, args=(descriptor,))
    serving.start()
    serving.join()


def serve(descriptor: int) -> None:
    """Answer calls that come through the socket *descriptor*, until the server closes its end of it."""
    logging.basicConfig(format="%(levelname)s worker: %(message)s", level=logging.WARNING)
    threading.Thread(target=_end_with_server, args=(descriptor,), daemon=True).start()
    with socket.socket(fileno=descriptor) as end:
        pipe = Pipe(end)
        with suppress(EOFError, ConnectionError):
            while True:
                number, plain, rows = pipe.receive()
                began = time.monotonic()
                result = _answer(plain, rows)
                is_large = time.monotonic() - began > _LONG
                _send(pipe, number, result)
                del plain, rows, result
                if is_large:
                    _give_back_memory()


def _send(pipe: Pipe, number: int, result: Any) -> None:
    rows: list[bytes] = []
    plain = pack_answer(result, rows)
    try:
        pipe.send(number, plain, rows)
    except ValueError:
        pipe.send(number, pack_answer(RuntimeError("the answer is too large"), rows))


def _give_back_memory() -> None:
    """What a large document took for a moment. Of itself, the C library would keep it for the next one."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _end_with_server(descriptor: int) -> None:
    """End this process as soon as the server has ended, whatever it is doing."""
    poll = select.poll()
    poll.register(descriptor, select.POLLHUP | select.POLLRDHUP)
    poll.poll()
    os._exit(0)


def _answer(plain: Any, rows: list[bytes]) -> Any:
    """What came of the call: a value or an exception, whose text quotes no document."""
    try:
        call, arguments = unpack_call(plain, rows)
    except Malformed:
        return RuntimeError("no such call")
    try:
        return _FUNCTIONS[call](*arguments)
    except (WorkerError, DamagedJournal, OSError, KeyError) as error:
        return error
    # Also what pycrdt's core raises where it panics, which is no Exception.
    except BaseException as error:  # noqa: BLE001
        if call in ("prepare", "commit", "take_outside", "restore"):
            _mirrors.pop(arguments[0].key, None)  # it may be half done with something
        where = "".join(traceback.format_tb(error.__traceback__))
        _log.error("%s failed with %s\n%s", call, type(error).__name__, where)  # its text may quote a document
        return RuntimeError(f"{call} failed with {type(error).__name__}")
