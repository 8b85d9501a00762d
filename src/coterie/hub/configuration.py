"""``configure(c)``: everything JupyterHub needs to know about Coterie, in one call."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from copy import deepcopy
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.app import JupyterHub
from jupyterhub.auth import Authenticator
from jupyterhub.spawner import LocalProcessSpawner, Spawner
from jupyterhub.utils import subdomain_hook_idna, subdomain_hook_legacy
from traitlets.config import Config
from traitlets.utils.importstring import import_item

from coterie.hub.addresses import Addresses, SubdomainHook, hub_public_url, service_public_url
from coterie.hub.confined import why_not_confined
from coterie.hub.confirm import NoConfirm
from coterie.hub.reserved import refuse_reserved_names
from coterie.hub.sandbox import why_not_shown
from coterie.hub.scopes import CLIENT, PERSON_SCOPE, SERVICE, SERVICE_SCOPES
from coterie.hub.secret_places import secret_places, why_shown
from coterie.hub.spawner import WorkspaceSpawner, in_coterie
from coterie.hub.stored import add_to_dict, add_to_list, set_unless_set, value_of
from coterie.wire.names import SERVICE_ROLE, is_reserved
from coterie.wire.redaction import redact_logs

SERVICE_PORT = 10181

#: What operators set in the Hub's environment for the service.
_OPERATORS_SETTINGS = ("COTERIE_LIMIT_", "COTERIE_LOG_LEVEL")


def configure(
    c: Config,
    *,
    state: Path,
    database_url: str | None = None,
    service_host: str = "127.0.0.1",
    service_port: int = SERVICE_PORT,
    site_administrators: str | None = None,
    trusted_proxies: str = "127.0.0.1",
    sandbox: bool = True,
) -> Addresses:
    """Adds Coterie to a JupyterHub. Call it last in jupyterhub_config.py: it builds on what stands above it.

    *state* is a folder for what Coterie keeps. *database_url* is SQLAlchemy's (default: an SQLite file in *state*).
    The service listens at *service_host* and *service_port*, on loopback unless told otherwise: where the proxy or
    servers run elsewhere, name the address of this machine, container or pod at which they reach it. Members of the
    Hub group *site_administrators* are site administrators. *trusted_proxies* are the addresses or networks, with
    commas between them, of the proxies in front of the service: what they say of where a request comes from goes into
    the audit log. *sandbox* says whether ``WorkspaceSpawner`` confines each server, for which this machine needs
    bubblewrap; without it servers on this machine, by that spawner or a LocalProcessSpawner, run unconfined. Spawners
    for elsewhere have settings of their own. Returns where everything is.

    What it adds to ``c``, and why; lists and dicts are extended, and what the operator set stays unless said here:

    - ``JupyterHub.services``: the managed service ``coterie``, which holds the workspaces and decides who may do what.
    - ``JupyterHub.load_roles``: a role for that service with the scopes in ``coterie.hub.scopes`` and no more; and
      ``access:services!service=coterie`` in the default role ``user``, so that everybody can use it.
    - ``JupyterHub.authenticator_class``: wrapped, so that nobody signs in with the name of a workspace's account.
    - ``JupyterHub.spawner_class``: wrapped, so that servers run behind Coterie's gate and know their workspace. Where
      nothing was set: ``WorkspaceSpawner``, all on this machine. ``disable_user_config`` is always on: configuration
      in a workspace's files must not reach the gate.
    - ``JupyterHub.tornado_settings``: starting a server answers at once (``slow_spawn_timeout``); signing in to the
      service and to workspaces asks for no confirmation (``oauth_no_confirm_list``), signing in to homes does.
    - ``__Host-`` cookies (``cookie_host_prefix_enabled``, ``cookie_options``) over https and on ``*.localhost``: else a
      workspace's page can plant cookies on the Hub. Not elsewhere, since browsers would drop them.
    - ``JupyterHub.default_url``: people land on their workspaces; ``redirect_to_server`` off: sign-in starts nothing.
    - ``JupyterHub.template_paths``, ``template_vars``: the page of a stopped workspace leads to the workspaces.
    - Besides ``c``: the Hub's log no longer shows what is or may be a secret, whoever writes there.
    - ``JupyterHub.public_url`` where only ``bind_url`` is known: the Hub tells no addresses of servers without it.

    Raises ValueError, with a sentence, where the operator's settings and Coterie exclude each other, and where servers
    are to be confined and cannot be, or would see the Hub's own database, cookie secret, keys or configuration.
    """
    redact_logs()
    hub = c.JupyterHub
    _refuse_contradictions(c)
    listen = _listen_url(service_host, service_port)
    addresses = _find_addresses(hub, listen)
    state = state.absolute()

    _add_service(hub, addresses, state, database_url, listen, site_administrators, trusted_proxies)
    _add_roles(hub)
    hub.authenticator_class = refuse_reserved_names(_resolve(hub, "authenticator_class", Authenticator))
    spawner = _set_up_servers(c, addresses)
    if issubclass(spawner, WorkspaceSpawner):
        settings = _as_started(c, spawner)
        if not settings.folder:
            settings.folder = c.WorkspaceSpawner.folder = str(state / "servers")
        if sandbox:
            _refuse_unreadable(settings.readable)
            _refuse_without_sandbox(settings, state)
            _refuse_to_show_secrets(c.JupyterHub, settings, state, database_url)
        else:
            c[spawner.__name__].sandbox = False
    elif sandbox and issubclass(spawner, LocalProcessSpawner):
        raise ValueError(
            f"{spawner.__name__} runs all servers on this machine without a sandbox: leave c.JupyterHub.spawner_class "
            "to Coterie, or say configure(c, sandbox=False)."
        )
    _set_up_sign_in(hub, addresses)
    _set_up_pages(hub, addresses)
    return addresses


def _refuse_contradictions(c: Config) -> None:
    hub = c.JupyterHub
    if any(service.get("name") == SERVICE for service in value_of(hub, "services", [])):
        raise ValueError("A service named 'coterie' is configured already. configure() adds it: call it once.")
    if any(role.get("name") == SERVICE_ROLE for role in value_of(hub, "load_roles", [])):
        raise ValueError(f"The role {SERVICE_ROLE!r} is Coterie's own: give yours another name.")
    if value_of(hub, "allow_named_servers", False):
        raise ValueError("Coterie has no named servers: leave c.JupyterHub.allow_named_servers off.")
    if value_of(hub, "redirect_to_server", False):
        raise ValueError("Coterie leads people to their workspaces: leave c.JupyterHub.redirect_to_server off.")


def _listen_url(host: str, port: int) -> str:
    """Raises ValueError where nobody could be led there, as is the case for an address that stands for all."""
    if not host or host in ("0.0.0.0", "::", "*"):  # noqa: S104 - compared, not bound
        raise ValueError("service_host has to be one address, which the proxy and servers can reach.")
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _find_addresses(hub: Config, listen: str) -> Addresses:
    bind_url = value_of(hub, "bind_url", "")
    base_url = value_of(hub, "base_url", urlsplit(bind_url).path or "/")
    base_url = f"/{base_url.strip('/')}/".replace("//", "/")
    subdomain_host = value_of(hub, "subdomain_host", "")
    public = hub_public_url(
        bind_url=bind_url,
        base_url=base_url,
        public_url=value_of(hub, "public_url", ""),
        subdomain_host=subdomain_host,
    )
    return Addresses(
        hub=public,
        service=service_public_url(public, subdomain_host, _subdomain_hook(hub)),
        service_for_servers=f"{listen}{base_url}services/{SERVICE}/",
        subdomains=bool(subdomain_host),
    )


def _subdomain_hook(hub: Config) -> SubdomainHook:
    hook = value_of(hub, "subdomain_hook", "idna")
    named: dict[Any, SubdomainHook] = {"idna": subdomain_hook_idna, "legacy": subdomain_hook_legacy}
    chosen: SubdomainHook = named.get(hook, hook)
    return chosen


def _add_service(
    hub: Config,
    addresses: Addresses,
    state: Path,
    database_url: str | None,
    listen: str,
    site_administrators: str | None,
    trusted_proxies: str,
) -> None:
    service = {
        "name": SERVICE,
        "url": listen,
        "command": [sys.executable, "-m", "coterie.cli", "service"],
        "cwd": str(state),
        "oauth_client_id": CLIENT,
        # In full: JupyterHub's default has no host without subdomains, and would refuse the service's.
        "oauth_redirect_uri": f"{addresses.service}oauth_callback",
        # People reach it as the page they land on; JupyterHub's own menu would list it a second time.
        "display": False,
        "environment": {
            "COTERIE_DATABASE_URL": database_url or f"sqlite+aiosqlite:///{state / 'coterie.sqlite'}",
            "COTERIE_PUBLIC_URL": addresses.service,
            "COTERIE_HUB_PUBLIC_URL": addresses.hub,
            "COTERIE_SITE_ADMINISTRATORS": site_administrators or "",
            "COTERIE_TRUSTED_PROXIES": trusted_proxies,
            "COTERIE_SUBDOMAINS": "1" if addresses.subdomains else "0",
            # The Hub hands its services nothing of its own environment by itself.
            **{name: value for name, value in os.environ.items() if name.startswith(_OPERATORS_SETTINGS)},
        },
    }
    add_to_list(hub, "services", [service])


def _add_roles(hub: Config) -> None:
    roles = [dict(role) for role in value_of(hub, "load_roles", [])]
    for role in roles:
        if role.get("name") == "user":
            role["scopes"] = [*role.get("scopes", ["self"]), PERSON_SCOPE]
            break
    else:
        roles.append({"name": "user", "scopes": ["self", PERSON_SCOPE]})
    roles.append(
        {
            "name": SERVICE_ROLE,
            "description": "What Coterie's service does at the Hub",
            "scopes": list(SERVICE_SCOPES),
            "services": [SERVICE],
        }
    )
    hub.load_roles = roles


def _set_up_servers(c: Config, addresses: Addresses) -> type[Spawner]:
    spawner: type[Spawner] = WorkspaceSpawner
    if "spawner_class" in c.JupyterHub:
        spawner = in_coterie(_resolve(c.JupyterHub, "spawner_class", Spawner))
    for section in spawner.section_names():
        if section in c and not value_of(c[section], "disable_user_config", True):
            raise ValueError(
                f"c.{section}.disable_user_config has to stay on: what an Editor writes must not configure the gate."
            )
    c.JupyterHub.spawner_class = spawner
    set_unless_set(c.InCoterie, "service_url", addresses.service_for_servers)
    set_unless_set(c.InCoterie, "service_public_url", addresses.service)
    return spawner


def _as_started(c: Config, spawner: type[WorkspaceSpawner]) -> WorkspaceSpawner:
    """One with the settings that each server will have, wherever they are set: for *spawner* or a class that it is a
    kind of, in the file or, before that, on the Hub's command line."""
    config = deepcopy(c)
    if JupyterHub.initialized():
        config.merge(deepcopy(JupyterHub.instance().cli_config))
    return spawner(config=config)


def _refuse_unreadable(readable: Iterable[str]) -> None:
    for path in readable:
        why_not = why_not_shown(Path(path))
        if why_not is not None:
            raise ValueError(f"c.WorkspaceSpawner.readable has what servers cannot be given to read. {why_not}")


def _refuse_without_sandbox(settings: WorkspaceSpawner, state: Path) -> None:
    if not settings.sandbox:
        raise ValueError("c.WorkspaceSpawner.sandbox is off: where that is meant, say configure(c, sandbox=False).")
    why_not = why_not_confined(
        [state, Path(settings.folder)],
        readable=[Path(path) for path in settings.readable],
        plain_uids=settings.plain_uids,
    )
    if why_not is not None:
        raise ValueError(
            f"Servers cannot be confined. {why_not} With configure(c, sandbox=False) they run all the same, and code "
            "in one can read the files of all, and Coterie's own."
        )


def _refuse_to_show_secrets(hub: Config, settings: WorkspaceSpawner, state: Path, database_url: str | None) -> None:
    why = why_shown(
        secret_places(hub, state=state, database_url=database_url),
        readable=[Path(path) for path in settings.readable],
        plain_uids=settings.plain_uids if os.geteuid() == 0 else None,
    )
    if why is not None:
        raise ValueError(f"Servers would see secrets of the Hub. {why}")


def _set_up_sign_in(hub: Config, addresses: Addresses) -> None:
    settings = dict(value_of(hub, "tornado_settings", {}))
    settings.setdefault("slow_spawn_timeout", 0)
    # The Hub's own list would be replaced by this setting, so what it would hold is gathered here.
    unconfirmed = {
        service.get("oauth_client_id", f"service-{service['name']}")
        for service in value_of(hub, "services", [])
        if service.get("oauth_no_confirm")
    }
    settings["oauth_no_confirm_list"] = NoConfirm({CLIENT, *unconfirmed, *settings.get("oauth_no_confirm_list", ())})
    if addresses.takes_host_cookies and value_of(hub, "cookie_host_prefix_enabled", True):
        hub.cookie_host_prefix_enabled = True
        settings["cookie_options"] = {"secure": True, **settings.get("cookie_options", {})}
    hub.tornado_settings = settings


def _set_up_pages(hub: Config, addresses: Addresses) -> None:
    hub.redirect_to_server = False
    set_unless_set(hub, "default_url", addresses.service)
    set_unless_set(hub, "public_url", addresses.hub)
    add_to_list(hub, "template_paths", [str(Path(__file__).with_name("templates"))])
    add_to_dict(hub, "template_vars", {"coterie_url": addresses.service, "coterie_is_reserved": _is_reserved_for})


def _is_reserved_for(_person: Any) -> Callable[[str], bool]:
    # JupyterHub calls functions among the variables with whoever is signed in; pages get the answer.
    return is_reserved


def _resolve(hub: Config, trait: str, kind: type) -> Any:
    """The class that *trait* names: by the class itself, an entry point or a dotted path; JupyterHub's own default
    where nothing was set."""
    named = value_of(hub, trait, None)
    if named is None:
        named = JupyterHub.class_traits()[trait].default_value
    if isinstance(named, str):
        group = JupyterHub.class_traits()[trait].entry_point_group
        found = {point.name: point for point in entry_points(group=group)}
        try:
            named = found[named.lower()].load() if named.lower() in found else import_item(named)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(f"c.JupyterHub.{trait} names {named!r}, which cannot be imported.") from error
    if not (isinstance(named, type) and issubclass(named, kind)):
        raise ValueError(f"c.JupyterHub.{trait} has to name a kind of {kind.__name__}, not {named!r}.")  # noqa: TRY004
    return named
