"""The gate stands in front of whatever an application serves, however it is added."""

from __future__ import annotations

from typing import Any

from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.routing import PathMatches, Rule
from tornado.web import Application, RequestHandler

from coterie.server.connections import Connections
from coterie.server.gate import Gate


class _Handler(RequestHandler):
    def get(self) -> None:
        """Never called."""


class _Connection:
    """What a request is made with in these tests; nothing is ever sent."""

    def set_close_callback(self, callback: Any) -> None:
        """Nothing closes."""


def _request(path: str) -> HTTPServerRequest:
    return HTTPServerRequest(
        start_line=RequestStartLine("GET", path, "HTTP/1.1"),
        headers=HTTPHeaders({"Host": "x"}),
        connection=_Connection(),  # type: ignore[arg-type]
    )


def _gated(application: Application) -> Application:
    Gate(None, None, Connections(), None).install(application)  # type: ignore[arg-type]
    return application


def _class_behind(application: Application, path: str) -> type:
    delegate: Any = application.find_handler(_request(path))
    return delegate.handler_class


def test_a_handler_is_replaced_by_a_guarded_one_when_it_is_added_later_too() -> None:
    application = _gated(Application([("/a", _Handler)]))
    application.add_handlers(".*", [("/b", _Handler)])

    for path in ("/a", "/b"):
        served = _class_behind(application, path)
        assert served is not _Handler
        assert issubclass(served, _Handler)
        assert served.prepare is not RequestHandler.prepare


def test_a_path_that_nobody_serves_is_guarded_too() -> None:
    served = _class_behind(_gated(Application([])), "/nothing")

    assert served.prepare is not RequestHandler.prepare


def test_a_route_that_leads_to_no_handler_leads_nowhere() -> None:
    def serve(request: HTTPServerRequest) -> None:
        raise AssertionError("reached")

    application = _gated(Application([]))
    application.default_router.rules.insert(0, Rule(PathMatches("/callable"), serve))
    application.default_router.rules.insert(0, Rule(PathMatches("/another"), Application([("/another", _Handler)])))

    assert _class_behind(application, "/callable").__name__ == "ErrorHandler"
    assert _class_behind(application, "/another").__name__ == "ErrorHandler"
