from __future__ import annotations

import pytest
from jupyter_server.auth import User

from coterie.policy.roles import Role
from coterie.server.rooms import frames
from coterie.server.rooms.connection import Connection
from coterie.server.rooms.frames import Awareness, QueryAwareness, Save, SyncStep1, SyncStep2, SyncUpdate
from rooms.peers import Sink
from rooms.serving import access

READS = (SyncStep1(b"\x00"), Awareness(()), QueryAwareness())
CHANGES = (SyncStep2(b""), SyncUpdate(b""), Save(1))


def connection(role: Role) -> Connection:
    return Connection(access("bob", role), User("bob"), Sink(), end=lambda _: None)


@pytest.mark.parametrize("frame", READS)
@pytest.mark.parametrize("role", Role)
def test_everybody_who_is_in_may_read_and_be_present(role: Role, frame: frames.ClientFrame) -> None:
    assert connection(role).may_send(frame)


@pytest.mark.parametrize("frame", CHANGES)
@pytest.mark.parametrize("role", Role)
def test_only_an_editor_and_up_may_change(role: Role, frame: frames.ClientFrame) -> None:
    assert (role != Role.VIEWER) == connection(role).may_send(frame)


def test_what_a_connection_may_not_send_is_counted() -> None:
    viewer = connection(Role.VIEWER)

    for frame in (*READS, *CHANGES):
        viewer.may_send(frame)

    assert len(CHANGES) == viewer.dropped


def test_a_changed_access_counts_from_the_next_frame_on() -> None:
    bob = connection(Role.EDITOR)
    bob.access = access("bob", Role.VIEWER)

    assert not bob.may_send(SyncUpdate(b""))
