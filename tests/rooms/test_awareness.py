from __future__ import annotations

import json
from typing import Any

import pytest
from jupyter_server.auth import User

from coterie.policy.roles import Role
from coterie.server.rooms import awareness, frames
from coterie.server.rooms.awareness import (
    MAX_CLIENTS,
    MAX_INTRODUCTIONS,
    MAX_RETIRED,
    MAX_STATE,
    MAX_STATES,
    Heard,
    Presence,
)
from coterie.server.rooms.connection import Connection
from coterie.server.rooms.frames import LEFT, Entry
from rooms.peers import Sink
from rooms.serving import access


def connection(person: str, role: Role = Role.EDITOR) -> Connection:
    user = User(username=person, name=person.title(), display_name=person.title(), initials="X", color="red")
    return Connection(access(person, role), user, Sink(), end=lambda _: None)


def says(client: int, clock: int, **state: Any) -> Entry:
    return Entry(client, clock, json.dumps(state))


NOTHING = Heard((), ())


def test_the_user_in_a_state_is_the_verified_one_and_the_rest_stays() -> None:
    heard = Presence().hear(connection("bob", Role.VIEWER), [says(5, 1, user={"username": "alice"}, cursor=3)])

    assert json.loads(heard.news[0].state) == {
        "cursor": 3,
        "user": {
            "username": "bob",
            "name": "Bob",
            "display_name": "Bob",
            "initials": "X",
            "color": "red",
            "role": "viewer",
        },
    }


def test_a_client_keeps_its_own_clock() -> None:
    heard = Presence().hear(connection("bob"), [says(5, 17)])

    assert [(entry.client, entry.clock) for entry in heard.news] == [(5, 17)]


def test_nobody_speaks_for_the_client_of_somebody_else() -> None:
    presence = Presence()
    presence.hear(connection("alice"), [says(5, 1, cursor=1)])
    before = presence.everybody()

    assert presence.hear(connection("bob"), [says(5, 2, cursor=9), Entry(5, 3, LEFT)]) == NOTHING
    assert before == presence.everybody()


def test_what_a_client_sends_back_of_others_is_ignored_and_its_own_is_taken() -> None:
    presence = Presence()
    presence.hear(connection("alice"), [says(5, 1)])
    heard = presence.hear(connection("bob"), [says(5, 1), says(6, 1)])

    assert [entry.client for entry in heard.news] == [6]


def test_a_state_that_is_not_newer_is_not_news() -> None:
    presence, bob = Presence(), connection("bob")
    presence.hear(bob, [says(5, 3)])

    assert presence.hear(bob, [says(5, 3, cursor=1), says(5, 2)]) == NOTHING


def test_who_leaves_is_gone_for_everybody_at_the_clock_they_had() -> None:
    presence, bob = Presence(), connection("bob")
    presence.hear(connection("alice"), [says(4, 1)])
    presence.hear(bob, [says(5, 3), says(6, 8)])

    assert (Entry(5, 3, LEFT), Entry(6, 8, LEFT)) == presence.forget(bob)
    assert [entry.client for entry in presence.everybody()] == [4]


def test_a_client_may_say_itself_that_it_leaves_and_come_back_later() -> None:
    presence, bob = Presence(), connection("bob")
    presence.hear(bob, [says(5, 3)])

    assert (Entry(5, 3, LEFT),) == presence.hear(bob, [Entry(5, 3, LEFT)]).news
    assert [(entry.client, entry.clock) for entry in presence.hear(bob, [says(5, 4)]).news] == [(5, 4)]


def test_who_comes_back_at_the_clock_of_leaving_is_asked_for_a_later_one() -> None:
    presence, before, after = Presence(), connection("bob"), connection("bob")
    presence.hear(before, [says(5, 3)])
    presence.forget(before)

    assert Heard((), (Entry(5, 3, LEFT),)) == presence.hear(after, [says(5, 3)])
    assert len(presence.hear(after, [says(5, 4)]).news) == 1


@pytest.mark.parametrize("entry", [says(5, 3), says(5, 4), Entry(5, 3, LEFT), Entry(5, 9, LEFT)])
def test_nobody_takes_up_the_client_of_another_person_who_has_left(entry: Entry) -> None:
    presence, bob = Presence(), connection("bob")
    presence.hear(bob, [says(5, 3)])
    presence.forget(bob)

    assert presence.hear(connection("carol"), [entry]) == NOTHING


def test_a_persons_new_connection_takes_over_from_one_that_died_unnoticed() -> None:
    presence, dead, new = Presence(), connection("bob"), connection("bob")
    presence.hear(dead, [says(5, 3)])

    assert len(presence.hear(new, [says(5, 4)]).news) == 1
    assert presence.forget(dead) == ()


def test_a_persons_second_page_does_not_take_over_by_sending_back_what_it_heard() -> None:
    presence, first, second = Presence(), connection("bob"), connection("bob")
    presence.hear(first, [says(5, 3)])

    assert presence.hear(second, [says(5, 3)]) == NOTHING
    assert (Entry(5, 3, LEFT),) == presence.forget(first)


@pytest.mark.parametrize(
    "state",
    [
        "",
        "1",
        "[]",
        '"null"',
        "{",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": -Infinity}',
        '{"a": ' + "[" * 30_000 + "]" * 30_000 + "}",
        '{"a": "' + "x" * MAX_STATE + '"}',
    ],
    ids=lambda state: state[:16],
)
def test_a_state_that_not_every_client_could_read_reaches_nobody(state: str) -> None:
    presence = Presence()

    assert presence.hear(connection("bob"), [Entry(5, 1, state)]) == NOTHING
    assert presence.everybody() == ()


def test_one_person_cannot_fill_the_room_with_clients_however_many_connections_they_have() -> None:
    presence, connections = Presence(), [connection("bob") for _ in range(3)]
    for number, each in enumerate(connections):
        presence.hear(each, [says(20 * number + client, 1) for client in range(20)])
    presence.hear(connection("carol"), [says(1000, 1)])

    assert len(presence.everybody()) == MAX_CLIENTS + 1
    assert [0, 8, 20] == [each.dropped for each in connections]


def test_of_one_frame_no_more_states_are_looked_at_than_a_person_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(awareness, "_verified", lambda state, _identity: looked_at.append(state))
    presence, bob = Presence(), connection("bob")
    presence.hear(bob, [says(client, 1) for client in range(1000)])

    assert (len(looked_at), bob.dropped) == (MAX_CLIENTS, 1000 - MAX_CLIENTS)


def test_of_what_one_frame_says_of_one_client_the_last_counts_and_nothing_else_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(awareness, "_verified", lambda state, _identity: looked_at.append(state) or state)
    heard = Presence().hear(connection("bob"), [says(5, clock, at=clock) for clock in range(1, 1000)])

    assert [(5, 999)] == [(entry.client, entry.clock) for entry in heard.news]
    assert ['{"at": 999}'] == looked_at


def test_what_is_known_already_is_not_looked_at_again() -> None:
    presence, bob = Presence(), connection("bob")
    presence.hear(bob, [says(5, 3)])
    is_echo = presence.echoes_from(bob)

    assert [True, False, False] == [is_echo(5, clock) for clock in (2, 3, 4)]


def test_one_person_cannot_fill_the_room_with_states_and_who_lets_go_of_some_may_say_more() -> None:
    presence, first, second = Presence(), connection("bob"), connection("bob")
    large = "x" * (MAX_STATE - 100)
    presence.hear(first, [says(client, 1, text=large) for client in range(4)])
    presence.hear(second, [says(client, 1, text=large) for client in range(10, 14)])

    assert sum(len(entry.state) for entry in presence.everybody()) <= MAX_STATES
    assert (len(presence.everybody()), first.dropped, second.dropped) == (7, 0, 1)

    presence.hear(first, [says(0, 2)])
    presence.hear(second, [says(13, 1, text=large)])

    assert (len(presence.everybody()), second.dropped) == (8, 1)

    presence.hear(second, [says(10, 2, text=large), says(14, 1, text=large)])

    assert (len(presence.everybody()), second.dropped) == (8, 2)

    presence.forget(first)
    presence.forget(second)

    assert (presence._size, dict(presence._sizes), dict(presence._clients)) == (0, {}, {})


def test_all_that_is_known_of_everybody_fits_into_what_a_viewer_may_say() -> None:
    presence, people = Presence(), [connection(str(number)) for number in range(60)]
    for number, each in enumerate(people):
        presence.hear(each, [says(10 * number + client, 1, text="x" * (MAX_STATE - 100)) for client in range(7)])

    assert len(frames.encode(frames.Awareness(presence.everybody()))) <= frames.MAX_VIEWER_FRAME / 2
    assert sum(each.dropped for each in people) == 60 * 7 - len(presence.everybody()) > 0


def test_one_connection_introduces_only_so_many_clients_and_may_take_up_its_own_again() -> None:
    presence, bob = Presence(), connection("bob")
    for client in range(MAX_INTRODUCTIONS + 10):
        presence.hear(bob, [says(client, 1)])
        presence.hear(bob, [Entry(client, 1, LEFT)])

    assert bob.dropped == 10
    assert len(presence.hear(bob, [says(3, 2)]).news) == 1
    assert len(presence.hear(connection("bob"), [says(1000, 1)]).news) == 1


def test_nobody_makes_the_room_forget_whose_client_somebody_else_was() -> None:
    presence, alice = Presence(), connection("alice")
    presence.hear(alice, [says(5, 3)])
    presence.forget(alice)
    for number in range(MAX_RETIRED + 1):
        mallory = connection("mallory")
        presence.hear(mallory, [says(10 + number, 1)])
        presence.forget(mallory)

    assert presence.hear(connection("mallory"), [says(5, 4)]) == NOTHING
    assert len(presence._retired) == len(presence._retired_of["id-of-mallory"]) + 1 == MAX_RETIRED + 1
    assert len(presence.hear(connection("carol"), [says(10, 1)]).news) == 1


def test_who_came_is_told_from_who_moved() -> None:
    presence, bob = Presence(), connection("bob")
    heard = [presence.hear(bob, [entry]) for entry in (says(5, 1), says(5, 2), Entry(5, 2, LEFT), says(5, 3))]

    assert [{5}, set(), set(), {5}] == [each.came for each in heard]


def test_a_recall_makes_the_clients_of_one_connection_speak_again() -> None:
    presence, bob = Presence(), connection("bob")
    presence.hear(connection("alice"), [says(4, 1)])
    presence.hear(bob, [says(5, 3)])

    assert (Entry(5, 3, LEFT),) == presence.recall(bob)
    assert len(presence.everybody()) == 2


def test_coming_and_leaving_is_urgent_and_moving_is_not() -> None:
    presence, bob = Presence(), connection("bob")
    heard = [presence.hear(bob, [entry]) for entry in (says(5, 1), says(5, 2), Entry(5, 2, LEFT), says(5, 3))]

    assert [True, False, True, True] == [each.is_urgent for each in heard]


def test_an_echo_is_what_is_known_already_of_somebody_else() -> None:
    presence, alice, bob = Presence(), connection("alice"), connection("bob")
    presence.hear(alice, [says(4, 3)])
    presence.hear(bob, [says(5, 3)])
    is_echo = presence.echoes_from(bob)

    assert [True, True, False] == [is_echo(4, clock) for clock in (2, 3, 4)]
    assert (False, False) == (is_echo(5, 3), is_echo(6, 1))

    presence.forget(alice)

    assert not is_echo(4, 3)


def test_clients_that_left_or_were_taken_over_make_room_for_others() -> None:
    presence, old, new = Presence(), connection("bob"), connection("bob")
    presence.hear(old, [says(client, 1) for client in range(MAX_CLIENTS)])
    presence.hear(old, [Entry(0, 1, LEFT)])
    presence.hear(new, [says(1, 2)])
    presence.hear(old, [says(client, 1) for client in (100, 101, 102)])

    assert [*range(2, MAX_CLIENTS), 100] == sorted(entry.client for entry in presence.recall(old))
    assert [1] == [entry.client for entry in presence.recall(new)]
