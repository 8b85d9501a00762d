"""The gate: every request and every WebSocket of this server, whichever extension serves it, passes here first.

tornado asks the application for a delegate per request, whatever the route; there each handler's class is replaced by a
subclass whose ``prepare`` asks the gate before anything of the handler's own runs. So no route can be served that did
not pass, and nothing (no room, no kernel) is made for somebody who may not be here.

What a route needs is written in ``coterie.server.routes`` for classes of handlers, not for paths: however a path is
spelled, the code that would run is what counts.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import unquote, urlsplit

from jupyter_server.base.handlers import JupyterHandler
from jupyterhub.singleuser.extension import JupyterHubIdentityProvider
from tornado.httputil import HTTPServerRequest
from tornado.web import Application, ErrorHandler, HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from coterie.server.access import Access
from coterie.server.connections import Connections, end
from coterie.server.decisions import Decisions, Undecided
from coterie.server.no_access import CONTENT_SECURITY_POLICY, no_access_page
from coterie.server.place import Place
from coterie.server.routes import ANYBODY, needed
from coterie.wire.names import is_reserved
from coterie.wire.problems import UNKNOWN_WORKSPACE, Problem, ProblemCode

#: Says in the answer that it was the gate that refused, and not the handler behind it.
_MARK = "X-Coterie-Gate"

#: A page may say in its request in which session it was loaded. If that is over, the answer's header of this
#: name says so. Whoever does not know that session learns nothing of this one.
_SESSION = "X-Coterie-Session"
_OVER = "over"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """Lets each request pass or refuses it."""

    def __init__(
        self,
        identity_provider: JupyterHubIdentityProvider,
        decisions: Decisions,
        connections: Connections,
        place: Place,
    ) -> None:
        self._identity_provider = identity_provider
        self._decisions = decisions
        self.connections = connections
        self._place = place

    def install(self, application: Application) -> None:
        """Put the gate in front of every handler of *application*, those that are added later included. A route that
        leads to something other than a handler leads nowhere: the gate could not stand in front of it."""
        make_delegate, find_handler = application.get_handler_delegate, application.find_handler
        classes: dict[type[RequestHandler], type[RequestHandler]] = {}

        def guarded(request: Any, target_class: type[RequestHandler], *args: Any, **kwargs: Any) -> Any:
            if target_class not in classes:
                classes[target_class] = _guarded(target_class, self)
            delegate: Any = make_delegate(request, classes[target_class], *args, **kwargs)
            delegate.is_guarded = True
            return delegate

        def find(request: HTTPServerRequest, **kwargs: Any) -> Any:
            found = find_handler(request, **kwargs)
            return (
                found if getattr(found, "is_guarded", False) else guarded(request, ErrorHandler, {"status_code": 404})
            )

        application.get_handler_delegate = guarded  # type: ignore[method-assign]
        application.find_handler = find  # type: ignore[method-assign]

    async def check(self, handler: RequestHandler, handler_class: type[RequestHandler]) -> None:
        """Set ``coterie_access`` on *handler*, or finish it with a refusal. What may go on is registered,
        to be cut when that is over."""
        if handler.request.headers.get(_SESSION, self._place.session) != self._place.session:
            handler.set_header(_SESSION, _OVER)
        if "\0" in unquote(handler.request.path):
            # No file has such a name, and asking for one is an error that not every handler expects.
            return _refuse(handler, 400, ProblemCode.INVALID_INPUT, "This is not an address.")
        if isinstance(handler, WebSocketHandler) and not _is_own_origin(handler):
            return _refuse(handler, 403, ProblemCode.FORGED_REQUEST, "This page may not connect here.")
        need = needed(handler_class, handler.request)
        if need is ANYBODY:
            return None
        name = await self._name(handler)
        if name is None:
            return self._ask_to_sign_in(handler)
        try:
            access = await self._decisions.get(name)
        except Undecided:
            detail = "Whether you may be here cannot be checked at the moment. Try again soon."
            return _refuse(handler, 503, ProblemCode.SERVICE_UNREACHABLE, detail)
        if access is None:
            return self._refuse_stranger(handler)
        if not access.allows(need):
            detail = f"This needs the role {need.title} here; you are {access.role.title}."
            return _refuse(handler, 403, ProblemCode.ROLE_TOO_WEAK, detail)
        handler.coterie_access = access  # type: ignore[attr-defined]
        if not isinstance(handler, JupyterHandler) and handler.request.method not in _SAFE_METHODS:
            handler.check_xsrf_cookie()  # a JupyterHandler does so itself
        self.connections.add(handler)
        return None

    async def _name(self, handler: RequestHandler) -> str | None:
        """The Hub name of the person behind the request. The workspace's own account and the server's own token are
        nobody: what runs here must not speak for a person."""
        user = await self._identity_provider.get_user(handler)
        if user is None or user.hub_user.get("kind") != "user" or is_reserved(user.username):
            return None
        hub_auth = self._identity_provider.hub_auth
        if hub_auth.get_token(handler) == hub_auth.api_token:
            return None
        return str(user.username)

    def _ask_to_sign_in(self, handler: RequestHandler) -> None:
        """Send a browser that looks at a page to the Hub; refuse everything else, with a word for pages whose sign-in
        was for an earlier session."""
        if getattr(handler, "_cached_hub_user", None) is not None:
            return self._refuse_stranger(handler)
        if not _is_page_view(handler):
            return _refuse(handler, 403, ProblemCode.SIGN_IN_NEEDED, "This needs a sign-in at the Hub.")
        handler.current_user = None  # or an API route's handler asks itself who it is, in a way that fails
        try:
            handler.redirect(handler.get_login_url())
        except HTTPError:
            # An API route.
            return self._refuse_stranger(handler)
        return None

    def _refuse_stranger(self, handler: RequestHandler) -> None:
        if not _is_page_view(handler):
            return _refuse(handler, 403, ProblemCode.WORKSPACE_NOT_FOUND, UNKNOWN_WORKSPACE)
        handler.set_status(403)
        handler.set_header(_MARK, "refused")
        handler.set_header("Content-Type", "text/html; charset=utf-8")
        handler.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        _finish(handler, no_access_page(UNKNOWN_WORKSPACE, self._place.public_url))
        return None


def _guarded(handler_class: type[RequestHandler], gate: Gate) -> type[RequestHandler]:
    """A subclass of *handler_class* that asks *gate* before anything else."""

    async def prepare(self: Any) -> None:
        self.coterie_access = None
        self.coterie_ended = None
        await gate.check(self, handler_class)
        if self._finished:
            return
        result = handler_class.prepare(self)
        if result is not None:
            await result

    members: dict[str, Any] = {"prepare": prepare, "__module__": handler_class.__module__}
    if issubclass(handler_class, WebSocketHandler):
        members |= _socket_members(handler_class, gate)
    else:
        members |= _answer_members(handler_class, gate)
    return type(handler_class.__name__, (handler_class,), members)


def _answer_members(handler_class: type[RequestHandler], gate: Gate) -> dict[str, Any]:
    def on_finish(self: Any) -> None:
        # tornado calls this once it has all of the answer, which a slow reader may take hours to get.
        stream = self.request.connection.stream
        if stream.writing():
            stream.write(b"").add_done_callback(lambda _: gate.connections.discard(self))  # all is written, or closed
        else:
            gate.connections.discard(self)
        handler_class.on_finish(self)

    def on_connection_close(self: Any) -> None:
        gate.connections.discard(self)
        handler_class.on_connection_close(self)

    return {"on_finish": on_finish, "on_connection_close": on_connection_close}


def _socket_members(handler_class: type[WebSocketHandler], gate: Gate) -> dict[str, Any]:
    async def open_(self: Any, *args: Any, **kwargs: Any) -> None:
        if self.coterie_ended is not None:  # between the handshake's check and now
            end(self, self.coterie_ended)
            return
        result = handler_class.open(self, *args, **kwargs)
        if result is not None:
            await result

    def on_message(self: Any, message: str | bytes) -> Any:
        # tornado goes on delivering frames for seconds after a close that the client ignores.
        return None if self.coterie_ended is not None else handler_class.on_message(self, message)

    def write_message(self: Any, message: str | bytes | dict[str, Any], binary: bool = False) -> Any:
        if self.coterie_ended is not None:
            # Who writes to several people's connections in a row, as terminals do, must not stumble over this one.
            nothing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            nothing.set_result(None)
            return nothing
        return handler_class.write_message(self, message, binary)

    def on_close(self: Any) -> None:
        gate.connections.discard(self)
        handler_class.on_close(self)

    def on_finish(self: Any) -> None:
        if self.ws_connection is None:  # a request that never became a connection
            gate.connections.discard(self)
        handler_class.on_finish(self)

    return {
        "open": open_,
        "on_message": on_message,
        "write_message": write_message,
        "on_close": on_close,
        "on_finish": on_finish,
    }


def _is_own_origin(handler: WebSocketHandler) -> bool:
    """Whether a WebSocket was opened by a page of this very origin, or by a program that sends a token and no Origin.

    Cookies travel from every origin of the site, so that without this any workspace's page could open the sockets of
    another as the person who looks at it.
    """
    origin = handler.request.headers.get("Origin")
    if origin is None:
        return "Authorization" in handler.request.headers
    return urlsplit(origin).netloc.lower() == handler.request.headers.get("Host", "").lower()


def _is_page_view(handler: RequestHandler) -> bool:
    accepts = handler.request.headers.get("Accept", "")
    return (
        handler.request.method in ("GET", "HEAD")
        and "text/html" in accepts
        and not isinstance(handler, WebSocketHandler)
    )


def _refuse(handler: RequestHandler, status: int, code: ProblemCode, detail: str) -> None:
    """Finish with a problem document. JupyterLab reads ``message``."""
    handler.set_status(status)
    handler.set_header(_MARK, "refused")
    handler.set_header("Content-Type", "application/problem+json")
    problem = Problem(type="about:blank", title="Refused", status=status, detail=detail, code=code)
    _finish(handler, json.dumps(problem.model_dump(mode="json") | {"message": detail}))


def _finish(handler: RequestHandler, body: str) -> None:
    """Send *body* by tornado's own means: a handler may have a finish() of its own that expects what only its methods
    give it."""
    RequestHandler.finish(handler, body)


def access_of(handler: Any) -> Access | None:
    """What the gate found for the person behind *handler*, None on routes that are anybody's."""
    access: Access | None = getattr(handler, "coterie_access", None)
    return access
