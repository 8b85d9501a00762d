"""Code that an Editor runs: it finds no token of the server's, and nothing it leaves behind runs in the gate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attacks.own_token import own_token
from revocation.holding import Place, account_of, ended, furnished, holding, run, shared_addresses, typed
from support.demo import Demo, until

pytestmark = pytest.mark.hub

_LOOK = r"""
import json, os, pathlib, subprocess, sys

found = {"os.environ": dict(os.environ)}
found["self"] = pathlib.Path("/proc/self/environ").read_bytes().decode(errors="replace")
found["child"] = subprocess.run(["env"], capture_output=True, text=True).stdout
found["shell"] = subprocess.run("cat /proc/$$/environ", shell=True, capture_output=True, text=True).stdout
found["arguments"] = " ".join(sys.argv)
runtime = pathlib.Path(os.environ.get("JUPYTER_RUNTIME_DIR", "/nonexistent"))
files = [*runtime.rglob("*"), *pathlib.Path.home().rglob(".jupyter/**/*"), *pathlib.Path.home().rglob(".local/**/*")]
found["files"] = {}
for file in files:
    try:
        found["files"][str(file)] = file.read_bytes().decode(errors="replace")
    except OSError:  # a folder, or gone meanwhile
        pass
print("FOUND" + json.dumps(found))
"""

_PLANT = r"""
import os, pathlib, subprocess, sys

home = pathlib.Path.home()
marker = home / "ran.txt"
code = f'''
import os, sys
with open({str(marker)!r}, "a") as f:
    f.write("WHERE " + " ".join(getattr(sys, "orig_argv", sys.argv)) + chr(10))
'''

def put(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)

config = {"ServerApp": {"jpserver_extensions": {"planted": True}, "token": "known", "disable_check_xsrf": True},
          "KernelManager": {"transport": "tcp"}}
import json
sites = list(home.glob("environment/lib/python*/site-packages"))
version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
sites += [home / ".local/lib" / version / "site-packages"]
for folder in [home, home / "work", *sites]:
    for module in ("usercustomize", "sitecustomize", "planted", "jupyter_server_config", "jupyter_config"):
        put(folder / f"{module}.py", code + "\ndef _load_jupyter_server_extension(app): pass\n"
            "def _jupyter_server_extension_points(): return [{'module': 'planted'}]\n")
    for package in ("coterie", "jupyterhub", "tornado", "jupyter_server", "jupyterlab", "ctypes"):
        put(folder / package / "__init__.py", code)
    put(folder / "planted.pth", "import planted\n")
for folder in (home, home / "work", home / ".jupyter", home / ".local/etc/jupyter", home / "environment/etc/jupyter"):
    for name in ("jupyter_server_config", "jupyter_config", "jupyter_lab_config", "jupyterhub_singleuser_config",
                 "jupyter_notebook_config", "jupyter_coterie_singleuser_config", "coterie_singleuser_config"):
        put(folder / f"{name}.py", code + "\nget_config().ServerApp.token = 'known'\n")
        put(folder / f"{name}.json", json.dumps(config))
        put(folder / f"{name}.d" / "planted.json", json.dumps(config))
    put(folder / "labconfig/page_config.json", json.dumps({"disabledExtensions": {"@coterie/lab": True}}))
for data in (home / ".local/share/jupyter", home / "environment/share/jupyter", home / "work", home):
    put(data / "kernels/python3/kernel.json", json.dumps({
        "argv": [sys.executable, "-c", code], "display_name": "Planted", "language": "python"}))
    put(data / "lab/settings/page_config.json", json.dumps({"disabledExtensions": {"@coterie/lab": True}}))
    for template in ("lab", "classic", "base"):
        put(data / "nbconvert/templates" / template / "index.html.j2",
            "{% set m = cycler.__init__.__globals__.os %}{{ m.popen('echo TEMPLATE >> " + str(marker) + "').read() }}")
        put(data / "nbconvert/templates" / template / "conf.json", "{}")
put(home / "work/page.ipynb", json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
for shell in (".bashrc", ".bash_profile", ".profile", ".bash_login", ".zshenv", ".pam_environment", ".env"):
    put(home / shell, f"export PYTHONSTARTUP={home}/.pythonrc.py PYTHONPATH={home}/work PYTHONHOME={home} "
        f"PYTHONINSPECT=1 PYTHONBREAKPOINT=planted.x JUPYTER_PATH={home} JUPYTER_CONFIG_DIR={home} "
        f"JUPYTERLAB_DIR={home} LD_PRELOAD={home}/planted.so PATH={home}/bin:$PATH\n")
put(home / ".config/pip/pip.conf", f"[global]\nprefix = {home}\n")
for folder in (home / "bin", home / ".local/bin", home / "work", home / "environment/bin"):
    for command in ("jupyter", "jupyterhub-singleuser", "env", "prlimit", "setpriv", "sh", "node"):
        put(folder / command, f"#!/bin/sh\necho coterie.server by PATH $0 >> {marker}\nexec /bin/{command} \"$@\"\n")
        (folder / command).chmod(0o755)
put(home / ".pythonrc.py", code)
put(home / ".pydistutils.cfg", "")
put(home / "pyvenv.cfg", "home = /nonexistent\n")
print("PLANTED", marker)
"""


async def test_a_kernel_and_its_children_hold_no_token(demo: Demo, place: Place) -> None:
    async with demo.socket("carol", shared_addresses(place)["kernel"], max_queue=None, max_size=None) as kernel:
        printed = await run(kernel, _LOOK)
    found = json.loads(printed.partition("FOUND")[2])
    everything = json.dumps(found)
    own = await own_token(demo, place.url)

    assert [] == [name for name in found["os.environ"] if "TOKEN" in name]
    assert all("TOKEN" not in found[place] for place in ("self", "child", "shell", "arguments"))
    assert [] == [name for name, text in found["files"].items() if '"token": "' in text.replace('"token": ""', "")]
    assert not any(secret in everything for secret in [*([own] if own else []), *demo.tokens.values()])


async def test_a_terminal_holds_no_token(demo: Demo, place: Place) -> None:
    async with demo.socket("carol", shared_addresses(place)["terminal"], max_queue=None) as terminal:
        await typed(
            terminal,
            "test -z \"$(env | grep -c TOKEN | grep -v '^0$')\" && ! grep -qz TOKEN /proc/$$/environ && echo NO''THING",
            "NOTHING",
        )


async def test_nothing_that_an_editor_leaves_runs_in_the_gates_process(demo: Demo) -> None:
    planted = await furnished(demo, "alice", "Planted", {"carol": "editor"})
    async with demo.socket("carol", shared_addresses(planted)["kernel"], max_queue=None, max_size=None) as kernel:
        printed = await run(kernel, _PLANT)
    marker = Path(printed.partition("PLANTED ")[2].strip())

    assert 202 == (await demo.api("carol", "POST", f"workspaces/{planted.id}/stop")).status_code
    await demo.until_stopped(account_of(planted.url))
    url = await demo.open("carol", planted.id)
    again = Place(planted.id, url, "notes.txt", planted.kernel, "1")
    for path in ("lab", "api/contents", "api/kernelspecs", "nbconvert/html/page.ipynb", "lab/api/settings", "tree"):
        await demo.server("carol", "GET", url + path)
    async with holding(demo, "carol", again, without=("kernel", "terminal")):
        pass
    # The plants do work, where an Editor's code may run: in kernels.
    await demo.server("carol", "POST", f"{url}api/kernels", json={})
    ran = await until(lambda: _lines_of(marker), within=30)

    assert [] == [line for line in ran if "coterie.server" in line or "TEMPLATE" in line]
    # The gate is as it was: no token that somebody chose opens it, and kernels have no ports.
    assert 403 == (await demo.server(None, "GET", f"{url}api/contents?token=known")).status_code
    assert 403 == (await demo.server("bob", "GET", f"{url}api/contents")).status_code
    specs = (await demo.server("carol", "GET", f"{url}api/kernelspecs")).json()["kernelspecs"]
    assert "Planted" not in {spec["spec"]["display_name"] for spec in specs.values()}


async def _lines_of(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []  # noqa: ASYNC240  (a few lines)


async def test_a_removed_editor_is_cut_from_the_code_that_goes_on(demo: Demo, place: Place) -> None:
    await demo.grant("alice", place.id, "bob", "editor")
    try:
        async with demo.socket("bob", shared_addresses(place)["kernel"], max_queue=None) as socket:
            await run(socket, "import threading, time; stop = False")
            await demo.grant("alice", place.id, "bob", "viewer")
            assert (4409, "role-changed") == await ended(socket)
        async with demo.socket("carol", shared_addresses(place)["kernel"], max_queue=None) as socket:
            assert "False" in await run(socket, "print(stop)")
    finally:
        await demo.grant("alice", place.id, "bob", "viewer")
