"""The pod, the volume and the network policy that a cluster gets for a server: each promise is one test."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from coterie.hub import kubernetes_settings
from coterie.hub.any_spawner import CannotStart
from coterie.hub.environment import Place
from coterie.hub.kubernetes import SERVER_LABELS, network_policy
from coterie.server.place import Place as ServersPlace
from hub.other_spawners import ACCOUNT, NEIGHBOUR, TOKEN, configured, spawner_of

_CLUSTER = """
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "https://192.0.2.1"}}]
users: [{name: nobody, user: {}}]
"""


@pytest.fixture(scope="module")
async def spawners(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes a KubeSpawner for an account, as the Hub does. No cluster is asked."""
    file = tmp_path_factory.mktemp("cluster") / "config"
    file.write_text(_CLUSTER)
    with pytest.MonkeyPatch.context() as patch:
        from kubernetes_asyncio.config import kube_config
        from kubespawner import KubeSpawner

        patch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(file))
        settings = kubernetes_settings(image="example.org/coterie-server:1", storage_class="fast")
        c = configured(KubeSpawner, "KubeSpawner", settings)
        yield lambda account=ACCOUNT: spawner_of(c, account)


async def _as_sent(spawner: Any, manifest: Any) -> Any:
    return spawner.api.api_client.sanitize_for_serialization(manifest)


@pytest.fixture(scope="module")
async def pod(spawners: Any) -> Any:
    """The pod as it is sent to the cluster."""
    spawner = spawners()
    return await _as_sent(spawner, await spawner.get_pod_manifest())


@pytest.fixture(scope="module")
def container(pod: Any) -> Any:
    """Its only container."""
    (container,) = pod["spec"]["containers"]
    assert not pod["spec"].get("initContainers")
    return container


def test_it_runs_the_server_as_its_first_process(pod: Any, container: Any) -> None:
    assert [*container["command"], *container["args"][:3]] == ["python3", "-I", "-m", "coterie.server"]
    assert pod["spec"]["shareProcessNamespace"] is False


def test_the_server_learns_its_workspace(container: Any) -> None:
    environment = {one["name"]: one.get("value") for one in container["env"]}

    assert environment["COTERIE_WORKSPACE"] == "penguins23456722"
    assert environment["COTERIE_SERVICE_URL"] == "http://172.30.0.1:10181/services/coterie/"
    assert environment["JUPYTERHUB_ROOT_DIR"] == "/home/jovyan/work"
    assert environment["HOME"] == "/home/jovyan"


@pytest.mark.parametrize("name", ["$(JUPYTERHUB_API_TOKEN)", "$$(JUPYTERHUB_API_TOKEN)", "{username}"])
async def test_a_workspaces_name_is_no_reference_to_the_servers_token(spawners: Any, name: str) -> None:
    spawner = spawners()
    spawner.place = Place("penguins23456722", name)

    pod = await _as_sent(spawner, await spawner.get_pod_manifest())

    assert "$(" not in str(pod)
    environment = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
    assert ServersPlace.from_environment(environment).name == name


async def test_an_account_whose_name_refers_to_the_token_is_not_started(spawners: Any) -> None:
    with pytest.raises(CannotStart, match="name has no"):
        await spawners("$(JUPYTERHUB_API_TOKEN)").start()


def test_the_token_stands_in_the_environment_alone(pod: Any, container: Any) -> None:
    names = [one["name"] for one in container["env"] if one.get("value") == TOKEN]

    assert sorted(names) == ["JPY_API_TOKEN", "JUPYTERHUB_API_TOKEN"]
    assert str(pod).count("own-token") == 2


def test_its_volumes_are_the_accounts_own_and_a_scratch_of_limited_size(pod: Any, container: Any) -> None:
    assert pod["spec"]["volumes"] == [
        {"name": "home", "persistentVolumeClaim": {"claimName": f"coterie-{ACCOUNT}"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
    ]
    assert container["volumeMounts"] == [
        {"name": "home", "mountPath": "/home/jovyan"},
        {"name": "tmp", "mountPath": "/tmp"},
    ]


async def test_accounts_never_share_a_volume(spawners: Any) -> None:
    names = ["alice", "Alice", "alice-", "alice--", "a.lice", "a-lice", ACCOUNT, NEIGHBOUR, "x" * 60, "x" * 61]

    volumes = {(await _as_sent(s, s.get_pvc_manifest()))["metadata"]["name"] for s in map(spawners, names)}

    assert len(volumes) == len(names)


async def test_the_volume_is_as_large_and_of_the_class_that_was_said(spawners: Any) -> None:
    spawner = spawners()

    claim = (await _as_sent(spawner, spawner.get_pvc_manifest()))["spec"]

    assert claim["resources"]["requests"]["storage"] == "10Gi"
    assert claim["storageClassName"] == "fast"


async def test_the_volume_goes_with_the_account(spawners: Any) -> None:
    assert spawners().delete_pvc is True


def test_nothing_of_the_node_is_mounted_or_shared(pod: Any) -> None:
    spec = pod["spec"]

    assert [spec["hostNetwork"], spec["hostPID"], spec["hostIPC"]] == [False, False, False]
    assert "hostPath" not in str(pod)


def test_the_system_cannot_be_written(container: Any) -> None:
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_it_is_nobody_special_and_cannot_become_so(container: Any) -> None:
    context = container["securityContext"]

    assert (context["runAsNonRoot"], context["runAsUser"], context["runAsGroup"]) == (True, 1000, 1000)
    assert context["allowPrivilegeEscalation"] is False
    assert not context.get("privileged")


def test_it_has_no_capability(container: Any) -> None:
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_its_system_calls_are_filtered(container: Any) -> None:
    assert container["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_it_gets_no_token_of_the_cluster_and_no_list_of_its_services(pod: Any) -> None:
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod["spec"]
    assert pod["spec"]["enableServiceLinks"] is False


def test_it_is_limited(container: Any) -> None:
    assert container["resources"]["limits"] == {"memory": 2 * 1024**3, "cpu": 2.0, "ephemeral-storage": "1Gi"}


async def test_it_ends_in_its_own_time_is_not_started_again_and_leaves_no_pod(pod: Any, spawners: Any) -> None:
    assert pod["spec"]["terminationGracePeriodSeconds"] == 30
    assert pod["spec"]["restartPolicy"] == "Never"
    assert spawners().delete_grace_period == 30
    assert spawners().delete_stopped_pods is True


POLICY = network_policy(namespace="hub")


def _reaches(address: str) -> bool:
    """Whether a policy's blocks of addresses let a server reach *address*."""
    blocks = [to["ipBlock"] for rule in POLICY["spec"]["egress"] for to in rule["to"] if "ipBlock" in to]
    wanted = ip_address(address)
    return any(
        wanted in ip_network(block["cidr"]) and not any(wanted in ip_network(but) for but in block["except"])
        for block in blocks
    )


def test_the_policy_is_about_servers_and_denies_both_ways_what_it_does_not_name(pod: Any) -> None:
    assert POLICY["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert POLICY["spec"]["podSelector"] == {"matchLabels": SERVER_LABELS}
    assert SERVER_LABELS.items() <= pod["metadata"]["labels"].items()


def test_the_hub_and_the_proxy_alone_reach_a_server_and_only_its_port(container: Any) -> None:
    (rule,) = POLICY["spec"]["ingress"]

    assert [one["podSelector"]["matchLabels"]["component"] for one in rule["from"]] == ["hub", "proxy"]
    assert rule["ports"] == [{"protocol": "TCP", "port": container["ports"][0]["containerPort"]}]


def test_a_server_reaches_no_pod_but_the_hub_the_proxy_and_names() -> None:
    pods = [to for rule in POLICY["spec"]["egress"] for to in rule["to"] if "ipBlock" not in to]

    assert pods == [
        {"podSelector": {"matchLabels": {"component": "hub"}}},
        {"podSelector": {"matchLabels": {"component": "proxy"}}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}},
    ]
    assert all(rule.get("ports") for rule in POLICY["spec"]["egress"][:3])


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "10.0.0.1", "192.168.1.1", "172.20.0.1", "fe80::1"]
)
def test_a_server_does_not_reach_the_clouds_metadata_or_private_networks(address: str) -> None:
    assert not _reaches(address)


@pytest.mark.parametrize("address", ["151.101.0.223", "2a04:4e42::223"])
def test_a_server_reaches_the_internet_unless_it_may_not(address: str) -> None:
    assert _reaches(address)
    assert "ipBlock" not in str(network_policy(namespace="hub", internet=False))


def test_the_policy_is_one_that_the_clients_model_knows() -> None:
    from kubernetes_asyncio.client.models import V1NetworkPolicySpec

    for key in POLICY["spec"]:
        assert key in V1NetworkPolicySpec.attribute_map.values()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"image": ""}, "image has to name"),
        ({"storage": "10 GB"}, "storage has to be a quantity"),
        ({"scratch": "0"}, "scratch has to be a quantity"),
        ({"memory": "lots"}, "memory has to be a size"),
        ({"cpus": 0}, "cpus has to be more than zero"),
        ({"user": 0}, "plain user"),
        ({"home": "work"}, "home has to be the absolute path"),
        ({"home": "/home/{username}/../all"}, "home has to be the absolute path"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        kubernetes_settings(**{"image": "example.org/coterie-server:1", **wrong})


def test_a_policy_that_lets_servers_ask_for_the_clouds_credentials_is_refused() -> None:
    with pytest.raises(ValueError, match="hand out credentials"):
        network_policy(namespace="hub", not_the_internet=["10.0.0.0/8"])
    with pytest.raises(ValueError, match="namespace"):
        network_policy(namespace="")


def test_the_settings_need_no_spawner_installed() -> None:
    source = Path(__file__).parents[2] / "src" / "coterie" / "hub"

    for name in ("kubernetes", "docker", "systemd", "spawner_settings"):
        assert not any(
            line.startswith(("import ", "from ")) and "spawner" in line.split()[1].split(".")[0]
            for line in (source / f"{name}.py").read_text().splitlines()
        )
