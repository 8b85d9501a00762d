"""Every route of a server against the table of the gate, and against the real server as people who may less."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from coterie.policy import Role
from coterie.server.routes import ANYBODY, ROUTES, needed
from gate.conftest import Route, Running
from support.demo import Demo
from support.samples import sample

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

#: What may change something, start something or run something: a Viewer has none of it, whatever the table says.
CHANGING = ("POST", "PUT", "PATCH", "DELETE")

#: The one change of state by a Viewer: the id of a document that is there is looked up, and made on the first time.
HARMLESS = {("coterie.server.rooms.handlers.DocSessionHandler", "PUT")}

#: Routes that are deliberately left to Editors. An extension that brings one which is neither here nor in the table
#: fails a test, so that somebody looks at it; until then it needs an Editor.
FOR_EDITORS = {
    "jupyter_lsp.handlers.LanguageServerWebSocketHandler",
    "jupyter_server.base.handlers.PrometheusMetricsHandler",
    "jupyter_server.nbconvert.handlers.NbconvertFileHandler",
    "jupyter_server.nbconvert.handlers.NbconvertPostHandler",
    "jupyter_server.services.api.handlers.PathResolverHandler",
    "jupyter_server.services.contents.handlers.ModifyCheckpointsHandler",
    "jupyter_server.services.contents.handlers.TrustNotebooksHandler",
    "jupyter_server.services.events.handlers.EventHandler",
    "jupyter_server.services.kernels.handlers.KernelActionHandler",
    "jupyter_server.services.kernels.websocket.KernelWebsocketHandler",
    "jupyter_server.services.security.handlers.CSPReportHandler",
    "jupyter_server_terminals.handlers.TermSocket",
    "jupyterlab.handlers.build_handler.BuildHandler",
    "jupyterlab.handlers.extension_manager_handler.ExtensionHandler",
    "jupyterlab.handlers.plugin_manager_handler.PluginHandler",
    "jupyterlab_server.licenses_handler.LicensesHandler",
}

#: Served wrongly by Jupyter Server itself (it is registered without its folder), before any code of ours or its own
#: runs.
BROKEN = {"jupyter_server.base.handlers.PublicStaticFileHandler", "/(robots\\.txt)$", "/(favicon\\.ico)$"}

#: Keep the server busy for a minute; an Editor's own business.
SLOW = {"jupyterlab_server.licenses_handler.LicensesHandler"}


def _request(method: str, uri: str = "/") -> HTTPServerRequest:
    headers = HTTPHeaders({"Host": "ws-aaaaaaaaaaaaaaaa.hub.localhost"})
    return HTTPServerRequest(start_line=RequestStartLine(method, uri, "HTTP/1.1"), headers=headers)


def _class(name: str, *bases: type) -> type:
    module, _, own = name.rpartition(".")
    return type(own, bases, {"__module__": module})


def _need(handler: str, method: str, uri: str = "/") -> Role | None:
    return needed(_class(handler), _request(method, uri))


def test_every_route_is_one_that_somebody_looked_at(routes: list[Route]) -> None:
    unknown = {route.handler for route in routes} - set(ROUTES) - FOR_EDITORS

    assert set() == unknown


def test_the_table_names_no_route_that_does_not_exist(routes: list[Route]) -> None:
    stale = (set(ROUTES) | FOR_EDITORS) - {route.handler for route in routes}

    assert set() == stale


def test_what_is_not_in_the_table_needs_an_editor(routes: list[Route]) -> None:
    for handler in [*FOR_EDITORS, "some_extension.handlers.NewHandler", "jupyter_server.base.handlers.Subclass"]:
        assert {Role.EDITOR} == {_need(handler, method) for method in METHODS}


def test_a_viewer_changes_nothing(routes: list[Route]) -> None:
    allowed = {
        (route.handler, method)
        for route in routes
        for method in CHANGING
        if _need(route.handler, method) in (ANYBODY, Role.VIEWER)
    }

    assert HARMLESS == allowed


def test_downloading_needs_an_editor_and_reading_does_not() -> None:
    files = "jupyter_server.base.handlers.AuthenticatedFileHandler"

    assert (Role.VIEWER, Role.EDITOR) == (_need(files, "GET", "/files/a"), _need(files, "GET", "/files/a?download=1"))


def test_a_subclass_of_a_handler_in_the_table_is_not_in_the_table() -> None:
    base = _class("jupyter_server.services.contents.handlers.ContentsHandler")

    derived = _class("some_extension.handlers.ContentsHandler", base)

    assert Role.EDITOR == needed(derived, _request("GET"))


def _address(running: Running, route: Route) -> str:
    path = sample(route.pattern.removesuffix("$"))
    prefix = "/user/alice/"
    tail = path.removeprefix(prefix).lstrip("/") if path.startswith(prefix.rstrip("/")) else path.lstrip("/")
    return running.url + quote(tail, safe="/%")


@pytest.mark.hub
@pytest.mark.parametrize("who", ["dave", "erin", None], ids=["a Viewer", "a stranger", "nobody"])
async def test_the_running_server_refuses_what_the_table_refuses(
    demo: Demo, running: Running, routes: list[Route], who: str | None
) -> None:
    role = Role.VIEWER if who == "dave" else None
    wrong = []
    for route in routes:
        if {route.handler, route.pattern} & BROKEN:
            continue
        for method in METHODS:
            need = _need(route.handler, method)
            is_allowed = need is ANYBODY or (role is not None and role >= need)
            answer = await demo.server(who, method, _address(running, route))
            is_refused = answer.status_code == 403 and answer.headers.get("X-Coterie-Gate") == "refused"
            # A method that a class does not support at all is turned away before anything else.
            if is_refused == is_allowed and answer.status_code != 405:
                wrong.append((method, route.handler, answer.status_code, answer.text[:80]))

    assert [] == wrong


@pytest.mark.hub
@pytest.mark.parametrize("who", ["carol", "bob", "alice"], ids=["an Editor", "a Co-owner", "the Creator"])
async def test_the_running_server_lets_through_whom_the_table_lets_through(
    demo: Demo, running: Running, routes: list[Route], who: str
) -> None:
    wrong = []
    for route in routes:
        if {route.handler, route.pattern} & (BROKEN | SLOW):
            continue
        # Reading only: what changes something is exercised where it is meant.
        for method in ("GET", "HEAD", "OPTIONS"):
            need = _need(route.handler, method)
            is_allowed = need is ANYBODY or Role.parse(running.roles[who]) >= need
            answer = await demo.server(who, method, _address(running, route))
            if is_allowed and answer.headers.get("X-Coterie-Gate") == "refused":
                wrong.append((method, route.handler, answer.status_code, answer.text[:80]))

    assert [] == wrong


@pytest.mark.hub
@pytest.mark.parametrize("who", ["carol", "bob"], ids=["an Editor", "a Co-owner"])
async def test_only_the_creator_shuts_the_server_down_past_the_hub(demo: Demo, running: Running, who: str) -> None:
    answer = await demo.server(who, "POST", f"{running.url}api/shutdown")

    assert (403, "role-too-weak") == (answer.status_code, answer.json()["code"])


@pytest.mark.hub
@pytest.mark.parametrize(
    "path",
    [
        "api//kernels",
        "//api/kernels",
        "api/kernels/",
        "api/%6bernels",
        "API/kernels",
        "api/./kernels",
        "api/x/../kernels",
        "api%2Fkernels",
        "api/kernels?_method=GET",
        "api/kernels;x",
        "api/kernels%00",
        "api/kernels.",
    ],
)
async def test_no_spelling_of_an_address_gets_a_viewer_a_kernel(demo: Demo, running: Running, path: str) -> None:
    before = (await demo.server("alice", "GET", f"{running.url}api/kernels")).json()

    headers = {"X-HTTP-Method-Override": "GET"}
    answer = await demo.server("dave", "POST", running.url + path, json={}, headers=headers)

    assert answer.status_code >= 300
    assert before == (await demo.server("alice", "GET", f"{running.url}api/kernels")).json()


@pytest.mark.hub
async def test_no_page_but_the_servers_own_opens_a_socket(demo: Demo, running: Running) -> None:
    import websockets

    for origin in ("http://ws-aaaaaaaaaaaaaaaa.hub.localhost", demo.hub_url.rstrip("/"), "null", "http://evil.example"):
        for path in ("coterie/live", "api/events/subscribe", "api/collaboration/room/JupyterLab:globalAwareness"):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with demo.socket("carol", running.url + path, headers={"Origin": origin}):
                    pass
            assert 403 == refused.value.response.status_code


@pytest.mark.hub
async def test_a_socket_without_origin_and_without_token_is_refused(demo: Demo, running: Running) -> None:
    import websockets

    with pytest.raises(websockets.InvalidStatus) as refused:
        async with demo.socket(None, f"{running.url}coterie/live?token={demo.tokens['carol']}"):
            pass

    assert 403 == refused.value.response.status_code
