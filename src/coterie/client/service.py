"""What one server may ask the service with its own token: who it is, a decision, names, and what changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from coterie.client.errors import ServiceRefused, ServiceUnreachable
from coterie.client.event_stream import Message, read_messages
from coterie.wire import events
from coterie.wire.bodies import (
    PEOPLE_MAX,
    AccessEvent,
    DecisionsQuestion,
    NamesQuestion,
    PeopleNames,
    ServerDecision,
    ServerDecisions,
    ServerFacts,
)
from coterie.wire.problems import Problem

#: For one question. A decision that takes longer than this is as good as none.
ANSWER_SECONDS = 10.0
#: Longest silence on the event stream. The service says something every 5 s, so two lost beats are still borne.
SILENCE_SECONDS = 15.0

Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Alive:
    """The service is there and has told everything up to *revision*."""

    revision: int


class _Beat(BaseModel):
    revision: int


class ServiceClient:
    """Asks the service at *url* (its root, as servers and the Hub reach it) with a server's own *token*.

    Use it as an async context manager, or call ``close``. Every call raises ServiceUnreachable or ServiceRefused and
    nothing else of its own.
    """

    def __init__(self, url: str, token: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}/api/v1/",
            headers={"Authorization": f"token {token}"},
            timeout=ANSWER_SECONDS,
            # The service is a neighbour: a proxy meant for the outside must not see the token.
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends every connection, open event streams too."""
        await self._http.aclose()

    async def facts(self) -> ServerFacts:
        """Which workspace or home this server runs."""
        return await self._ask("GET", "server", ServerFacts)

    async def decide(self, session: str, name: str) -> ServerDecision:
        """What the person with the Hub name *name* may do on this server in this *session*. Role None means no access,
        not an error."""
        path = f"server/decisions/{quote(name, safe='')}?session={quote(session, safe='')}"
        return await self._ask("GET", path, ServerDecision)

    async def decide_at_once(self, session: str, people: Collection[str]) -> dict[str, ServerDecision]:
        """The same for everybody with these Hub names, by name."""
        names = sorted(set(people))
        path = f"server/decisions?session={quote(session, safe='')}"
        found: dict[str, ServerDecision] = {}
        for start in range(0, len(names), PEOPLE_MAX):
            part = names[start : start + PEOPLE_MAX]
            answer = await self._ask("POST", path, ServerDecisions, DecisionsQuestion(names=part))
            found |= dict(zip(part, answer.decisions, strict=False))
        return found

    async def names(self, people: Collection[str]) -> dict[str, str]:
        """The names of the people with these ids, by id. Who never had to do with this server's workspace is left
        out."""
        ids = sorted(set(people))
        names: dict[str, str] = {}
        for start in range(0, len(ids), PEOPLE_MAX):
            question = NamesQuestion(people=ids[start : start + PEOPLE_MAX])
            names |= (await self._ask("POST", "server/names", PeopleNames, question)).names
        return names

    async def events(self, session: str, after: int | None = None) -> AsyncIterator[AccessEvent | Alive]:
        """What changes, from revision *after* on (None: from now), for as long as the service is there.

        Being connected reports this *session*'s gate as up. Ends by raising ServiceUnreachable: connect again then,
        with the revision seen last.
        """
        params = {"session": session} if after is None else {"session": session, "after": str(after)}
        try:
            async with self._http.stream(
                "GET",
                "server/events",
                params=params,
                headers={"Accept": "text/event-stream"},
                timeout=httpx.Timeout(ANSWER_SECONDS, read=SILENCE_SECONDS),
            ) as response:
                if not response.is_success:
                    await response.aread()
                    raise _refusal(response)
                async for message in read_messages(response.aiter_lines()):
                    if (event := _understand(message)) is not None:
                        yield event
        except httpx.HTTPError as error:
            raise _unreachable(error) from error
        raise ServiceUnreachable("The Coterie service ended the event stream.")

    async def _ask(self, method: str, path: str, shape: type[Body], body: BaseModel | None = None) -> Body:
        sent = None if body is None else body.model_dump(mode="json")
        try:
            try:
                response = await self._http.request(method, path, json=sent)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                # A connection that was kept may be closed at this moment. Nothing that is asked here changes anything.
                response = await self._http.request(method, path, json=sent)
        except httpx.HTTPError as error:
            raise _unreachable(error) from error
        if not response.is_success:
            raise _refusal(response)
        return _parse(shape, response.content)


def _understand(message: Message) -> AccessEvent | Alive | None:
    match message.event:
        case events.STREAM_ACCESS:
            return _parse(AccessEvent, message.data)
        case events.STREAM_ALIVE:
            return Alive(_parse(_Beat, message.data).revision)
        case _:
            # A newer service may say more than this server knows of.
            return None


def _parse(shape: type[Body], content: str | bytes) -> Body:
    try:
        return shape.model_validate_json(content)
    except ValidationError as error:
        raise ServiceUnreachable("The Coterie service gave an answer that cannot be read.") from error


def _unreachable(error: httpx.HTTPError) -> ServiceUnreachable:
    if isinstance(error, httpx.TimeoutException):
        return ServiceUnreachable("The Coterie service did not answer in time.")
    return ServiceUnreachable("The Coterie service cannot be reached.")


def _refusal(response: httpx.Response) -> ServiceRefused | ServiceUnreachable:
    if response.is_server_error or response.is_redirect:
        return ServiceUnreachable(f"The Coterie service answered with status {response.status_code}.")
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return ServiceRefused(
            response.status_code, "", f"The Coterie service refused with status {response.status_code}."
        )
    return ServiceRefused(response.status_code, problem.code.value, problem.detail)
