"""The demo on a free port, with a real Hub, proxy and service."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from coterie.cli.demo.hub import local_packages, package_settings, why_unconfined
from coterie.cli.demo.people import GROUPS, PEOPLE
from coterie.cli.demo.processes import command_of
from coterie.cli.demo.web import loopback_client
from hub.demo_of_ours import COMMAND, DemoOfOurs, demo_on
from support.demo import until

pytestmark = pytest.mark.hub


@pytest.fixture(scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DemoOfOurs]:
    """One demo for all tests that only look."""
    async with demo_on(tmp_path_factory.mktemp("demo") / "state") as demo:
        yield demo


def _listening_addresses(pid: int) -> set[str]:
    """The local addresses (as the kernel writes them) on which *pid* waits for connections."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            sockets.add(target.removeprefix("socket:[").removesuffix("]"))
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in sockets:
                addresses.add(columns[1].split(":")[0])
    return addresses


def _environment_of(pid: int) -> dict[str, str]:
    content = Path(f"/proc/{pid}/environ").read_bytes().decode()
    return dict(entry.split("=", 1) for entry in content.split("\0") if entry)


async def test_it_says_where_who_and_what_and_then_ready(demo: DemoOfOurs) -> None:
    said = "\n".join(demo.said)

    assert demo.said[-1] == "ready"
    assert demo.running["hub_url"] in said
    assert all(name in said for name in PEOPLE)
    assert ("can read the files of all" in said) is (why_unconfined(demo.state) is not None)
    assert "one origin" not in said


async def test_demo_json_names_both_addresses_and_the_processes(demo: DemoOfOurs) -> None:
    running = demo.running

    port = running["hub_url"].removeprefix("http://hub.localhost:").removesuffix("/")
    assert port.isdecimal()
    assert running["service_url"] == f"http://coterie--service.hub.localhost:{port}/services/coterie/"
    assert set(running) == {"hub_url", "service_url", "pids"}
    commands = [command_of(pid) or "" for pid in running["pids"]]
    for kind in ("-m coterie.cli.demo.jupyterhub", "traefik", "-m coterie.cli service"):
        assert sum(kind in command for command in commands) == 1


async def test_everything_listens_on_loopback_only(demo: DemoOfOurs) -> None:
    addresses = {address for pid in demo.running["pids"] for address in _listening_addresses(pid)}

    assert addresses == {"0100007F"}


async def test_the_state_is_its_owners_alone(demo: DemoOfOurs) -> None:
    assert demo.state.stat().st_mode & 0o777 == 0o700
    assert (demo.state / "tokens.json").stat().st_mode & 0o777 == 0o600


async def test_everybody_has_a_token_of_their_own(demo: DemoOfOurs) -> None:
    assert set(demo.tokens) == set(PEOPLE)
    for name in PEOPLE:
        model = (await demo.hub(name, "GET", "user")).json()
        assert (model["name"], model["admin"]) == (name, name == "admin")
        assert sorted(model["groups"]) == sorted(group for group, users in GROUPS.items() if name in users)


async def test_rights_are_roles_of_the_hub(demo: DemoOfOurs) -> None:
    roles = {name: (await demo.hub("admin", "GET", f"users/{name}")).json()["roles"] for name in PEOPLE}

    assert {name for name in PEOPLE if "gpu-users" in roles[name]} == {"alice", "bob"}
    assert {name for name in PEOPLE if "curators" in roles[name]} == {"carol"}


async def test_alice_has_a_sample_workspace_and_nobody_else_sees_it(demo: DemoOfOurs) -> None:
    listed = {name: (await demo.api(name, "GET", "workspaces")).json()["items"] for name in ("alice", "bob", "erin")}

    (penguins,) = listed["alice"]
    assert (penguins["name"], penguins["role"], penguins["server"]) == ("Penguins", "creator", "stopped")
    assert listed["bob"] == listed["erin"] == []


async def test_the_hub_and_coterie_agree_on_the_services_address(demo: DemoOfOurs) -> None:
    environment = _environment_of(demo.pid_of("-m coterie.cli service"))

    assert environment["COTERIE_PUBLIC_URL"] == environment["JUPYTERHUB_PUBLIC_URL"]
    assert environment["COTERIE_HUB_PUBLIC_URL"] == environment["JUPYTERHUB_PUBLIC_HUB_URL"].removesuffix("hub/")


async def test_the_services_own_token_is_no_administrators(demo: DemoOfOurs) -> None:
    token = _environment_of(demo.pid_of("-m coterie.cli service"))["JUPYTERHUB_API_TOKEN"]
    hub = f"{demo.running['hub_url']}hub/api"
    account = "ws-aaaaaaaaaaaaaaaa"
    calls = [
        ("POST", f"{hub}/users/{account}", None, 201),
        ("POST", f"{hub}/shares/{account}/", {"user": "bob"}, 200),
        ("PATCH", f"{hub}/shares/{account}/", {"user": "bob"}, 200),
        ("GET", f"{hub}/groups/%2Fastro%2Fdust", None, 200),
        ("POST", f"{hub}/users/{account}/tokens", {}, 403),
        ("POST", f"{hub}/users/bob/tokens", {}, 403),
        ("GET", f"{hub}/users/bob/tokens", None, 403),
        ("PATCH", f"{hub}/users/bob", {"admin": True}, 403),
        ("POST", f"{hub}/groups/mine", {}, 403),
        ("POST", f"{hub}/shutdown", {}, 403),
        ("GET", f"{hub}/proxy", None, 403),
        ("DELETE", f"{hub}/users/{account}", None, 204),
    ]

    async with loopback_client() as http:
        answers = [
            (method, url, body, (await http.request(method, url, json=body, headers=_bearer(token))).status_code)
            for method, url, body, _ in calls
        ]

    assert answers == calls


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"token {token}"}


async def test_a_reserved_name_gets_no_token_with_the_right_password(demo: DemoOfOurs) -> None:
    statuses = {}
    async with loopback_client() as http:
        for name in ("ws-aaaaaaaaaaaaaaaa", "WS-AAAAAAAAAAAAAAAA", "alice"):
            response = await http.post(
                f"{demo.running['hub_url']}hub/api/users/{name}/tokens",
                json={"auth": {"username": name, "password": "coterie"}},
            )
            statuses[name] = response.status_code

    assert statuses == {"ws-aaaaaaaaaaaaaaaa": 403, "WS-AAAAAAAAAAAAAAAA": 403, "alice": 201}


async def test_an_account_that_is_no_workspaces_is_not_started_and_the_reason_is_told(demo: DemoOfOurs) -> None:
    account = "ws-bbbbbbbbbbbbbbbb"
    (await demo.hub("admin", "POST", f"users/{account}")).raise_for_status()
    await demo.hub("admin", "POST", f"users/{account}/server")

    progress = await demo.hub("admin", "GET", f"users/{account}/server/progress")

    assert "No workspace belongs to this account." in progress.text
    (await demo.hub("admin", "DELETE", f"users/{account}")).raise_for_status()


async def test_the_hubs_address_leads_to_the_workspaces(demo: DemoOfOurs) -> None:
    async with loopback_client() as http:
        response = await http.get(f"{demo.running['hub_url']}hub/")

    assert response.status_code == 302
    assert response.headers["location"] == demo.running["service_url"]


async def test_no_token_is_in_the_log(demo: DemoOfOurs) -> None:
    log = (demo.state / "demo.log").read_text()
    environment = _environment_of(demo.pid_of("-m coterie.cli service"))

    assert not [name for name, token in demo.tokens.items() if token in log]
    assert environment["JUPYTERHUB_API_TOKEN"] not in log


async def test_a_second_demo_on_the_same_state_is_refused_with_a_sentence(demo: DemoOfOurs) -> None:
    status, said = await _try_to_start("--port", "0", "--state", str(demo.state))

    assert status == 1
    assert said == f"A demo runs on {demo.state} already. Stop it, or use another --state.\n"
    assert (await demo.api("alice", "GET", "me")).status_code == 200


async def test_a_taken_port_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        status, said = await _try_to_start("--port", port, "--state", str(tmp_path / "state"))

    assert status == 1
    assert said == f"Port {port} is in use already. Choose another one: --port 0 takes a free one.\n"


async def _try_to_start(*options: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(*COMMAND, *options, stdout=PIPE, stderr=PIPE)
    _, said = await process.communicate()
    return process.returncode, said.decode()


async def test_a_demo_is_stopped_killed_and_started_again_on_the_same_state(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with demo_on(state) as first:
        tokens = first.tokens
        (created,) = (await first.api("alice", "GET", "workspaces")).json()["items"]
        workspace = created["id"]
        (await first.api("alice", "POST", f"workspaces/{workspace}/open")).raise_for_status()
        account = await until(lambda: _account_that_runs(first), within=90)
        (state / "servers" / account / "work" / "mine.txt").write_text("mine")
        pids = first.running["pids"]
        began = time.monotonic()

        assert await first.stop(signal.SIGINT) == 0

        assert time.monotonic() - began < 40
        assert [command_of(pid) for pid in pids] == [None] * len(pids)
        assert not (state / "demo.json").exists()

    async with demo_on(state) as second:
        assert second.tokens == tokens
        (found,) = (await second.api("alice", "GET", "workspaces")).json()["items"]
        assert found["id"] == workspace
        left = second.running["pids"]
        # In this order nobody is left to end the proxy and the service.
        second.process.send_signal(signal.SIGSTOP)
        os.kill(second.pid_of("-m coterie.cli.demo.jupyterhub"), signal.SIGKILL)
        second.process.kill()
        await second.process.communicate()
        assert any(command_of(pid) for pid in left)

        async with demo_on(state) as third:
            assert [command_of(pid) for pid in left] == [None] * len(left)
            assert (await third.api("alice", "GET", f"workspaces/{workspace}")).status_code == 200
            files = {file.name for file in (state / "servers" / account / "work").iterdir()}
            assert files == {"README.md", "mine.txt", "penguins.csv", "penguins.ipynb"}


async def _account_that_runs(demo: DemoOfOurs) -> str | None:
    users = (await demo.hub("admin", "GET", "users?state=ready")).json()
    # The file is brought up to date every second.
    is_named = any("-m coterie.server" in (command_of(pid) or "") for pid in demo.running["pids"])
    return users[0]["name"] if users and is_named else None


async def test_a_demo_that_is_stopped_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    process = await asyncio.create_subprocess_exec(*COMMAND, "--state", str(state), stdout=PIPE, stderr=PIPE)
    demo = DemoOfOurs(state, process)
    pids = await until(lambda: _pids_of(demo), within=60)

    assert await demo.stop() == 0

    assert [command_of(pid) for pid in pids] == [None] * len(pids)
    assert not (state / "demo.json").exists()


async def _pids_of(demo: DemoOfOurs) -> list[int] | None:
    return demo.running["pids"] if (demo.state / "demo.json").exists() else None


@pytest.fixture(scope="module")
async def demo_of_one_origin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DemoOfOurs]:
    async with demo_on(tmp_path_factory.mktemp("one-origin") / "state", "--no-subdomains") as demo:
        yield demo


async def test_without_subdomains_people_sign_in_on_one_origin_and_are_told_so(demo_of_one_origin: DemoOfOurs) -> None:
    hub, service = (demo_of_one_origin.running[f"{whose}_url"] for whose in ("hub", "service"))
    assert hub.startswith("http://127.0.0.1:")
    assert service == f"{hub}services/coterie/"
    assert any("one origin" in line for line in demo_of_one_origin.said)

    async with loopback_client() as http:
        http.follow_redirects = True
        landed = await _sign_in(http, hub, "alice")
        assert (landed.status_code, str(landed.url)) == (200, service)
        assert "Penguins" in landed.text


async def test_the_page_of_a_stopped_workspace_leads_to_the_workspaces(demo_of_one_origin: DemoOfOurs) -> None:
    hub, service = (demo_of_one_origin.running[f"{whose}_url"] for whose in ("hub", "service"))
    async with loopback_client() as http:
        http.follow_redirects = True
        (await demo_of_one_origin.hub("admin", "POST", "users/ws-cccccccccccccccc")).raise_for_status()
        await _sign_in(http, hub, "admin")

        workspace = await http.get(f"{hub}hub/user/ws-cccccccccccccccc/lab")
        home = await http.get(f"{hub}hub/user/admin/lab")

        assert (workspace.status_code, home.status_code) == (424, 424)
        assert "This workspace is not running" in workspace.text
        assert f'href="{service}"' in workspace.text
        assert "Launch" not in workspace.text
        assert "Launch" in home.text


async def _sign_in(http: httpx.AsyncClient, hub: str, name: str) -> httpx.Response:
    (await http.get(f"{hub}hub/login")).raise_for_status()
    form = {"username": name, "password": "coterie", "_xsrf": http.cookies["_xsrf"]}
    return await http.post(f"{hub}hub/login", data=form)


def test_servers_may_read_where_pip_is_told_to_look_and_nothing_else_that_its_settings_name(tmp_path: Path) -> None:
    for name in ("wheels", "an index", "home"):
        (tmp_path / name).mkdir()
    for name in ("ca.pem", "pip.log", "client.pem"):
        (tmp_path / name).touch()
    system = tmp_path / "pip.conf"
    system.write_text(
        f"# was {tmp_path}/home\n[global]\nextra-index-url = https://example.org/simple\n  file://{tmp_path}/an%20index\n"
        f"log = {tmp_path}/pip.log\nprefix = {tmp_path}/home\n"
        f"[install]\ntrusted_host = example.org\nclient-cert = {tmp_path}/client.pem\ncert = /srv/of-old.pem\n"
    )
    environment = {
        "PIP_FIND_LINKS": f"{tmp_path}/wheels {tmp_path}/missing wheels /dev /dev/null",
        "PIP_CERT": f"{tmp_path}/ca.pem",
        "OTHER": f"{tmp_path}/home",
    }

    settings = package_settings(environment, system)

    assert settings == {
        "PIP_CERT": environment["PIP_CERT"],
        "PIP_EXTRA_INDEX_URL": f"https://example.org/simple file://{tmp_path}/an%20index",
        "PIP_FIND_LINKS": environment["PIP_FIND_LINKS"],
        "PIP_TRUSTED_HOST": "example.org",
    }
    assert set(local_packages(settings)) == {tmp_path / "wheels", tmp_path / "an index", tmp_path / "ca.pem"}


def test_of_pips_files_those_are_read_that_pip_reads(tmp_path: Path) -> None:
    system, own, broken = tmp_path / "system.conf", tmp_path / "own.conf", tmp_path / "broken.conf"
    system.write_text("[global]\nindex-url = https://example.org/simple\nno-index = true\n")
    own.write_text("[global]\nindex-url = https://own.example.org/simple\n")
    broken.write_text("index-url = https://example.org/simple\n")

    assert package_settings({"PIP_CONFIG_FILE": str(own)}, system) == {
        "PIP_INDEX_URL": "https://own.example.org/simple",
        "PIP_NO_INDEX": "true",
    }
    assert package_settings({"PIP_CONFIG_FILE": "/dev/null"}, system) == {}
    assert package_settings({}, tmp_path / "missing.conf") == {}
    assert package_settings({}, broken) == {}


#: What bubblewrap says and does where plain users may make no user namespaces.
_REFUSED = "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"


async def test_where_servers_cannot_be_confined_it_says_what_that_means_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = _path_without("bwrap", tmp_path / "tools")
    (tools / "bwrap").write_text(_REFUSED)
    (tools / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    why = "bubblewrap is installed but cannot be used here (bwrap: No permissions to create new namespace)."

    async with demo_on(tmp_path / "state") as demo:
        said = "\n".join(demo.said)
        assert f"Code in one workspace can read the files of all, and the demo's own. {why}" in said
        (penguins,) = (await demo.api("alice", "GET", "workspaces")).json()["items"]
        (await demo.api("alice", "POST", f"workspaces/{penguins['id']}/open")).raise_for_status()
        await until(lambda: _account_that_runs(demo), within=90)


def _path_without(missing: str, folder: Path) -> Path:
    """*folder* with all that is on the path but *missing*."""
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for tool in Path(place).iterdir() if Path(place).is_dir() else ():
            if tool.name != missing and not (folder / tool.name).is_symlink():
                (folder / tool.name).symlink_to(tool)
    return folder
