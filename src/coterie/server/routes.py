"""What each route of a server needs: a table of handler classes.

A route is known by the class that would serve it, by its full name and without regard to base classes, so that
neither the spelling of a path nor a subclass in some extension gets it a place in the table. What is not here needs
an Editor, whatever the method: an extension that nobody classified shows a Viewer nothing and lets them change nothing.

A Viewer is in the table only where all that can happen is reading. HEAD and OPTIONS count as GET.
"""

from __future__ import annotations

from posixpath import normpath
from typing import Final
from urllib.parse import unquote

from tornado.httputil import HTTPServerRequest

from coterie.policy import Role

#: Anybody at all, signed in or not: sign-in itself, and files of the deployment that hold nothing of the workspace's.
ANYBODY: Final = None

#: What an unclassified route needs.
UNCLASSIFIED: Final = Role.EDITOR

_GET_ANYBODY: dict[str, Role | None] = {"GET": ANYBODY}
_GET_VIEWER: dict[str, Role | None] = {"GET": Role.VIEWER}

ROUTES: dict[str, dict[str, Role | None]] = {
    # Signing in and out, and whether the server is up (the Hub asks).
    "jupyterhub.singleuser.extension.JupyterHubLogoutHandler": _GET_ANYBODY,
    "jupyterhub.singleuser.extension.JupyterHubOAuthCallbackHandler": _GET_ANYBODY,
    "jupyter_server.base.handlers.APIVersionHandler": _GET_ANYBODY,
    # Scripts, styles and themes as installed. Browsers fetch them without proof of who looks.
    "jupyter_server.base.handlers.FileFindHandler": _GET_ANYBODY,
    "jupyter_server.base.handlers.PublicStaticFileHandler": _GET_ANYBODY,
    "jupyterlab_server.themes_handler.ThemesHandler": _GET_ANYBODY,
    # Pages.
    "jupyter_server.base.handlers.RedirectWithParams": _GET_VIEWER,
    "jupyter_server.base.handlers.TrailingSlashHandler": _GET_VIEWER,
    "jupyter_server.base.handlers.Template404": _GET_VIEWER,
    "jupyter_server.services.contents.handlers.NotebooksRedirectHandler": _GET_VIEWER,
    "jupyterlab_server.handlers.LabHandler": _GET_VIEWER,
    "jupyterlab_server.handlers.NotFoundHandler": _GET_VIEWER,
    # Files: reading. Downloading them needs more, see needed().
    "jupyter_server.base.handlers.AuthenticatedFileHandler": _GET_VIEWER,
    "jupyter_server.view.handlers.ViewHandler": _GET_VIEWER,
    "jupyter_server.services.contents.handlers.ContentsHandler": _GET_VIEWER,
    "jupyter_server.services.contents.handlers.CheckpointsHandler": _GET_VIEWER,
    "jupyter_server_fileid.handler.FileIDHandler": _GET_VIEWER,
    "jupyter_server_fileid.handler.FilePathHandler": _GET_VIEWER,
    # Live documents: opening one is reading; what a connection may send is decided frame by frame.
    "coterie.server.rooms.handlers.DocSessionHandler": {"PUT": Role.VIEWER},
    "coterie.server.rooms.handlers.RoomHandler": _GET_VIEWER,
    "coterie.server.live.LiveHandler": _GET_VIEWER,
    # What a document was earlier, and who worked on it: reading it, too, is for those who may bring it back.
    "coterie.server.rooms.version_handlers.VersionsHandler": {"GET": Role.EDITOR, "POST": Role.EDITOR},
    # What a home's guests will be able to reach, for its owner to know before anybody is invited.
    "coterie.server.reach.ReachHandler": {"GET": Role.CREATOR},
    # What there is and how it is doing.
    "jupyter_server.services.api.handlers.APISpecHandler": _GET_VIEWER,
    "jupyter_server.services.api.handlers.APIStatusHandler": _GET_VIEWER,
    "jupyter_server.services.api.handlers.IdentityHandler": _GET_VIEWER,
    "jupyter_server.services.config.handlers.ConfigHandler": _GET_VIEWER,
    "jupyter_server.services.events.handlers.SubscribeWebsocket": _GET_VIEWER,
    "jupyter_server.services.kernels.handlers.KernelHandler": _GET_VIEWER,
    "jupyter_server.services.kernels.handlers.MainKernelHandler": _GET_VIEWER,
    "jupyter_server.services.sessions.handlers.SessionHandler": _GET_VIEWER,
    "jupyter_server.services.sessions.handlers.SessionRootHandler": _GET_VIEWER,
    "jupyter_server.services.kernelspecs.handlers.KernelSpecHandler": _GET_VIEWER,
    "jupyter_server.services.kernelspecs.handlers.MainKernelSpecHandler": _GET_VIEWER,
    "jupyter_server.kernelspecs.handlers.KernelSpecResourceHandler": _GET_VIEWER,
    "jupyter_server.services.nbconvert.handlers.NbconvertRootHandler": _GET_VIEWER,
    "jupyter_server_terminals.api_handlers.TerminalHandler": _GET_VIEWER,
    "jupyter_server_terminals.api_handlers.TerminalRootHandler": _GET_VIEWER,
    "jupyter_lsp.handlers.LanguageServersHandler": _GET_VIEWER,
    # JupyterLab's own.
    "jupyterlab.handlers.announcements.CheckForUpdateHandler": _GET_VIEWER,
    "jupyterlab.handlers.announcements.NewsHandler": _GET_VIEWER,
    "jupyterlab_server.listings_handler.ListingsHandler": _GET_VIEWER,
    "jupyterlab_server.settings_handler.SettingsHandler": _GET_VIEWER,
    "jupyterlab_server.translations_handler.TranslationsHandler": _GET_VIEWER,
    "jupyterlab_server.workspaces_handler.WorkspacesHandler": _GET_VIEWER,
    # Ending the server past the Hub is the Creator's; everybody else stops it through Coterie.
    "jupyter_server.services.shutdown.ShutdownHandler": {"POST": Role.CREATOR},
}


def needed(handler_class: type, request: HTTPServerRequest) -> Role | None:
    """What *request* needs to be served by *handler_class*: the weakest role, or ANYBODY."""
    method = "GET" if request.method in ("HEAD", "OPTIONS") else str(request.method)
    name = f"{handler_class.__module__}.{handler_class.__qualname__}"
    need = ROUTES.get(name, {}).get(method, UNCLASSIFIED)
    return UNCLASSIFIED if name.endswith(".AuthenticatedFileHandler") and _is_download(request) else need


def _is_download(request: HTTPServerRequest) -> bool:
    """Whether Jupyter Server answers with a file to be kept: where that is asked for, and always with a notebook."""
    return "download" in request.arguments or normpath(unquote(request.path)).endswith(".ipynb")
