"""How much anybody may ask of the service: how many requests, how large, how slowly, and for how long.

Everything is counted for each caller by themselves, so that whoever asks too much is refused and nobody else waits. A
caller is a person, a server, or, where a request carries no token that the Hub knows, the address it comes from. Each
process counts for itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_network
from math import ceil

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coterie.hubapi import HubError
from coterie.service import problems
from coterie.service.settings import Limits, Settings
from coterie.service.sign_in import address_of, is_asked_elsewhere, token_of
from coterie.service.tokens import SERVER, Tokens
from coterie.wire.problems import ProblemCode

log = logging.getLogger(__name__)

#: So many callers are remembered. Whoever asked longest ago is forgotten first, and may then ask as after a rest.
_REMEMBERED = 10_000
#: More of one caller's requests than this do not wait for their turn.
_WAITING = 100
#: How often is logged that the same caller asks too much (seconds).
_TOLD_EVERY = 60.0
#: So many times what others may ask is for servers, each of which asks about all who knock there, and for static files.
_MANY_TIMES = 10
#: The part of an IPv6 address that one customer's devices have in common (RFC 6177).
_IPV6_PREFIX = 64


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float
    told_at: float | None = None


class Rate:
    """Token buckets: each caller may make *in_a_row* requests at once, and gets *per_second* of them back; where
    either is 0 nobody is counted."""

    def __init__(self, per_second: float, in_a_row: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._in_a_row = float(in_a_row)
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, caller: str) -> float:
        """Count a request of *caller*'s. Answers 0, or, where that would be too many, for how long they should wait
        (seconds): then it does not count."""
        if not (self._per_second and self._in_a_row):
            return 0.0
        bucket = self._bucket(caller)
        if bucket.left >= 1:
            bucket.left -= 1
            return 0.0
        if bucket.told_at is None or bucket.at - bucket.told_at >= _TOLD_EVERY:
            bucket.told_at = bucket.at
            log.warning("More requests than allowed: %s", caller)
        return (1 - bucket.left) / self._per_second

    def give_back(self, caller: str) -> None:
        """Have a request of *caller*'s not count after all."""
        bucket = self._bucket(caller)
        bucket.left = min(bucket.left + 1, self._in_a_row)

    def _bucket(self, caller: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(caller, _Bucket(self._in_a_row, now))
        self._buckets.move_to_end(caller)
        bucket.left = min(bucket.left + (now - bucket.at) * self._per_second, self._in_a_row)
        bucket.at = now
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        return bucket


@dataclass(slots=True)
class _Room:
    free: asyncio.Semaphore
    users: int = 0


class Turns:
    """Has *at_once* requests of each caller worked on; the others wait for their turn, in the order in which they
    came. 0: all of them at once."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._rooms: dict[str, _Room] = {}

    def are_too_many_waiting(self, caller: str | None) -> bool:
        """Whether *caller* has so many requests that the next one should come later."""
        room = None if caller is None else self._rooms.get(caller)
        return room is not None and room.users >= self._at_once + _WAITING

    @asynccontextmanager
    async def turn(self, caller: str | None) -> AsyncIterator[Callable[[], None]]:
        """Wait for a turn, and have it until the block ends or what this gives is called. None waits for nobody."""
        if caller is None or not self._at_once:
            yield lambda: None
            return
        room = self._rooms.setdefault(caller, _Room(asyncio.Semaphore(self._at_once)))
        has_turn = False

        def end() -> None:
            nonlocal has_turn
            if has_turn:
                has_turn = False
                room.free.release()

        room.users += 1
        try:
            await room.free.acquire()
            has_turn = True
            yield end
        finally:
            end()
            room.users -= 1
            if not room.users:
                del self._rooms[caller]


@dataclass(slots=True)
class _Body:
    """A request's body as it comes in. Raises HTTPException, 413 or 408, to whoever reads too much of it or for too
    long; once the answer has begun, nothing of it is kept and so nothing is looked at."""

    receive: Receive
    limits: Limits
    is_let_through: bool = False
    received: int = 0
    due: float | None = field(default=None)

    async def read(self) -> Message:
        if self.is_let_through:
            return await self.receive()
        if self.due is None and self.limits.body_seconds:
            self.due = asyncio.get_running_loop().time() + self.limits.body_seconds
        try:
            async with asyncio.timeout_at(self.due):
                message = await self.receive()
        except TimeoutError:
            # What is still to come would be taken for the next request.
            raise HTTPException(408, "The body did not come in time.", {"Connection": "close"}) from None
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
            if self.limits.body_bytes and self.received > self.limits.body_bytes:
                raise _too_large(self.limits)
            self.is_let_through = not message.get("more_body", False)
        return message


def _too_large(limits: Limits) -> HTTPException:
    return HTTPException(413, f"A request's body has at most {limits.body_bytes} bytes.")


class WithinLimits:
    """ASGI middleware that holds every request to the limits of *settings*.

    ``health/live`` asks nothing and is not counted. ``health/ready`` is counted by address and by itself, so that no
    flood of anything else makes the process look unwell; and so are static files, which are cheap and kept by browsers.
    """

    def __init__(self, app: ASGIApp, settings: Settings, tokens: Tokens) -> None:
        self._app = app
        self._settings = settings
        self._limits = settings.limits
        self._tokens = tokens
        per_second, in_a_row = self._limits.requests_per_second, self._limits.requests_in_a_row
        self._callers, self._addresses = (Rate(per_second, in_a_row) for _ in range(2))
        self._servers, self._static = (Rate(per_second * _MANY_TIMES, in_a_row * _MANY_TIMES) for _ in range(2))
        self._asked_again: set[str] = set()
        self._turns = Turns(self._limits.requests_at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem what is beyond a limit, and pass on everything else."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        has_begun = False
        try:
            async with asyncio.timeout(self._limits.answer_seconds or None) as patience:
                caller, wait = await self._count(request)
                if self._turns.are_too_many_waiting(caller):
                    wait = max(wait, 1.0)
                if wait:
                    sentence = f"Too many requests. Try again in {ceil(wait)} seconds."
                    headers = {"Retry-After": str(ceil(wait))}  # RFC 9110, section 10.2.3, as RFC 6585 asks for
                    refusal = problems.answer(request, ProblemCode.TOO_MANY_REQUESTS, sentence, headers)
                    await refusal(scope, receive, send)
                    return
                body = _Body(receive, self._limits)
                async with self._turns.turn(caller) as end_turn:

                    async def send_in_time(message: Message) -> None:
                        nonlocal has_begun
                        if message["type"] == "http.response.start":
                            # From here on it may be a stream, which has bounds of its own.
                            has_begun = body.is_let_through = True
                            patience.reschedule(None)
                            end_turn()
                        await send(message)

                    if self._announces_too_much(request):
                        too_large = problems.answer(
                            request, ProblemCode.CONTENT_TOO_LARGE, _too_large(self._limits).detail
                        )
                        await too_large(scope, receive, send_in_time)
                    else:
                        await self._app(scope, body.read, send_in_time)
            if caller is not None:
                await self._ask_again(request)
        except TimeoutError:
            if has_begun or not patience.expired():
                raise
            log.warning("Not answered in time: %s %s", request.method, request.url.path)
            sentence = "This took too long and was given up. Look whether it happened before you try again."
            await problems.answer(request, ProblemCode.ANSWER_TOO_SLOW, sentence)(scope, receive, send)

    def _announces_too_much(self, request: Request) -> bool:
        length = request.headers.get("Content-Length", "0")
        return bool(self._limits.body_bytes) and length.isdecimal() and int(length) > self._limits.body_bytes

    async def _count(self, request: Request) -> tuple[str | None, float]:
        """Who sends *request*, None where that is nobody the Hub knows; and for how long they should wait (seconds), 0
        where it is none too many."""
        path = request.url.path.removeprefix(self._settings.prefix)
        if not (self._limits.requests_per_second or self._limits.requests_at_once) or path == "api/v1/health/live":
            return None, 0.0
        address = f"address {_network(request)}"
        if path.startswith("static/"):
            return None, self._static.take(address)
        if path == "api/v1/health/ready":
            return None, self._addresses.take(f"health {address}")
        if "Authorization" not in request.headers and is_asked_elsewhere(request, self._settings):
            # It will be refused: pages of workspaces must not use up what whoever looks at them may ask.
            return None, self._addresses.take(f"pages elsewhere, {address}")
        token = token_of(request, self._settings)
        if token is None:
            return None, self._addresses.take(address)
        caller = self._tokens.last_caller_behind(token)
        if caller is None:
            # The Hub has to be asked, and whoever makes up tokens is to be held back before that.
            if wait := self._addresses.take(address):
                return None, wait
            try:
                caller = await self._tokens.caller_behind(token)
            except HubError:
                caller = None  # whoever looks at the request asks again, and says so
            if caller is None:
                return None, 0.0
            self._addresses.give_back(address)
        # A server asks about whoever knocks there. Were it refused, all who are in there would be cut off by one who is
        # not. But tokens like its own can be had from the Hub by whoever's home it is.
        return caller, (self._servers if caller.startswith(SERVER) else self._callers).take(caller)

    async def _ask_again(self, request: Request) -> None:
        """Have the Hub asked about the token that *request* came with, if it was not for seconds: where the answer
        depends on nobody, nothing else does, and whoever holds a token that was revoked would go on using up what its
        owner may ask."""
        token = token_of(request, self._settings)
        if token is None or token in self._asked_again:
            return
        self._asked_again.add(token)
        try:
            await self._tokens.caller_behind(token)
        except HubError:
            pass  # then it counts as before
        finally:
            self._asked_again.remove(token)


def _network(request: Request) -> str:
    """The address that a request comes from; of IPv6 the network that is one customer's."""
    address = address_of(request)
    if address is None:
        return "that is none"
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), _IPV6_PREFIX), strict=False))
    return str(address)
