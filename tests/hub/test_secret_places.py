"""A configuration is refused in which servers in sandboxes would read the Hub's own secrets."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyterhub.app import JupyterHub
from traitlets.config import Config

from coterie.hub import configure
from coterie.hub.plain_users import PLAIN_UIDS
from hub.other_spawners import Elsewhere

STATE = Path("/srv/coterie")


@pytest.fixture(autouse=True)
def can_be_confined(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever machine this is."""
    monkeypatch.setattr("coterie.hub.configuration.why_not_confined", lambda *_folders, **_settings: None)
    monkeypatch.delenv("JPY_COOKIE_SECRET", raising=False)


@pytest.fixture
def c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Of a Hub that is started where no server reads."""
    monkeypatch.chdir(tmp_path)
    config = Config()
    config.JupyterHub.bind_url = "http://127.0.0.1:8000"
    config.JupyterHub.subdomain_host = "http://hub.localhost:8000"
    return config


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual environment that holds a Hub, such as /opt/jupyterhub."""
    folder = tmp_path / "opt"
    folder.mkdir()
    monkeypatch.setattr(sys, "prefix", str(folder))
    return folder


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coterie.hub.configuration.os.geteuid", lambda: 0)


@pytest.fixture
def as_a_plain_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coterie.hub.configuration.os.geteuid", lambda: 1000)


def test_a_hub_that_keeps_its_secrets_elsewhere_is_configured(c: Config, deployment: Path) -> None:
    assert deployment.is_dir()

    assert configure(c, state=STATE).hub == "http://hub.localhost:8000/"


def test_the_folder_the_hub_is_started_in_may_not_be_in_the_deployment(
    c: Config, deployment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(deployment)

    with pytest.raises(ValueError, match=r"cookie_secret_file is at .*jupyterhub_cookie_secret.*'/srv/coterie/jup"):
        configure(c, state=STATE)


def test_it_does_not_count_where_nothing_would_land_there(
    c: Config, deployment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(deployment)
    c.JupyterHub.cookie_secret_file = "/srv/jupyterhub/cookie_secret"
    c.JupyterHub.db_url = "postgresql://hub@db/jupyterhub"

    configure(c, state=STATE)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"cookie_secret_file": "{}/secret"}, r"cookie_secret_file is at .*/secret\."),
        ({"db_url": "sqlite:///{}/hub.sqlite"}, r"db_url is at .*/hub\.sqlite\."),
        ({"db_url": "sqlite:///file:{}/my%20hub.sqlite?uri=true"}, r"db_url is at .*/my hub\.sqlite\."),
        ({"db_url": "{}/hub.sqlite"}, r"db_url is at .*/hub\.sqlite\."),
        ({"internal_ssl": True, "internal_certs_location": "{}/certs"}, r"internal_certs_location is at .*/certs\."),
        ({"ssl_key": "{}/hub.key", "ssl_cert": "/srv/hub.pem"}, r"ssl_key is at .*/hub\.key\."),
        ({"ssl_cert": "{}/key-and-certificate.pem"}, r"ssl_cert is at .*\.pem\."),
        ({"ssl_key": "/etc/ssl/coterie-test.key"}, r"ssl_key is at /etc/ssl/.* lies in /etc/ssl"),
    ],
)
def test_no_secret_of_the_hubs_may_be_where_servers_read(
    c: Config, deployment: Path, settings: dict[str, Any], named: str
) -> None:
    for name, value in settings.items():
        c.JupyterHub[name] = value.format(deployment) if isinstance(value, str) else value

    with pytest.raises(ValueError, match=f"would see secrets of the Hub. .*{named}.*choose a place elsewhere"):
        configure(c, state=STATE)


def test_neither_in_what_the_operator_shows_them(c: Config, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    c.WorkspaceSpawner.readable = [str(tmp_path)]

    with pytest.raises(ValueError, match=r"lies in .*, which every server may read"):
        configure(c, state=STATE)


@pytest.mark.parametrize("section", ["ConfinedSpawner", "Spawner", "InCoterie"])
def test_whichever_section_says_so(c: Config, tmp_path: Path, section: str) -> None:
    tmp_path.chmod(0o755)
    c[section].readable = [str(tmp_path)]

    with pytest.raises(ValueError, match=r"lies in .*, which every server may read"):
        configure(c, state=STATE)


def test_neither_where_what_they_are_shown_is_a_link(c: Config, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "secrets")
    c.JupyterHub.db_url = "postgresql://hub@db/jupyterhub"
    c.JupyterHub.cookie_secret_file = str(tmp_path / "secrets" / "cookie_secret")
    c.WorkspaceSpawner.readable = [str(tmp_path / "data")]

    with pytest.raises(ValueError, match=r"cookie_secret_file is at .* lies in .*/data, which every server may read"):
        configure(c, state=STATE)


def test_neither_behind_a_link(c: Config, deployment: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(deployment)
    c.JupyterHub.cookie_secret_file = str(tmp_path / "link" / "secret")

    with pytest.raises(ValueError, match="cookie_secret_file"):
        configure(c, state=STATE)


def test_coteries_own_database_neither(c: Config, deployment: Path) -> None:
    with pytest.raises(ValueError, match=r"database_url is at .* or leave it out"):
        configure(c, state=STATE, database_url=f"sqlite+aiosqlite:///{deployment}/coterie.sqlite")


def test_certificates_are_for_everybody(c: Config, deployment: Path) -> None:
    c.JupyterHub.ssl_key = "/srv/hub.key"
    c.JupyterHub.ssl_cert = str(deployment / "hub.pem")

    configure(c, state=STATE)


def test_a_secret_that_is_in_no_file_needs_no_place(
    c: Config, deployment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(deployment)
    c.JupyterHub.db_url = "sqlite:///:memory:"
    c.JupyterHub.cookie_secret = b"x" * 32

    configure(c, state=STATE)


def _started(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """As ``jupyterhub`` does with its command line before it reads the configuration."""
    hub = JupyterHub()
    hub.parse_command_line(list(arguments))
    monkeypatch.setattr(JupyterHub, "_instance", hub)


def test_the_configuration_itself_neither(c: Config, deployment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = deployment / "jupyterhub_config.py"
    file.touch(mode=0o644)
    _started(monkeypatch, "-f", str(file))

    with pytest.raises(ValueError, match=r"configuration \(jupyterhub -f\) is at .*jupyterhub_config\.py"):
        configure(c, state=STATE)


def test_the_command_line_goes_before_the_file(
    c: Config, deployment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "jupyterhub_config.py").touch()
    c.JupyterHub.db_url = "postgresql://hub@db/jupyterhub"
    _started(monkeypatch, "--db", f"sqlite:///{deployment}/hub.sqlite")

    with pytest.raises(ValueError, match="db_url"):
        configure(c, state=STATE)


def _secret(deployment: Path, mode: int, owner: int | None = None) -> str:
    file = deployment / "private" / "secret"
    file.parent.mkdir()
    file.touch()
    file.chmod(mode)
    if owner is not None:
        os.chown(file, owner, owner)
    return str(file)


@pytest.mark.usefixtures("as_root")
def test_what_root_alone_may_read_may_stay(c: Config, deployment: Path) -> None:
    deployment.parent.chmod(0o700)  # which is above what servers are shown
    c.JupyterHub.cookie_secret_file = _secret(deployment, 0o600)

    configure(c, state=STATE)


@pytest.mark.usefixtures("as_root")
def test_what_lies_in_a_folder_of_roots_may_stay(c: Config, deployment: Path) -> None:
    c.JupyterHub.cookie_secret_file = _secret(deployment, 0o644)
    (deployment / "private").chmod(0o700)

    configure(c, state=STATE)


@pytest.mark.usefixtures("as_root")
def test_keys_that_root_alone_may_read_may_stay_beside_certificates(c: Config, deployment: Path) -> None:
    c.JupyterHub.internal_ssl = True
    c.JupyterHub.internal_certs_location = str(Path(_secret(deployment, 0o644)).parent)
    key = deployment / "private" / "hub.key"
    key.touch(mode=0o600)

    configure(c, state=STATE)

    del c.JupyterHub["services"], c.JupyterHub["load_roles"]
    key.chmod(0o644)
    with pytest.raises(ValueError, match=r"internal_certs_location is at .*hub\.key"):
        configure(c, state=STATE)


@pytest.mark.usefixtures("as_root")
def test_what_others_may_read_may_not(c: Config, deployment: Path) -> None:
    c.JupyterHub.cookie_secret_file = _secret(deployment, 0o604)

    with pytest.raises(ValueError, match="that root alone may read can stay"):
        configure(c, state=STATE)


@pytest.mark.usefixtures("as_root")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("mode", [0o600, 0o060])
def test_what_belongs_to_a_servers_user_may_not(c: Config, deployment: Path, mode: int) -> None:
    c.JupyterHub.cookie_secret_file = _secret(deployment, mode, PLAIN_UIDS[0])

    with pytest.raises(ValueError, match="cookie_secret_file"):
        configure(c, state=STATE)


@pytest.mark.usefixtures("as_a_plain_user")
def test_servers_of_a_hub_that_is_not_root_read_what_it_reads(c: Config, deployment: Path) -> None:
    c.JupyterHub.cookie_secret_file = _secret(deployment, 0o600)

    with pytest.raises(ValueError, match="cookie_secret_file"):
        configure(c, state=STATE)


def test_without_the_sandbox_nothing_is_said(c: Config, deployment: Path) -> None:
    c.JupyterHub.cookie_secret_file = str(deployment / "secret")

    configure(c, state=STATE, sandbox=False)


def test_of_other_spawners_nothing_is_said(c: Config, deployment: Path) -> None:
    c.JupyterHub.cookie_secret_file = str(deployment / "secret")
    c.JupyterHub.spawner_class = Elsewhere

    configure(c, state=STATE)
