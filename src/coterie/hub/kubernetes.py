"""Settings of KubeSpawner (jupyterhub-kubespawner 7), and the network policy of its pods. Pure.

What each server may see and use is said by its pod: one volume for each account, a read-only image, no capability, no
token of the cluster. Whom it may speak to is said by the network policy, which is to be applied to the cluster once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from coterie.hub.spawner_settings import (
    GRACE,
    SERVER_ARGUMENTS,
    need_folder,
    need_plain_user,
    need_positive,
    need_size,
    server_settings,
)

#: Where servers listen, inside their pods.
SERVER_PORT: Final = 8888
#: What marks the pods of servers, and no others.
SERVER_LABELS: Final = {"app.kubernetes.io/component": "singleuser-server"}
#: Networks that are not the internet: private ones, where clusters have their pods and services, and link-local ones,
#: where clouds answer with a machine's own credentials (RFC 1918, 6598, 3927, 4193, 4291; RFC 5735 for the rest).
NOT_THE_INTERNET: Final = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
    "fe80::/10",
    "::ffff:0:0/96",
    "64:ff9b::/96",
)
_QUANTITY = re.compile(r"[1-9][0-9]*(Ki|Mi|Gi|Ti|k|M|G|T)")
_DNS_PORT = 53


def kubernetes_settings(
    *,
    image: str,
    storage: str = "10Gi",
    storage_class: str | None = None,
    memory: str = "2G",
    cpus: float = 2.0,
    scratch: str = "1Gi",
    user: int = 1000,
    home: str = "/home/jovyan",
    python: str = "python3",
) -> dict[str, Any]:
    """What to set as ``c.KubeSpawner``. See ``network_policy`` for the other half.

    *image* has ``coterie[server]`` for its *python*. *storage* and *storage_class* are those of each account's volume,
    mounted as *home*; *memory* and *cpus* are limits; *scratch* is how much /tmp and the pod's logs may take. The
    server runs as user and group *user*. Raises ValueError with a sentence for what cannot be meant.
    """
    if not image:
        raise ValueError("image has to name the container image of the servers.")
    home = need_folder("home", home)
    number = need_plain_user(user)
    settings = server_settings(home)
    return settings | {
        "image": image,
        # The server is the container's first process. Before any other, such as an image's own entry point, the
        # container's environment would stand open in /proc/1/environ, and the server's token in it.
        "extra_container_config": {"command": [python]},
        "cmd": list(SERVER_ARGUMENTS),
        "working_dir": home,
        "port": SERVER_PORT,
        # --- Files: a volume for each account, never a folder of a shared one, and a system that cannot be written.
        "storage_pvc_ensure": True,
        "pvc_name_template": "coterie-{user_server}",
        "slug_scheme": "safe",  # two accounts never share a name
        "storage_capacity": _need_quantity("storage", storage),
        **({} if storage_class is None else {"storage_class": storage_class}),
        "storage_access_modes": ["ReadWriteOnce"],
        "volumes": {
            "home": {"name": "home", "persistentVolumeClaim": {"claimName": "{pvc_name}"}},
            "tmp": {"name": "tmp", "emptyDir": {"sizeLimit": _need_quantity("scratch", scratch)}},
        },
        "volume_mounts": {
            "home": {"name": "home", "mountPath": home},
            "tmp": {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
        },
        # Deleting a workspace deletes its account, and that its volume. What the disk keeps is the storage class's.
        "delete_pvc": True,
        # --- Privileges: none.
        "uid": number,
        "gid": number,
        "fs_gid": number,  # so that a new volume is the server's to write
        "privileged": False,
        "allow_privilege_escalation": False,
        "container_security_context": {
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # The cluster's API is not for code in a workspace.
        "service_account": None,
        "automount_service_account_token": False,
        "extra_pod_config": {
            # --- Namespaces of its own, and nothing of the node's.
            "hostNetwork": False,
            "hostPID": False,
            "hostIPC": False,
            "shareProcessNamespace": False,  # else the first process is not the server
            "enableServiceLinks": False,  # addresses of other services in the environment
            # A start is a session of its own: a server that ended is started again by whoever opens it.
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": GRACE,
        },
        # --- Limits. How many processes and open files a pod may have is for the node to say: see the page on it.
        "mem_limit": need_size("memory", memory),
        "cpu_limit": need_positive("cpus", cpus),
        "extra_resource_limits": {"ephemeral-storage": scratch},
        # --- A clean end, and nothing left of it. KubeSpawner's own single second would cut it off.
        "delete_grace_period": GRACE,
        "delete_stopped_pods": True,
    }


def network_policy(
    *,
    namespace: str,
    name: str = "coterie-servers",
    hub: Mapping[str, str] | None = None,
    hub_ports: Sequence[int] = (8081, 10181),
    proxy: Mapping[str, str] | None = None,
    proxy_ports: Sequence[int] = (8000,),
    dns_namespace: str = "kube-system",
    internet: bool = True,
    not_the_internet: Sequence[str] = NOT_THE_INTERNET,
) -> dict[str, Any]:
    """The NetworkPolicy (``networking.k8s.io/v1``) for pods of servers in *namespace*, to be given to the cluster.

    They are reached by the pods labelled *hub* and *proxy* alone (default: as the Helm chart of JupyterHub labels
    them), and reach those two at *hub_ports* and *proxy_ports*, the names of *dns_namespace*, and, with *internet*,
    whatever is not in *not_the_internet*: no other server, no node, no metadata of the cloud. Add the cluster's own
    networks where they are public addresses.

    A policy holds only where the cluster's network enforces policies. Raises ValueError for what cannot be meant.
    """
    if not namespace:
        raise ValueError("namespace has to name where the servers' pods are.")
    if internet and not any(network == "169.254.0.0/16" for network in not_the_internet):
        raise ValueError("not_the_internet has to contain 169.254.0.0/16, where clouds hand out credentials.")
    the_hub = {"podSelector": {"matchLabels": dict(hub or {"component": "hub"})}}
    the_proxy = {"podSelector": {"matchLabels": dict(proxy or {"component": "proxy"})}}
    names = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": dns_namespace}}}
    egress: list[dict[str, Any]] = [
        {"to": [the_hub], "ports": [_tcp(port) for port in hub_ports]},
        {"to": [the_proxy], "ports": [_tcp(port) for port in proxy_ports]},
        {"to": [names], "ports": [{"protocol": "UDP", "port": _DNS_PORT}, _tcp(_DNS_PORT)]},
    ]
    if internet:
        egress.append({"to": [_everywhere("0.0.0.0/0", not_the_internet), _everywhere("::/0", not_the_internet)]})
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "podSelector": {"matchLabels": dict(SERVER_LABELS)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [the_hub, the_proxy], "ports": [_tcp(SERVER_PORT)]}],
            "egress": egress,
        },
    }


def _everywhere(network: str, but: Sequence[str]) -> dict[str, Any]:
    is_sixth = ":" in network
    return {"ipBlock": {"cidr": network, "except": [one for one in but if (":" in one) == is_sixth]}}


def _tcp(port: int) -> dict[str, Any]:
    return {"protocol": "TCP", "port": port}


def _need_quantity(what: str, size: str) -> str:
    if not _QUANTITY.fullmatch(size):
        raise ValueError(f"{what} has to be a quantity of Kubernetes such as '10Gi', not {size!r}.")
    return size
