"""The demo's jupyterhub_config.py."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from configparser import Error, RawConfigParser
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from traitlets.config import Config

from coterie.cli.demo.authenticator import DemoAuthenticator
from coterie.cli.demo.people import ADMINISTRATOR, GROUPS, PEOPLE, RIGHTS
from coterie.cli.demo.state import DemoState
from coterie.hub import Addresses, configure
from coterie.hub.confined import why_not_confined
from coterie.hub.sandbox import shows, why_not_shown

#: Variables that say where packages are: addresses and paths with spaces between them, and then one path each.
_PACKAGES = ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL")
_CERTIFICATES = ("PIP_CERT", "SSL_CERT_FILE")
#: How to get there.
_WAYS = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "all_proxy", "http_proxy", "https_proxy", "no_proxy")
_HABITS = ("PIP_DEFAULT_TIMEOUT", "PIP_NO_INDEX", "PIP_PROXY", "PIP_TIMEOUT", "PIP_TRUSTED_HOST")


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports: *public* for browsers, the others between the demo's own processes."""

    public: int
    hub: int
    service: int
    traefik: int


def configure_demo(c: Config, *, state: Path, ports: Ports, subdomains: bool) -> Addresses:
    """Configures a JupyterHub for the demo: embedded proxy, people, groups, rights, Coterie."""
    hub = c.JupyterHub
    hub.bind_url = f"http://127.0.0.1:{ports.public}"
    hub.hub_bind_url = f"http://127.0.0.1:{ports.hub}"
    if subdomains:
        hub.subdomain_host = f"http://hub.localhost:{ports.public}"
    hub.db_url = f"sqlite:///{state / 'jupyterhub.sqlite'}"
    hub.cookie_secret_file = str(state / "jupyterhub_cookie_secret")

    hub.proxy_class = "traefik_file"
    c.TraefikProxy.traefik_api_url = f"http://127.0.0.1:{ports.traefik}"
    c.TraefikProxy.traefik_api_username = "hub"
    # Kernels reach that port too, so the password lives in the Hub's memory only.
    c.TraefikProxy.traefik_api_password = secrets.token_urlsafe(32)
    # Pages keep WebSockets open, which traefik would wait for when it is stopped, and the Hub for traefik.
    c.TraefikProxy.extra_static_config = {"entryPoints": {"http": {"transport": {"lifeCycle": {"graceTimeOut": "1s"}}}}}
    settings, routes = DemoState(state).routes
    c.TraefikFileProviderProxy.static_config_file = str(settings)
    c.TraefikFileProviderProxy.dynamic_config_file = str(routes)

    hub.authenticator_class = DemoAuthenticator
    c.Authenticator.allowed_users = set(PEOPLE)
    c.Authenticator.admin_users = {ADMINISTRATOR}
    hub.load_groups = {name: {"users": list(users)} for name, users in GROUPS.items()}
    hub.load_roles = [{"name": name, "users": list(users), "scopes": []} for name, users in RIGHTS.items()]

    c.WorkspaceSpawner.samples = str(DemoState(state).samples)
    packages = package_settings()
    c.WorkspaceSpawner.environment = {**packages, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    c.WorkspaceSpawner.readable = [str(path) for path in local_packages(packages) if shows(state, [path]) is None]
    c.WorkspaceSpawner.mem_limit = "2G"
    return configure(c, state=state, service_port=ports.service, sandbox=why_unconfined(state) is None)


def why_unconfined(state: Path) -> str | None:
    """Why the demo's servers cannot be confined on this machine, in a sentence; None where they can."""
    return why_not_confined([state])


def package_settings(
    environment: Mapping[str, str] = os.environ, system: Path = Path("/etc/pip.conf")
) -> dict[str, str]:
    """The variables with which pip in a kernel finds the packages that pip finds for whoever started the demo, by
    their *environment*, the file that it names, or the one for all users. Those files may say more, and stay theirs;
    but a password in an index's address goes with it, into every kernel."""
    known = (*_PACKAGES, *_CERTIFICATES, *_WAYS, *_HABITS)
    own = environment.get("PIP_CONFIG_FILE")
    files = RawConfigParser()
    if own != os.devnull:  # with which pip is told to read none
        with suppress(Error, UnicodeDecodeError):
            files.read([system, *([] if own is None else [own])])
    found = {
        f"PIP_{name.upper().replace('-', '_')}": " ".join(value.split())
        for section in ("global", "install")
        if section in files
        for name, value in files[section].items()
    }
    return {name: value for name, value in (found | dict(environment)).items() if name in known}


def local_packages(settings: Mapping[str, str]) -> tuple[Path, ...]:
    """The files and folders of this machine in which pip looks for packages and certificates by *settings*."""
    words = [word for name in _PACKAGES for word in settings.get(name, "").split()]
    words += [settings[name] for name in _CERTIFICATES if name in settings]
    named = (unquote(word.removeprefix("file://")) if word.startswith("file://") else word for word in words)
    return tuple(path for path in dict.fromkeys(map(Path, named)) if _can_be_shown(path))


def _can_be_shown(path: Path) -> bool:
    try:
        return why_not_shown(path) is None and (path.is_dir() or path.is_file())
    except (OSError, RuntimeError):  # one that leads nowhere: too long, or by links that lead to themselves
        return False


def config_file_text(*, state: Path, ports: Ports, subdomains: bool) -> str:
    """A jupyterhub_config.py that says the same."""
    return f"""\
# Written by `coterie demo` at every start; changes here are lost.
# What it sets is in coterie/cli/demo/hub.py: a small example of a real configuration.
from pathlib import Path

from coterie.cli.demo.hub import Ports, configure_demo

configure_demo(
    get_config(),  # noqa: F821
    state=Path({str(state)!r}),
    ports={ports!r},
    subdomains={subdomains!r},
)
"""
