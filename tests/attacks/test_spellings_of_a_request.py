"""Spelling a refused request in another way: through the proxy and straight at the server's port, what is refused in
its plain form stays refused in every other, and nothing of it is the server's fault (a status of 500 or more)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from attacks.plain_http import Answer, Line, a_line, port_behind, request
from coterie.policy import Role
from coterie.server.routes import needed
from revocation.holding import Place, account_of, hub
from support.demo import Demo

pytestmark = pytest.mark.hub

SECRET = "canary-of-a-file"


@dataclass(frozen=True)
class Plain:
    """A request and the class that serves it, by which the table of the gate says whom it refuses."""

    method: str
    path: str
    handler: str
    body: bytes = b""


_CONTENTS = "jupyter_server.services.contents.handlers.ContentsHandler"
_FILES = "jupyter_server.base.handlers.AuthenticatedFileHandler"

TO_VIEWERS = [
    Plain("POST", "api/kernels", "jupyter_server.services.kernels.handlers.MainKernelHandler", b"{}"),
    Plain("POST", "api/terminals", "jupyter_server_terminals.api_handlers.TerminalRootHandler", b"{}"),
    Plain("PUT", "api/contents/new.txt", _CONTENTS, b'{"type": "file"}'),
    Plain("DELETE", "api/contents/secret.txt", _CONTENTS),
    Plain("POST", "api/shutdown", "jupyter_server.services.shutdown.ShutdownHandler", b"{}"),
    Plain("GET", "files/secret.txt?download=1", _FILES),
    Plain("GET", "files/secret.ipynb", _FILES),
    Plain("GET", "nbconvert/html/secret.ipynb", "jupyter_server.nbconvert.handlers.NbconvertFileHandler"),
    Plain("GET", "metrics", "jupyter_server.base.handlers.PrometheusMetricsHandler"),
]

#: Whoever has no role may not even read.
TO_STRANGERS = [
    Plain("POST", "api/kernels", "jupyter_server.services.kernels.handlers.MainKernelHandler", b"{}"),
    Plain("GET", "files/secret.txt", _FILES),
]

#: For each, of the server's prefix and a path, with the slash between them left out.
SPELLINGS: list[Callable[[str, str], str]] = [
    *(
        lambda prefix, path, between=between: f"{prefix}{between}{path}"
        for between in (
            *("//", "/./", "/%2e/", "/x/../", "/x/%2e%2e/", "/x/..%2f", "/%2F", "%2f", "/%5C", "/\\", "/;x=y/", "/;/"),
            *("/static/../", "/static/%2e%2e/", "/static/..%2f", "/oauth_callback/../", "/logout/..%2F", "/api/../"),
            *("/files/../", "/oauth_callback/..;/", "/%09", "/%20", "/..%00/", "/%c0%af", "/%ef%bc%8f", "/?/", "/#/"),
        )
    ),
    *(
        lambda prefix, path, tail=tail: f"{prefix}/{path.partition('?')[0]}{tail}{''.join(path.partition('?')[1:])}"
        for tail in (
            *(".", "/", "//", "/.", "/x/..", "/%2e", ";", ";x=y", ";.txt", "%3Bx=y", "%00", "%00.txt", "%20", "%0a"),
            *("%0d%0aX:%20x", "%ff", "%zz", "%", "%C3%28", "\\", "%5C", ".json", "%23", "#x", "%3F", "%e2%80%8b"),
        )
    ),
    lambda prefix, path: f"{prefix}/{path.upper()}",
    lambda prefix, path: f"{prefix}/{path.title()}",
    lambda prefix, path: f"{prefix.upper()}/{path}",
    lambda prefix, path: f"{prefix}/{path.replace('/', '//')}",
    lambda prefix, path: f"{prefix}/{path.replace('/', '%2F')}",
    lambda prefix, path: f"{prefix}/{path.replace('/', '%252F')}",
    lambda prefix, path: f"{prefix}/{path.replace('/', '%5C')}",
    lambda prefix, path: f"{prefix}/{path.replace('/', ';x=y/')}",
    lambda prefix, path: f"{prefix}/%{ord(path[0]):x}{path[1:]}",
    lambda prefix, path: f"{prefix}/%25{ord(path[0]):x}{path[1:]}",
    lambda prefix, path: f"{prefix}/{path.replace('.', '%2e')}",
    lambda prefix, path: f"/{prefix}/{path}",
    lambda prefix, path: f"{prefix.replace('/', '//')}/{path}",
    lambda prefix, path: f"/x/..{prefix}/{path}",
    lambda prefix, path: f"/hub/..{prefix}/{path}",
    lambda prefix, path: f"{prefix}/{path}{'&' if '?' in path else '?'}_method=OPTIONS&method=GET&_xsrf=x",
    lambda prefix, path: f"{prefix}/{path.replace('download=1', '&'.join(['%64ownload=1', 'download']))}",
    lambda prefix, path: f"{prefix}/{path.replace('download=1', 'x=1;download=1&download=')}",
    lambda prefix, path: f"http://evil.example{prefix}/{path}",
    lambda prefix, path: f"http://evil.example@evil.example{prefix}/{path}",
    lambda prefix, path: f"{prefix}/{'x/../' * 500}{path}",
]

#: A host in the first line of one takes the place of the plain form's.
HEADERS = [
    *(
        f"{name}: {value}"
        for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method")
        for value in ("GET", "OPTIONS")
    ),
    *("X-Original-URL: /static/x", "X-Rewrite-URL: /static/x", "X-Forwarded-Uri: /static/x"),
    "X-Forwarded-Prefix: /static",
    *("X-Forwarded-User: alice", "X-Remote-User: alice", "Remote-User: alice", "X-Forwarded-Host: evil.example"),
    *("X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1;host=localhost"),
    *("X-Coterie-Session: x", "X-Coterie-Gate: passed", "Cookie: _xsrf=x; jupyterhub-session-id=x; jupyterhub-user=x"),
    *("Accept: text/html", "Sec-Fetch-Mode: no-cors", "Origin: null", "Upgrade: websocket\r\nConnection: Upgrade"),
    "Connection: close, Authorization",
    "Authorization: token x",
    "Authorization: Basic YWxpY2U6Y290ZXJpZQ==",
    *("Host: evil.example", "X: x\r\nHost: evil.example"),
    "X: " + "x" * 60_000,
    "\r\n".join(f"X-{number}: x" for number in range(500)),
    " folded: x",
    "Name with spaces: x",
    "X: \x7f",
]

METHODS = ["HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "MOVE", "get", "GeT", "GET\t", "X" * 2000, "PUT"]


@pytest.fixture(scope="module")
async def spelled(demo: Demo, place: Place) -> AsyncIterator[Place]:
    """Alice's; bob is Viewer. Dave has no role, though the Hub lets him through."""
    secrets = [
        demo.put(place.url, "secret.txt", SECRET),
        demo.put(place.url, "secret.ipynb", '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'),
    ]
    await hub(demo, "admin", "POST", f"shares/{account_of(place.url)}/", json={"user": "dave"})
    yield place
    for secret in secrets:
        secret.unlink()


async def _state(demo: Demo, place: Place) -> Any:
    ask = [(await demo.server("alice", "GET", f"{place.url}api/{what}")).json() for what in ("kernels", "terminals")]
    return (
        [each["id"] for each in ask[0]],
        [each["name"] for each in ask[1]],
        # What others typed a moment ago may still be saved.
        {str(path): path.stat().st_mtime_ns for path in demo.work(place.url).rglob("*") if place.file not in path.name},
    )


def _variations(plain: Plain, url: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Method, target and further headers; the first is the plain form itself."""
    prefix = urlsplit(url).path.rstrip("/")
    target = f"{prefix}/{plain.path}"
    yield plain.method, target, ()
    for spelling in SPELLINGS:
        yield plain.method, spelling(prefix, plain.path), ()
    for header in (*HEADERS, *_own_hosts(url)):
        yield plain.method, target, (header,)
    for method in METHODS:
        if _is_refused(plain, method):
            yield method, target, ()


def _own_hosts(url: str) -> Iterator[str]:
    """The host of *url* in other spellings, asked for and as where a page of it is from."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    for host in (f"{parts.hostname}.:{parts.port}", f"{parts.hostname.title()}:{parts.port}"):
        yield f"Host: {host}"
        yield f"Origin: {parts.scheme}://{host}"


def _is_refused(plain: Plain, method: str, role: Role | None = Role.VIEWER) -> bool:
    """Whether the table refuses it. Methods that no handler has are nobody's."""
    module, _, name = plain.handler.rpartition(".")
    line = RequestStartLine(method, f"/{plain.path}", "HTTP/1.1")
    sent = HTTPServerRequest(start_line=line, headers=HTTPHeaders({"Host": "x"}))
    need = needed(type(name, (), {"__module__": module}), sent)
    return need is not None and (role is None or role < need)


class _Caller:
    """Sends one request after the other, on one line for as long as that goes."""

    def __init__(self, demo: Demo, who: str | None, url: str, port: int) -> None:
        self._port = port
        self._host = f"Host: {urlsplit(url).netloc}"
        self._headers = (
            *((f"Authorization: token {demo.tokens[who]}",) if who else ()),
            "Content-Type: application/json",
        )

    async def all_of(self, plain: Plain, url: str) -> list[tuple[str, str, Answer | None]]:
        """Every variation with its answer, None where the line was hung up on."""
        left, answers = list(_variations(plain, url)), list[tuple[str, str, Answer | None]]()
        while left:
            async with a_line(self._port) as line:
                while left:
                    method, target, more = left.pop(0)
                    answer = await self._one(line, method, target, more, plain.body)
                    answers.append((f"{method[:20]} {target[:120]}", "".join(more)[:60], answer))
                    if answer is None or answer.headers.get("connection") == "close":
                        break
        return answers

    async def _one(self, line: Line, method: str, target: str, more: tuple[str, ...], body: bytes) -> Answer | None:
        host = () if any(header.startswith("Host: ") for header in more) else (self._host,)
        await line.send(request(method, target, *host, *self._headers, *more, body=body))
        return await line.answer(method)


def _lets_through(answer: Answer | None) -> bool:
    if answer is None or answer.status == 501:  # the proxy's word for methods that it does not pass on
        return False
    return answer.status < 300 or answer.status >= 500 or SECRET.encode() in answer.body


@pytest.mark.parametrize("way", ["through the proxy", "straight at the server"])
@pytest.mark.parametrize(
    ("who", "plains"),
    [("bob", TO_VIEWERS), ("dave", TO_STRANGERS), (None, TO_STRANGERS)],
    ids=["a Viewer", "a stranger whom the Hub lets through", "nobody"],
)
async def test_no_spelling_gives_more_than_the_plain_form(
    demo: Demo, spelled: Place, way: str, who: str | None, plains: list[Plain]
) -> None:
    before = await _state(demo, spelled)
    port = demo.port if way == "through the proxy" else port_behind(demo, spelled.url)
    caller = _Caller(demo, who, spelled.url, port)
    wrong = []
    for plain in plains:
        assert _is_refused(plain, plain.method, Role.VIEWER if who == "bob" else None)
        answers = await caller.all_of(plain, spelled.url)
        assert answers[0][2] is not None
        assert 403 == answers[0][2].status, answers[0]
        # Whoever hung up has refused, but most say so.
        assert 10 * sum(answer is None for *_, answer in answers) <= len(answers)
        wrong += [
            (request, header, answer.status, answer.body[:100])
            for request, header, answer in answers
            if _lets_through(answer)
            if answer is not None
        ]

    assert [] == wrong
    assert before == await _state(demo, spelled)


async def test_the_same_requests_are_answered_to_whoever_may(demo: Demo, spelled: Place) -> None:
    for plain in (*TO_VIEWERS, *TO_STRANGERS):
        if plain.method == "GET":
            answer = await demo.server("alice", "GET", f"{spelled.url}{plain.path}")
            assert 200 == answer.status_code, plain
            assert ("secret.txt" in plain.path) == (SECRET in answer.text)
    made = await demo.server("alice", "POST", f"{spelled.url}api/terminals", json={})
    assert 200 == made.status_code
    terminal = f"{spelled.url}api/terminals/{made.json()['name']}"
    assert 204 == (await demo.server("alice", "DELETE", terminal)).status_code
