"""What happens to a document on a random day, and how it is made to happen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final, assert_never
from uuid import uuid4

from hypothesis import strategies as st

from rooms.endurance import outside, tokens
from rooms.endurance.page import Page
from rooms.endurance.papers import PAPERS, Paper
from rooms.endurance.process import ServerProcess
from rooms.endurance.tokens import Ledger
from rooms.serving import eventually

#: What an edit does. In a text, all but the second write.
DEEDS: Final = ("write", "erase", "write", "print", "print", "show", "new cell", "clear", "drop cell")

#: A server that would have to be started more often has no bearing on what is tested, and takes seconds each time.
MOST_ENDS: Final = 2


@dataclass(frozen=True, slots=True)
class Edit:
    who: int
    deed: str
    at: int
    times: int


@dataclass(frozen=True, slots=True)
class Disconnect:
    who: int
    is_orderly: bool


@dataclass(frozen=True, slots=True)
class Connect:
    """Again, with the old document."""

    who: int


@dataclass(frozen=True, slots=True)
class Leave:
    """For good; somebody else comes instead. Who leaves at once takes along what has not been sent."""

    who: int
    at_once: bool


@dataclass(frozen=True, slots=True)
class Outside:
    how: str
    at: int
    puts: bool
    takes: bool


@dataclass(frozen=True, slots=True)
class End:
    """The server is gone until somebody needs it; or only the process that does its work on files."""

    how: str


@dataclass(frozen=True, slots=True)
class Start:
    """The server is there again, and so is everybody."""


@dataclass(frozen=True, slots=True)
class Save:
    who: int


@dataclass(frozen=True, slots=True)
class Pause:
    milliseconds: int


Step = Edit | Disconnect | Connect | Leave | Outside | End | Start | Save | Pause


@dataclass(frozen=True, slots=True)
class Program:
    paper: Paper
    people: int
    steps: list[Step]


#: How often each kind of step comes, among the others.
_WEIGHTS: Final[dict[type[Step], int]] = {
    Edit: 14,
    Disconnect: 3,
    Connect: 3,
    Leave: 1,
    Outside: 3,
    End: 1,
    Start: 1,
    Save: 2,
    Pause: 4,
}


def programs(*, with_ends: bool) -> st.SearchStrategy[Program]:
    """Programs that have nothing to do with each other: each is made from a number.

    Made from parts, most would be variations of a few, which is of use for finding a smaller program that fails too.
    Several processes never do the same thing twice, so there is no such search, and variety is worth more.
    """
    return st.integers(0, 2**64 - 1).map(lambda number: _program(Random(number), with_ends=with_ends))


def _program(random: Random, *, with_ends: bool) -> Program:
    weights = {kind: weight for kind, weight in _WEIGHTS.items() if with_ends or kind is not End}
    kinds = random.choices(list(weights), list(weights.values()), k=random.randint(15, 60))
    return Program(random.choice(PAPERS), random.randint(2, 8), [_step(kind, random) for kind in kinds])


def _step(kind: type[Step], random: Random) -> Step:
    who, at = random.randrange(8), random.randrange(10_000)
    if kind is Edit:
        return Edit(who, random.choice(DEEDS), at, random.choice((1, 1, 1, 4, 20)))
    if kind is Disconnect:
        return Disconnect(who, is_orderly=random.random() < 0.5)
    if kind is Connect:
        return Connect(who)
    if kind is Leave:
        return Leave(who, at_once=random.random() < 0.5)
    if kind is Outside:
        how = random.choice(("append", "rewrite", "replace"))
        return Outside(how, at, puts=random.random() < 0.5, takes=random.random() < 0.5)
    if kind is End:
        return End(random.choice(("kill", "kill", "stop", "kill beside")))
    if kind is Start:
        return Start()
    if kind is Save:
        return Save(who)
    return Pause(random.choice((1, 5, 20, 100, 400, 1200)))


@dataclass(slots=True)
class _Seat:
    """A place at the document, and what the page there has done that no answer of the server covers yet."""

    page: Page
    unanswered: set[str] = field(default_factory=set)


class Run:
    """One program on one document of a server, which is running when it begins and when it ends."""

    def __init__(self, program: Program, server: ServerProcess) -> None:
        self.paper = program.paper
        self.ledger = Ledger()
        self.file = server.root / f"{uuid4().hex[:8]}{program.paper.suffix}"
        self.program = program
        self._server = server
        self._words: Iterator[str] = tokens.make()
        self._ends = 0
        self._seats: list[_Seat] = []

    @property
    def pages(self) -> list[Page]:
        return [seat.page for seat in self._seats]

    async def run(self) -> None:
        """All steps; then everybody is there and has said everything."""
        self.file.write_text(self.paper.blank(self.ledger, [next(self._words) for _ in range(5)]))
        self._seats = [_Seat(self._new_page(number)) for number in range(self.program.people)]
        await asyncio.gather(*(page.connect() for page in self.pages))
        for step in self.program.steps:
            await self._take(step)
        await self._start()

    async def close(self) -> None:
        await asyncio.gather(*(page.close() for page in self.pages))

    async def _take(self, step: Step) -> None:
        match step:
            case Edit():
                await self._edit(self._seat(step.who), step)
            case Disconnect(who, is_orderly):
                page = self._seat(who).page
                await (page.disconnect() if is_orderly else page.break_off())
            case Connect(who):
                self._be_up()
                await self._connect(self._seat(who))
            case Leave(who, at_once):
                await self._leave(self._seat(who), who, at_once=at_once)
            case Outside():
                self._change(step)
            case End("kill beside"):
                if self._server.is_running:
                    self._server.kill_beside()
            case End(how) if self._server.is_running and self._ends < MOST_ENDS:
                self._ends += 1
                await asyncio.to_thread(self._server.kill if how == "kill" else self._server.stop)
                await eventually(lambda: not any(page.is_connected for page in self.pages))
            case End():
                pass
            case Start():
                await self._start()
            case Save(who):
                page = self._seat(who).page
                if page.is_connected:
                    await page.save()
            case Pause(milliseconds):
                await asyncio.sleep(milliseconds / 1000)
            case _:
                assert_never(step)

    def _seat(self, who: int) -> _Seat:
        return self._seats[who % len(self._seats)]

    def _new_page(self, number: int) -> Page:
        return Page(self._server, self.file.name, self.paper.kind, f"person-{number}")

    def _be_up(self) -> None:
        if not self._server.is_running:
            self._server.start()

    async def _start(self) -> None:
        self._be_up()
        await asyncio.gather(*(self._connect(seat) for seat in self._seats if not seat.page.is_connected))
        for seat in self._seats:
            await seat.page.synchronise()
            seat.unanswered.clear()

    async def _connect(self, seat: _Seat) -> None:
        await seat.page.connect()
        await seat.page.synchronise()  # the answer to what the server asked for on connecting has arrived as well
        seat.unanswered.clear()

    async def _edit(self, seat: _Seat, step: Edit) -> None:
        for number in range(step.times):
            put, taken = set(self.ledger.put), set(self.ledger.taken)
            who = f"{seat.page.person}, {'connected' if seat.page.is_connected else 'alone'}"
            word = next(self._words)
            self.paper.edit(seat.page.document, step.deed, step.at + number, word, self.ledger, who)
            seat.unanswered |= (set(self.ledger.put) - put) | (self.ledger.taken - taken)
            await asyncio.sleep(0)

    async def _leave(self, seat: _Seat, number: int, *, at_once: bool) -> None:
        if seat.page.is_connected and not at_once:
            await seat.page.synchronise()
            seat.unanswered.clear()
        # What another has seen is certain, whatever the one who wrote it knew.
        seen = {
            word
            for other in self._seats
            if other is not seat
            for word in tokens.within(self.paper.text(other.page.document.get()))
        }
        self.ledger.doubt(*(seat.unanswered - seen))
        self.ledger.doubt(*(seat.unanswered & self.ledger.taken))
        await seat.page.close()
        self._be_up()
        seat.page, seat.unanswered = self._new_page(number), set()
        await self._connect(seat)

    def _change(self, step: Outside) -> None:
        word = next(self._words) if step.puts else None
        taken_before = set(self.ledger.taken)

        def change(content: str) -> str:
            return self.paper.change(content, step.at, word, self.ledger, takes=step.takes)

        if step.how == "append" and self.paper.suffix == ".txt":
            word = word or next(self._words)
            self.ledger.add(word, "appended from outside")
            done = outside.append(self.file, word)
        else:
            how: dict[str, Callable[..., outside.Change]] = {"replace": outside.replace}
            done = how.get(step.how, outside.rewrite)(self.file, change)
        if not done.is_certain:
            taken = self.ledger.taken - taken_before
            self.ledger.doubt(*tokens.within(done.before), *taken, *([word] if word else []))
        self.ledger.doubt(*(set(tokens.within(done.before)) ^ set(tokens.within(done.replaced))))
