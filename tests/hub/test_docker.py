"""The container that Docker's daemon is asked for: each promise is one test. A stand-in takes the daemon's calls."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from coterie.hub import docker_settings
from coterie.hub.docker import deleting_volumes, docker_network
from hub.other_spawners import ACCOUNT, NEIGHBOUR, TOKEN, configured, spawner_of

VOLUME = "coterie-ws-2dabcdefgh234567ab"  # the spawner writes "-" as "-2d"


class _Daemon(ThreadingHTTPServer):
    """Remembers what it was asked and agrees to everything."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.asked: list[tuple[str, str, Any]] = []


class _Call(BaseHTTPRequestHandler):
    server: _Daemon

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(length)
        self.server.asked.append((self.command, self.path.partition("?")[0], json.loads(content) if content else None))
        answer = b'{"Id": "c0ffee"}'
        self.send_response(204 if self.command == "DELETE" else 201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "0" if self.command == "DELETE" else str(len(answer)))
        self.end_headers()
        if self.command != "DELETE":
            self.wfile.write(answer)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - as the standard library calls them

    def log_message(self, *_args: Any) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def daemon() -> Iterator[_Daemon]:
    daemon = _Daemon()
    thread = threading.Thread(target=daemon.serve_forever)
    thread.start()
    yield daemon
    daemon.shutdown()
    thread.join()
    daemon.server_close()


@pytest.fixture(scope="module")
def spawners(daemon: _Daemon) -> Iterator[Any]:
    """Makes a DockerSpawner for an account, as the Hub does."""
    from dockerspawner import DockerSpawner

    settings = docker_settings(image="example.org/coterie-server:1")
    c = configured(deleting_volumes(DockerSpawner), "DockerSpawner", settings)
    c.DockerSpawner.client_kwargs = {"base_url": f"tcp://127.0.0.1:{daemon.server_port}", "version": "1.44"}
    yield lambda account=ACCOUNT: spawner_of(c, account)
    made = c.JupyterHub.spawner_class
    if made._client is not None:
        made._client.close()
    if made._executor is not None:
        made._executor.shutdown()


@pytest.fixture(scope="module")
async def container(spawners: Any, daemon: _Daemon) -> Any:
    """The container as the daemon is asked for it."""
    await spawners().create_object()
    (body,) = [body for verb, path, body in daemon.asked if (verb, path) == ("POST", "/v1.44/containers/create")]
    return body


@pytest.fixture(scope="module")
def host(container: Any) -> Any:
    """What it gets of the machine."""
    return container["HostConfig"]


def test_it_runs_the_server_as_its_first_process(container: Any, host: Any) -> None:
    assert [*container["Entrypoint"], *container["Cmd"][:3]] == ["python3", "-I", "-m", "coterie.server"]
    assert host["Init"] is False


def test_the_server_learns_its_workspace(container: Any) -> None:
    assert "COTERIE_WORKSPACE=penguins23456722" in container["Env"]
    assert "COTERIE_SERVICE_URL=http://172.30.0.1:10181/services/coterie/" in container["Env"]
    assert "JUPYTERHUB_ROOT_DIR=/home/jovyan/work" in container["Env"]


def test_the_token_stands_in_the_environment_alone(container: Any) -> None:
    names = sorted(one.partition("=")[0] for one in container["Env"] if one.endswith(f"={TOKEN}"))

    assert names == ["JPY_API_TOKEN", "JUPYTERHUB_API_TOKEN"]
    assert json.dumps(container).count("own-token") == 2


def test_of_the_machine_it_has_the_accounts_own_volume_and_no_folder_or_socket(host: Any) -> None:
    assert host["Binds"] == [f"{VOLUME}:/home/jovyan:rw"]
    assert not host.get("Mounts")
    assert not host.get("Devices")
    assert not host.get("VolumesFrom")


def test_accounts_never_share_a_volume(spawners: Any) -> None:
    names = ["alice", "Alice", "alice-", "alice--", "a.lice", "a-lice", ACCOUNT, NEIGHBOUR]

    assert len({tuple(spawners(name).volume_binds) for name in names}) == len(names)


def test_the_system_cannot_be_written_and_scratch_has_a_size(host: Any) -> None:
    assert host["ReadonlyRootfs"] is True
    assert host["Tmpfs"] == {"/tmp": "rw,exec,nosuid,nodev,mode=1777,size=1g"}
    assert host["ShmSize"] == 1024**3


def test_it_is_nobody_special_and_cannot_become_so(container: Any, host: Any) -> None:
    assert container["User"] == "1000:1000"
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert not host.get("Privileged")


def test_it_has_no_capability(host: Any) -> None:
    assert host["CapDrop"] == ["ALL"]
    assert not host.get("CapAdd")


def test_its_system_calls_stay_filtered(host: Any) -> None:
    assert not any(option.startswith(("seccomp", "apparmor")) for option in host["SecurityOpt"])


def test_its_name_spaces_are_its_own(host: Any) -> None:
    assert host["IpcMode"] == "private"
    assert not host.get("PidMode")
    assert not host.get("UTSMode")
    assert not host.get("UsernsMode")


def test_it_is_limited(host: Any) -> None:
    assert (host["Memory"], host["MemorySwap"]) == (2 * 1024**3, 2 * 1024**3)
    assert host["CpuQuota"] == 2 * host["CpuPeriod"]
    assert host["PidsLimit"] == 1000
    assert {one["Name"]: one["Hard"] for one in host["Ulimits"]} == {"nofile": 4096, "core": 0}
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}}


def test_it_is_in_a_network_where_servers_do_not_reach_each_other(host: Any) -> None:
    assert host["NetworkMode"] == "coterie"
    assert not host.get("PortBindings")
    assert not host.get("Links")
    assert (
        docker_network("coterie", subnet="172.30.0.0/16")["options"]["com.docker.network.bridge.enable_icc"] == "false"
    )
    assert docker_network("coterie", subnet="172.30.0.0/16", internet=False)["internal"] is True


def test_the_network_is_one_that_dockers_client_can_make(daemon: _Daemon) -> None:
    import docker

    client = docker.APIClient(base_url=f"tcp://127.0.0.1:{daemon.server_port}", version="1.44")
    client.create_network(**docker_network("coterie", subnet="172.30.0.0/16"))
    client.close()

    body = next(body for _verb, path, body in daemon.asked if path == "/v1.44/networks/create")
    assert body["IPAM"]["Config"] == [{"Subnet": "172.30.0.0/16", "Gateway": "172.30.0.1"}]
    assert not body.get("Internal")


def test_it_ends_in_its_own_time_is_not_started_again_and_leaves_no_container(
    container: Any, host: Any, spawners: Any
) -> None:
    assert (container["StopSignal"], container["StopTimeout"]) == ("SIGTERM", 30)
    assert host["RestartPolicy"] == {"Name": "no"}
    assert host["AutoRemove"] is True
    assert spawners().remove is True


async def test_a_workspaces_volume_is_deleted_with_it_and_a_persons_stays(spawners: Any, daemon: _Daemon) -> None:
    await spawners("alice").delete_forever()
    await spawners().delete_forever()

    assert [path for verb, path, _body in daemon.asked if verb == "DELETE"] == [f"/v1.44/volumes/{VOLUME}"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"image": ""}, "image has to name"),
        ({"network": "host"}, "network has to be one of your own"),
        ({"network": "bridge"}, "network has to be one of your own"),
        ({"network": "container:other"}, "network has to be one of your own"),
        ({"memory": "lots"}, "memory has to be a size"),
        ({"processes": 0}, "processes has to be more than zero"),
        ({"open_files": 0}, "open_files has to be more than zero"),
        ({"user": 0}, "plain user"),
        ({"home": "/"}, "home has to be the absolute path"),
        ({"home": "/var/run/docker.sock:/x"}, "home has to be the absolute path"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        docker_settings(**{"image": "example.org/coterie-server:1", **wrong})


@pytest.mark.parametrize("subnet", ["", "172.30.0.1/16", "everything"])
def test_a_subnet_that_is_none_is_refused(subnet: str) -> None:
    with pytest.raises(ValueError, match="subnet has to be a network"):
        docker_network("coterie", subnet=subnet)
