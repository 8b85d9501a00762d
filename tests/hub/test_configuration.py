"""What one call adds to jupyterhub_config.py, and what it leaves as the operator wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.auth import DummyAuthenticator, PAMAuthenticator
from jupyterhub.spawner import SimpleLocalProcessSpawner
from traitlets.config import Config

from coterie.hub import configure
from coterie.hub.reserved import ReservedNames
from coterie.hub.scopes import SERVICE_SCOPES
from coterie.hub.spawner import InCoterie, WorkspaceSpawner
from coterie.wire.names import is_reserved
from hub.other_spawners import Elsewhere

STATE = Path("/srv/coterie")


@pytest.fixture(autouse=True)
def can_be_confined(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever machine this is."""
    monkeypatch.setattr("coterie.hub.configuration.why_not_confined", lambda *_folders, **_settings: None)


@pytest.fixture
def c() -> Config:
    config = Config()
    config.JupyterHub.bind_url = "http://127.0.0.1:8000"
    config.JupyterHub.subdomain_host = "http://hub.localhost:8000"
    return config


def _role(c: Config, name: str) -> Any:
    return next(role for role in c.JupyterHub.load_roles if role["name"] == name)


def test_the_service_gets_exactly_the_environment_it_reads(c: Config) -> None:
    addresses = configure(c, state=STATE, service_port=4711, site_administrators="ops", trusted_proxies="10.0.0.0/8")

    (service,) = c.JupyterHub.services
    expected = {
        "COTERIE_DATABASE_URL": "sqlite+aiosqlite:////srv/coterie/coterie.sqlite",
        "COTERIE_PUBLIC_URL": "http://coterie--service.hub.localhost:8000/services/coterie/",
        "COTERIE_HUB_PUBLIC_URL": "http://hub.localhost:8000/",
        "COTERIE_SITE_ADMINISTRATORS": "ops",
        "COTERIE_TRUSTED_PROXIES": "10.0.0.0/8",
        "COTERIE_SUBDOMAINS": "1",
    }
    assert service["environment"] == expected
    assert service["url"] == "http://127.0.0.1:4711"
    assert addresses.service == expected["COTERIE_PUBLIC_URL"]
    assert addresses.service_for_servers == "http://127.0.0.1:4711/services/coterie/"


def test_a_database_of_ones_own_is_passed_on(c: Config) -> None:
    configure(c, state=STATE, database_url="postgresql+asyncpg://db/coterie")

    assert c.JupyterHub.services[0]["environment"]["COTERIE_DATABASE_URL"] == "postgresql+asyncpg://db/coterie"


def test_without_subdomains_everything_is_on_the_public_address() -> None:
    c = Config()
    c.JupyterHub.bind_url = "http://127.0.0.1:8000/base"

    addresses = configure(c, state=STATE, service_port=4711)

    assert addresses.hub == "http://127.0.0.1:8000/base/"
    assert addresses.service == "http://127.0.0.1:8000/base/services/coterie/"
    assert addresses.service_for_servers == "http://127.0.0.1:4711/base/services/coterie/"
    assert c.JupyterHub.public_url == "http://127.0.0.1:8000/base/"
    assert c.JupyterHub.services[0]["environment"]["COTERIE_SUBDOMAINS"] == "0"


def test_the_service_holds_its_scopes_and_no_more(c: Config) -> None:
    configure(c, state=STATE)

    role = _role(c, "coterie-service")
    assert role["services"] == ["coterie"]
    assert set(role["scopes"]) == set(SERVICE_SCOPES)
    assert not {"tokens", "admin:servers", "admin:server_state", "self"} & set(role["scopes"])


def test_everybody_may_use_the_service(c: Config) -> None:
    configure(c, state=STATE)

    assert _role(c, "user")["scopes"] == ["self", "access:services!service=coterie"]


def test_what_the_operator_set_stays(c: Config) -> None:
    hub = c.JupyterHub
    hub.services = [{"name": "culler", "oauth_no_confirm": True}]
    hub.load_roles = [{"name": "user", "scopes": ["self", "list:users"]}, {"name": "gpu", "scopes": []}]
    hub.tornado_settings = {
        "slow_spawn_timeout": 3,
        "headers": {"X-Frame-Options": "DENY"},
        "cookie_options": {"samesite": "Strict"},
        "oauth_no_confirm_list": {"service-own"},
    }
    hub.template_paths = ["/srv/templates"]
    hub.template_vars = {"announcement": "hello"}
    hub.default_url = "/hub/home"
    c.InCoterie.service_url = "http://coterie.internal/services/coterie/"

    configure(c, state=STATE)

    assert [service["name"] for service in hub.services] == ["culler", "coterie"]
    assert [role["name"] for role in hub.load_roles] == ["user", "gpu", "coterie-service"]
    assert _role(c, "user")["scopes"] == ["self", "list:users", "access:services!service=coterie"]
    assert hub.tornado_settings["slow_spawn_timeout"] == 3
    assert hub.tornado_settings["headers"] == {"X-Frame-Options": "DENY"}
    assert hub.tornado_settings["cookie_options"] == {"secure": True, "samesite": "Strict"}
    assert set(hub.tornado_settings["oauth_no_confirm_list"]) == {"service-own", "service-culler", "service-coterie"}
    assert hub.template_paths[0] == "/srv/templates"
    assert hub.template_vars["announcement"] == "hello"
    assert hub.default_url == "/hub/home"
    assert c.InCoterie.service_url == "http://coterie.internal/services/coterie/"


def test_what_the_operator_appended_stays(c: Config) -> None:
    c.JupyterHub.services.append({"name": "culler"})
    c.JupyterHub.load_roles.extend([{"name": "gpu", "scopes": []}])
    c.JupyterHub.tornado_settings.update({"slow_spawn_timeout": 3})

    configure(c, state=STATE)

    assert [service["name"] for service in c.JupyterHub.services] == ["culler", "coterie"]
    assert [role["name"] for role in c.JupyterHub.load_roles] == ["gpu", "user", "coterie-service"]
    assert c.JupyterHub.tornado_settings["slow_spawn_timeout"] == 3


def test_people_land_on_their_workspaces_and_nothing_starts_by_signing_in(c: Config) -> None:
    addresses = configure(c, state=STATE)

    assert c.JupyterHub.default_url == addresses.service
    assert c.JupyterHub.redirect_to_server is False


def test_the_page_of_a_stopped_workspace_is_coteries(c: Config) -> None:
    addresses = configure(c, state=STATE)

    assert Path(c.JupyterHub.template_paths[0], "not_running.html").is_file()
    assert c.JupyterHub.template_vars["coterie_url"] == addresses.service
    # JupyterHub calls this one with whoever is signed in, or None.
    assert c.JupyterHub.template_vars["coterie_is_reserved"](None) is is_reserved


def test_host_cookies_need_https_or_localhost(c: Config) -> None:
    plain = Config()
    plain.JupyterHub.public_url = "http://hub.example.org/"

    configure(c, state=STATE)
    configure(plain, state=STATE)

    assert c.JupyterHub.cookie_host_prefix_enabled is True
    assert c.JupyterHub.tornado_settings["cookie_options"] == {"secure": True}
    assert "cookie_host_prefix_enabled" not in plain.JupyterHub
    assert "cookie_options" not in plain.JupyterHub.tornado_settings


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (None, PAMAuthenticator),
        ("dummy", DummyAuthenticator),
        ("jupyterhub.auth.DummyAuthenticator", DummyAuthenticator),
        (DummyAuthenticator, DummyAuthenticator),
    ],
)
def test_whatever_way_the_authenticator_is_named_it_refuses_reserved_names(
    c: Config, named: Any, expected: type
) -> None:
    if named is not None:
        c.JupyterHub.authenticator_class = named

    configure(c, state=STATE)

    assert issubclass(c.JupyterHub.authenticator_class, ReservedNames)
    assert issubclass(c.JupyterHub.authenticator_class, expected)


def test_all_runs_on_this_machine_unless_a_spawner_is_named(c: Config) -> None:
    configure(c, state=STATE)

    assert c.JupyterHub.spawner_class is WorkspaceSpawner
    assert c.WorkspaceSpawner.folder == "/srv/coterie/servers"


@pytest.mark.parametrize("named", ["simple", "jupyterhub.spawner.SimpleLocalProcessSpawner", SimpleLocalProcessSpawner])
def test_a_spawner_of_the_operators_is_wrapped(c: Config, named: Any) -> None:
    c.JupyterHub.spawner_class = named

    configure(c, state=STATE, sandbox=False)

    spawner = c.JupyterHub.spawner_class(config=c)
    assert isinstance(spawner, InCoterie)
    assert isinstance(spawner, SimpleLocalProcessSpawner)
    assert spawner.cmd == ["python3", "-I", "-m", "coterie.server"]
    assert spawner.disable_user_config is True
    assert spawner.service_public_url == "http://coterie--service.hub.localhost:8000/services/coterie/"


@pytest.mark.parametrize(
    ("section", "name", "value", "sentence"),
    [
        ("JupyterHub", "services", [{"name": "coterie"}], "call it once"),
        ("JupyterHub", "load_roles", [{"name": "coterie-service"}], "Coterie's own"),
        ("JupyterHub", "allow_named_servers", True, "no named servers"),
        ("JupyterHub", "redirect_to_server", True, "leave c.JupyterHub.redirect_to_server off"),
        ("JupyterHub", "subdomain_hook", "legacy", "origin of its own"),
        ("JupyterHub", "authenticator_class", "no.such.Authenticator", "cannot be imported"),
        ("JupyterHub", "authenticator_class", SimpleLocalProcessSpawner, "has to name a kind of Authenticator"),
        ("Spawner", "disable_user_config", False, "has to stay on"),
        ("ConfinedSpawner", "disable_user_config", False, "has to stay on"),
    ],
)
def test_settings_that_exclude_coterie_are_refused_with_a_sentence(
    c: Config, section: str, name: str, value: Any, sentence: str
) -> None:
    c[section][name] = value

    with pytest.raises(ValueError, match=sentence):
        configure(c, state=STATE)


def test_a_second_call_is_refused(c: Config) -> None:
    configure(c, state=STATE)

    with pytest.raises(ValueError, match="call it once"):
        configure(c, state=STATE)


def _cannot_be_confined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coterie.hub.configuration.why_not_confined", lambda *_folders, **_settings: "bwrap is gone.")


def test_servers_that_cannot_be_confined_are_refused_with_a_sentence(
    c: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cannot_be_confined(monkeypatch)

    with pytest.raises(ValueError, match=r"Servers cannot be confined\. bwrap is gone\. With configure"):
        configure(c, state=STATE)


def test_they_run_unconfined_where_that_is_said(c: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    _cannot_be_confined(monkeypatch)

    configure(c, state=STATE, sandbox=False)

    assert c.WorkspaceSpawner.sandbox is False


class OfOurSite(WorkspaceSpawner):
    """An operator's own kind, with a section of its own."""


@pytest.mark.parametrize("section", ["OfOurSite", "WorkspaceSpawner", "InCoterie", "ConfinedSpawner", "Spawner"])
def test_a_setting_alone_does_not_say_it(c: Config, section: str) -> None:
    c.JupyterHub.spawner_class = OfOurSite
    c[section].sandbox = False

    with pytest.raises(ValueError, match=r"say configure\(c, sandbox=False\)"):
        configure(c, state=STATE)


def test_neither_does_the_command_line(c: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = JupyterHub()
    hub.parse_command_line(["--ConfinedSpawner.sandbox=False"])
    monkeypatch.setattr(JupyterHub, "_instance", hub)

    with pytest.raises(ValueError, match=r"say configure\(c, sandbox=False\)"):
        configure(c, state=STATE)


def test_what_is_said_holds_for_a_kind_with_a_section_of_its_own(c: Config) -> None:
    c.JupyterHub.spawner_class = OfOurSite
    c.OfOurSite.sandbox = True

    configure(c, state=STATE, sandbox=False)

    assert OfOurSite(config=c).sandbox is False


def test_the_folder_may_be_named_in_any_section(c: Config) -> None:
    c.Spawner.folder = "/data/servers"

    configure(c, state=STATE)

    assert WorkspaceSpawner(config=c).folder == "/data/servers"


@pytest.mark.parametrize("shown", ["data", "./data", "/dev/null", "/proc", "/dev/../proc/self", "/srv/../dev"])
def test_what_servers_cannot_be_given_to_read_is_refused(c: Config, shown: str) -> None:
    c.ConfinedSpawner.readable = ["/srv/datasets", shown]

    with pytest.raises(ValueError, match="servers cannot be given to read"):
        configure(c, state=STATE)


def test_a_spawner_that_confines_nothing_on_this_machine_is_refused(c: Config) -> None:
    c.JupyterHub.spawner_class = "simple"

    with pytest.raises(ValueError, match=r"runs all servers on this machine without a sandbox.*sandbox=False"):
        configure(c, state=STATE)


def test_spawners_for_elsewhere_are_not_asked_for_a_sandbox(c: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    _cannot_be_confined(monkeypatch)
    c.JupyterHub.spawner_class = Elsewhere

    configure(c, state=STATE)

    assert issubclass(c.JupyterHub.spawner_class, InCoterie)
