"""The server's application: JupyterHub's own, with Coterie's classes above whatever a file or an option says."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from typing import Any

from jupyter_server.utils import url_path_join
from jupyterhub.singleuser.extension import JupyterHubSingleUser
from tornado.httpserver import HTTPServer

from coterie.client import ServiceClient
from coterie.server.admissions import Admissions
from coterie.server.connection_limit import ConnectionLimit, GuardedServer, most_connections
from coterie.server.connections import Connections
from coterie.server.decisions import Decisions
from coterie.server.follower import Follower
from coterie.server.gate import Gate
from coterie.server.identity import CoterieIdentityProvider
from coterie.server.live import CHANNELS_SETTING, LiveChannels, LiveHandler
from coterie.server.place import PLACE_SETTING, Place
from coterie.server.reach import ReachHandler
from coterie.server.rooms.version_handlers import NAMES_SETTING
from coterie.server.secrets import forget_environment

#: For how long a server that hears nothing from the service goes on with what it knows (seconds).
DEFAULT_LEASE = 60.0


class CoterieServer(JupyterHubSingleUser):
    """A workspace's or a home's server."""

    name = app_namespace = "coterie-singleuser"

    @classmethod
    def get_extension_package(cls) -> str:
        """The package that jupyter-server loads, and asks for its extension points."""
        return "coterie.server"

    @classmethod
    def make_serverapp(cls, **kwargs: Any) -> Any:
        """The server with our extensions, which it looks up before any extension is asked for its settings."""
        serverapp = super().make_serverapp(**kwargs)
        serverapp.jpserver_extensions |= {"coterie.server.rooms": True, "jupyter_server_fileid": True}
        return serverapp

    def load_config_file(self) -> None:
        """Set what must hold here, after and so above the Hub's settings, files and options."""
        super().load_config_file()
        config = self.config
        config.ServerApp.identity_provider_class = CoterieIdentityProvider
        config.ServerApp.contents_manager_class = "coterie.server.contents.WorkspaceContents"
        config.ServerApp.kernel_spec_manager_class = "coterie.server.kernels.WorkspaceKernelSpecs"
        config.WorkspaceKernelSpecs.environment = os.environ.get("COTERIE_ENVIRONMENT", "")
        config.KernelManager.transport = (
            "ipc"  # sockets in a private folder instead of ports that everybody can listen on
        )
        config.LanguageServerManager.autodetect = False  # it would start whatever is called like a language server
        config.LabApp.extension_manager = "readonly"
        config.LabApp.news_url = None
        config.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
        self.serverapp.update_config(config)

    def initialize(self, args: Any = None) -> None:
        """Put the gate in place before anything is served."""
        super().initialize(args)
        server = self.serverapp
        # The Hub stops a server by this signal, which without a terminal would end it where it stands, nothing saved.
        signal.signal(signal.SIGINT, server._signal_stop)
        place = Place.from_environment()
        identity_provider = server.identity_provider
        identity_provider.place = place
        identity_provider.hub_auth.cache = Admissions(identity_provider.hub_auth)
        client = ServiceClient(place.service_url, self.hub_auth.api_token)
        server.web_app.settings[NAMES_SETTING] = client.names
        lease = float(os.environ.get("COTERIE_LEASE", DEFAULT_LEASE))
        decisions = Decisions(
            partial(client.decide, place.session),
            partial(client.decide_at_once, place.session),
            owner=place.owner,
            lease=lease,
        )
        limit = ConnectionLimit(most_connections())
        HTTPServer.configure(GuardedServer, limit=limit)  # jupyter-server makes it after this
        connections = Connections(on_pass=limit.let_pass)
        channels = LiveChannels(is_home=place.owner is not None)
        server.web_app.settings |= {PLACE_SETTING: place, CHANNELS_SETTING: channels}
        for word, handler in (("live", LiveHandler), ("reach", ReachHandler)):
            server.web_app.add_handlers(".*$", [(url_path_join(server.base_url, "coterie", word), handler)])
        Gate(identity_provider, decisions, connections, place).install(server.web_app)
        self._follower = Follower(
            client,
            decisions,
            connections,
            session=place.session,
            on_change=identity_provider.hub_auth.cache.forget,
            on_accepted=channels.tell_accepted,
        )
        forget_environment(self.hub_auth, identity_provider.hub_auth)
        if place.environment is not None:
            # Terminals find the kernels' Python and what was installed beside it.
            os.environ["PATH"] = os.pathsep.join([str(place.environment / "bin"), os.environ.get("PATH", os.defpath)])
            os.environ["VIRTUAL_ENV"] = str(place.environment)

        async def start_following() -> None:
            self._following = asyncio.create_task(self._follower.run(), name="follow the service")
            self._following.add_done_callback(self._stop_without_follower)

        server.io_loop.run_sync(start_following)

    def _stop_without_follower(self, following: asyncio.Task[None]) -> None:
        """A server that nobody can be cut from any more must not go on."""
        if not following.cancelled():
            self.log.critical("The service is no longer followed; stopping.", exc_info=following.exception())
            self.serverapp.io_loop.add_callback(self.serverapp.stop)

    async def stop_extension(self) -> None:
        """Stop following the service."""
        self._following.cancel()
        await super().stop_extension()
