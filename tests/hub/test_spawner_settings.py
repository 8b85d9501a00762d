"""Putting settings beside what the operator wrote, and the address at which servers elsewhere reach the service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

import coterie.hub
from coterie.hub import apply_settings, configure, docker_settings
from coterie.server.place import make_root
from hub.other_spawners import Elsewhere

SETTINGS = docker_settings(image="example.org/coterie-server:1")


@pytest.mark.parametrize("name", coterie.hub.__all__)
def test_recipes_find_everything_in_one_place(name: str) -> None:
    assert getattr(coterie.hub, name) is not None


def test_what_the_operator_has_beside_it_stays() -> None:
    c = Config()
    c.DockerSpawner.pull_policy = "always"
    c.DockerSpawner.image = "example.org/coterie-server:1"
    c.DockerSpawner.volumes = {"datasets": "/data"}
    c.Spawner.environment = {"TEAM": "penguins"}

    apply_settings(c, "DockerSpawner", SETTINGS)

    assert c.DockerSpawner.pull_policy == "always"
    assert c.DockerSpawner.volumes == {"datasets": "/data", "coterie-{username}": "/home/jovyan"}
    assert c.DockerSpawner.environment["TEAM"] == "penguins"
    assert c.DockerSpawner.environment["HOME"] == "/home/jovyan"
    assert c.DockerSpawner.remove is True


def test_what_contradicts_it_is_refused() -> None:
    c = Config()
    c.DockerSpawner.network_name = "bridge"
    with pytest.raises(ValueError, match=r"c\.DockerSpawner\.network_name is set already"):
        apply_settings(c, "DockerSpawner", SETTINGS)

    c = Config()
    c.DockerSpawner.extra_host_config = {"cap_drop": []}
    with pytest.raises(ValueError, match=r"c\.DockerSpawner\.extra_host_config has 'cap_drop' already"):
        apply_settings(c, "DockerSpawner", SETTINGS)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mem_limit", "8G", r"c\.Spawner\.mem_limit is set already"),
        ("cmd", ["start.sh"], r"c\.Spawner\.cmd is set already"),
        ("notebook_dir", "~/notebooks", r"c\.Spawner\.notebook_dir is set already"),
        ("environment", {"HOME": "/srv"}, r"c\.Spawner\.environment has 'HOME' already"),
    ],
)
def test_so_is_what_is_set_for_every_kind_of_spawner(name: str, value: Any, said: str) -> None:
    c = Config()
    c.Spawner[name] = value

    with pytest.raises(ValueError, match=said):
        apply_settings(c, "DockerSpawner", SETTINGS)


def test_what_is_set_for_this_kind_goes_before_what_is_set_for_every_kind() -> None:
    c = Config()
    c.Spawner.mem_limit = "8G"
    c.Spawner.environment = {"TEAM": "penguins", "COLOUR": "black"}
    c.DockerSpawner.mem_limit = "2G"
    c.DockerSpawner.environment = {"TEAM": "seals"}

    apply_settings(c, "DockerSpawner", SETTINGS)

    assert c.DockerSpawner.mem_limit == "2G"
    assert c.DockerSpawner.environment == {**SETTINGS["environment"], "TEAM": "seals", "COLOUR": "black"}


def test_what_was_added_to_what_nobody_set_stays() -> None:
    c = Config()
    c.DockerSpawner.volumes.update({"datasets": "/data"})
    c.Spawner.environment.update({"TEAM": "penguins"})

    apply_settings(c, "DockerSpawner", SETTINGS)

    assert c.DockerSpawner.volumes == {"datasets": "/data", "coterie-{username}": "/home/jovyan"}
    assert c.DockerSpawner.environment["TEAM"] == "penguins"


def _configured(service_host: str) -> Config:
    c = Config()
    c.JupyterHub.bind_url = "http://127.0.0.1:8000"
    c.JupyterHub.spawner_class = Elsewhere
    configure(c, state=Path("/srv/coterie"), service_host=service_host)
    return c


@pytest.mark.parametrize(
    ("host", "url"), [("172.30.0.1", "http://172.30.0.1:10181"), ("fd00::1", "http://[fd00::1]:10181")]
)
def test_the_service_listens_where_servers_elsewhere_reach_it(host: str, url: str) -> None:
    c = _configured(host)

    assert c.JupyterHub.services[0]["url"] == url
    assert c.InCoterie.service_url == f"{url}/services/coterie/"


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::"])
def test_an_address_that_leads_nowhere_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="service_host has to be one address"):
        _configured(host)


def test_the_server_makes_the_folder_that_a_new_volume_lacks(tmp_path: Path) -> None:
    shown = tmp_path / "work"

    make_root({"JUPYTERHUB_ROOT_DIR": str(shown)})
    (shown / "kept.txt").write_text("kept")
    make_root({"JUPYTERHUB_ROOT_DIR": str(shown)})
    make_root({})

    assert [file.name for file in shown.iterdir()] == ["kept.txt"]
