"""Who is here: one entry for each person, from connections alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from jupyter_server.auth import User

from coterie.policy import Role
from coterie.server.access import Access
from coterie.server.rooms.connection import describe
from coterie.server.rooms.people import COMING_EVERY, LEAVING_EVERY, MAX_DOCUMENTS, ORDER_EVERY, People, Roll
from rooms.peers import StandingClock
from rooms.serving import access


@dataclass(eq=False)
class Visitor:
    """One connection of somebody's."""

    access: Access
    identity: dict[str, Any]


@dataclass
class Paper:
    path: str


def _user(name: str) -> User:
    return User(name, display_name=f"{name.title()} Smith")


@dataclass
class Watched:
    """People, and what was told of them."""

    clock: StandingClock = field(default_factory=StandingClock)
    told: list[Roll] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.people = People(self.clock)
        self.people.watch(self.told.append)

    def comes(self, name: str, document: Paper | None = None, role: Role = Role.EDITOR) -> Visitor:
        visitor = Visitor(access(name, role), describe(_user(name)))
        self.people.enter(visitor, document)
        return visitor

    def now(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(person.hub_name, person.documents) for person in self.people.now().people]


def test_a_person_is_here_once_however_many_connections_they_have() -> None:
    watched, paper = Watched(), Paper("a.md")
    watched.comes("alice")
    watched.comes("bob")
    watched.comes("alice", paper)
    watched.comes("alice", paper)
    watched.comes("alice", Paper("b.md"))

    assert [("alice", ("b.md", "a.md")), ("bob", ())] == watched.now()


def test_everybody_is_told_who_they_are_themselves() -> None:
    watched = Watched()
    watched.comes("bob", Paper("a.md"))
    watched.comes("alice", role=Role.VIEWER)
    roll = watched.people.now()

    def entry(name: str, role: str, is_you: bool, documents: list[str]) -> dict[str, Any]:
        shown = describe(_user(name))
        return {
            "name": f"{name.title()} Smith",
            "username": name,
            "initials": shown["initials"],
            "color": shown["color"],
            "role": role,
            "is_you": is_you,
            "documents": documents,
        }

    for_bob = [entry("alice", "viewer", False, []), entry("bob", "editor", True, ["a.md"])]
    for_nobody = [entry("alice", "viewer", False, []), entry("bob", "editor", False, ["a.md"])]
    assert {"people": for_bob} == json.loads(roll.told_to("bob"))
    assert {"people": for_nobody} == json.loads(roll.told_to("somebody else"))


def test_who_leaves_is_gone_at_once_and_only_with_their_last_connection() -> None:
    watched = Watched()
    first, second = watched.comes("alice"), watched.comes("alice")
    watched.comes("bob")
    watched.clock.go_on(COMING_EVERY)
    watched.told.clear()

    watched.people.leave(first)
    watched.people.leave(first)
    watched.clock.go_on(LEAVING_EVERY)
    assert [] == watched.told

    watched.people.leave(second)
    watched.clock.go_on(LEAVING_EVERY)
    assert [["bob"]] == [[person.hub_name for person in roll.people] for roll in watched.told]


def test_changes_that_come_together_are_told_together() -> None:
    watched = Watched()
    for number in range(200):
        watched.comes(f"p{number}")
    watched.clock.go_on(COMING_EVERY)

    assert [1, 200] == [len(roll.people) for roll in watched.told]

    visitors = list(watched.people._visits)
    for visitor in visitors[1:]:
        watched.people.leave(visitor)
    watched.clock.go_on(LEAVING_EVERY)

    assert 1 == len(watched.told[-1].people)
    assert len(watched.told) <= 4


def test_who_is_active_comes_first_but_no_keystroke_is_told() -> None:
    watched, a, b = Watched(), Paper("a.md"), Paper("b.md")
    alice_a, _alice_b = watched.comes("alice", a), watched.comes("alice", b)
    bob = watched.comes("bob", a)
    watched.clock.go_on(ORDER_EVERY)
    watched.told.clear()

    for _ in range(1000):
        watched.people.stirred(bob)
        watched.people.stirred(alice_a)
    watched.clock.go_on(ORDER_EVERY)

    assert [("alice", ("a.md", "b.md")), ("bob", ("a.md",))] == watched.now()
    assert len(watched.told) <= 2
    assert len(watched.clock.timers) <= 2


def test_the_same_list_is_not_told_twice() -> None:
    watched = Watched()
    alice = watched.comes("alice")
    watched.clock.go_on(COMING_EVERY)
    watched.people.changed()
    watched.people.stirred(alice)
    watched.comes("alice")
    watched.clock.go_on(ORDER_EVERY)

    assert 1 == len(watched.told)


def test_a_renamed_document_and_another_role_are_told() -> None:
    watched, paper = Watched(), Paper("a.md")
    alice = watched.comes("alice", paper)
    watched.clock.go_on(COMING_EVERY)

    paper.path = "b.md"
    watched.people.changed()
    watched.clock.go_on(COMING_EVERY)
    assert [("alice", ("b.md",))] == watched.now()

    alice.access = access("alice", Role.VIEWER)
    watched.people.changed()
    watched.clock.go_on(COMING_EVERY)
    assert ["viewer"] == [person.role for person in watched.told[-1].people]
    assert 3 == len(watched.told)


def test_nobody_fills_the_list_with_documents() -> None:
    watched = Watched()
    for number in range(3 * MAX_DOCUMENTS):
        watched.comes("alice", Paper(f"{number}.md"))

    ((_, documents),) = watched.now()
    assert [f"{number}.md" for number in range(3 * MAX_DOCUMENTS)][: -MAX_DOCUMENTS - 1 : -1] == list(documents)


def test_nothing_is_told_after_the_end() -> None:
    watched = Watched()
    watched.people.close()
    watched.comes("alice")
    watched.clock.go_on(COMING_EVERY)

    assert [] == watched.told


def test_somebody_who_stopped_being_here_stirs_nobody() -> None:
    watched = Watched()
    alice = watched.comes("alice")
    watched.people.leave(alice)
    watched.people.stirred(alice)

    assert [] == watched.now()
