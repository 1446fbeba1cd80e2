"""The two systems that `make bench-enclave` measures, behind one face."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
import uuid
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

import aiohttp
import httpx
from hubkit import ROOT, Installation, processes_of, session_runtime
from objectstore import free_ports

from enclave.demo.story.kernel import WorkspaceBrowser
from enclave.hub.client import HubClient
from enclave.kernel.errors import Unavailable

_PATIENCE = 600.0
_CELL = "import pandas; print(1 + 1)"


class System(ABC):
    """Something that opens sessions."""

    what = ""

    @abstractmethod
    def start(self) -> None:
        """Until the hub answers."""

    @abstractmethod
    def open(self, name: str) -> None:
        """From nothing to the answer of a first cell."""

    @abstractmethod
    def end(self, name: str) -> None:
        """Until the last process of the session is gone."""

    @abstractmethod
    def processes(self, name: str) -> list[int]:
        """Of one session."""

    @abstractmethod
    def hubs(self) -> list[int]:
        """Processes that serve every session."""

    @abstractmethod
    def close(self) -> None:
        """Ends everything."""

    def memory(self, name: str) -> int:
        """Bytes of one session."""
        return sum(map(proportional, self.processes(name)))

    def hub_memory(self) -> int:
        return sum(map(proportional, self.hubs()))


def proportional(pid: int) -> int:
    """Proportional set size of a process in bytes; 0 when it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def wait(true: object, seconds: float = _PATIENCE) -> None:
    """Polls a hundred times a second, so that a short time can be measured."""
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError("It did not happen in time.")
        time.sleep(0.01)


class Ours(System):
    """Hub, gateway and sandboxes; the portal's part is played by a file (who is entitled) and a small provider."""

    what = "JupyterHub with bubblewrap sandboxes, seccomp, cgroups, behind our gateway"

    def __init__(self, place: Path) -> None:
        self.installation = Installation(place)
        self.granting = threading.Lock()  # the file of grants is one
        self.installation.authority.grant("nobody", "nothing")

    def start(self) -> None:
        self.installation.start()
        self.hub = HubClient(self.installation.settings)

    def open(self, name: str) -> None:
        with self.granting:
            self.installation.authority.grant(name, "bench")
        hub = HubClient(self.installation.settings)
        wait(lambda: self._started(hub, name))
        hub.close()
        gateway = self.installation.settings.gateway_url
        browser = WorkspaceBrowser(gateway, self.installation.browser(name), name, seconds=_PATIENCE)
        browser.open("bench")
        answer = browser.run(_CELL)
        if answer.stdout.strip() != "2":
            raise RuntimeError(f"The cell said {answer.error}.")

    def _started(self, hub: HubClient, name: str) -> bool:
        """False while the hub is busy with others and says so."""
        try:
            hub.start(name, "bench")
        except Unavailable:
            return False
        return True

    def end(self, name: str) -> None:
        """As the portal does it when access is revoked."""
        with self.granting:
            self.installation.authority.revoke(name, "bench")
        hub = HubClient(self.installation.settings)
        hub.stop(name, "bench")
        hub.close()
        wait(lambda: not processes_of(name))

    def processes(self, name: str) -> list[int]:
        return processes_of(name)

    def hubs(self) -> list[int]:
        return [self.installation.hub.pid, self.installation.gateway.pid]

    def close(self) -> None:
        self.installation.stop()


class Stock(System):
    """JupyterHub as it comes, with the same version and the same runtime in its sessions."""

    what = "JupyterHub with SimpleLocalProcessSpawner and configurable-http-proxy 0.4.0 (PyPI)"

    def __init__(self, place: Path, proxy: Path) -> None:
        self.place, self.proxy = place, proxy.resolve()
        first = free_ports(3)
        self.public, self.api, self.hub_port = first, first + 1, first + 2
        self.token = secrets.token_hex(32)
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.public}",
            headers={"Authorization": f"token {self.token}"},
            timeout=_PATIENCE,
        )

    def start(self) -> None:
        runtime = session_runtime().resolve()
        config = self.place / "jupyterhub_config.py"
        config.write_text(
            f"""
c.JupyterHub.bind_url = "http://127.0.0.1:{self.public}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{self.hub_port}"
c.ConfigurableHTTPProxy.command = [{str(self.proxy)!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{self.api}"
c.JupyterHub.spawner_class = "jupyterhub.spawner.SimpleLocalProcessSpawner"
c.SimpleLocalProcessSpawner.home_dir_template = {str(self.place / "home")!r} + "/{{username}}"
c.Spawner.cmd = [{str(runtime / "bin" / "python")!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"]
c.Spawner.start_timeout = c.Spawner.http_timeout = 600
c.JupyterHub.concurrent_spawn_limit = 100
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = {secrets.token_hex(16)!r}
c.Authenticator.allow_all = True
c.JupyterHub.services = [{{"name": "bench", "api_token": {self.token!r}}}]
c.JupyterHub.load_roles = [{{"name": "bench", "services": ["bench"],
                             "scopes": ["admin:users", "admin:servers", "access:servers"]}}]
c.JupyterHub.log_level = "WARN"
"""
        )
        self.log = (self.place / "stock.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(config)],
            cwd=self.place,
            env={"PATH": os.environ["PATH"], "HOME": str(self.place), "PYTHONPATH": str(ROOT)},
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        wait(self._answers)

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            said = Path(self.log.name).read_text(errors="replace")[-3000:]
            raise RuntimeError(f"The stock hub did not start:\n{said}")
        with suppress(httpx.HTTPError):
            return self.http.get("/hub/health").status_code == 200
        return False

    def open(self, name: str) -> None:
        (self.place / "home" / name).mkdir(parents=True, exist_ok=True)
        self.http.post(f"/hub/api/users/{name}")
        self.http.post(f"/hub/api/users/{name}/server").raise_for_status()
        wait(lambda: self._ready(name))
        made = self.http.post(f"/user/{name}/api/kernels", json={"name": "python3"})
        made.raise_for_status()
        asyncio.run(self._cell(name, made.json()["id"]))

    def _ready(self, name: str) -> bool:
        servers = self.http.get(f"/hub/api/users/{name}").json().get("servers", {})
        return bool(servers.get("", {}).get("ready"))

    async def _cell(self, name: str, kernel: str) -> None:
        query = uuid.uuid4().hex
        header = {
            "msg_id": query,
            "msg_type": "execute_request",
            "username": "",
            "session": query,
            "version": "5.3",
        }
        content = {
            "code": _CELL,
            "silent": False,
            "store_history": True,
            "allow_stdin": False,
            "stop_on_error": True,
        }
        message = {
            "channel": "shell",
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
        }
        url = f"http://127.0.0.1:{self.public}/user/{name}/api/kernels/{kernel}/channels"
        said, replied, idle = "", False, False
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"token {self.token}"}) as session,
            session.ws_connect(url, max_msg_size=0) as channel,
        ):
            await channel.send_str(json.dumps(message))
            while not (replied and idle):
                got = json.loads((await channel.receive()).data)
                if got["parent_header"].get("msg_id") != query:
                    continue
                kind, body = got["header"]["msg_type"], got["content"]
                said += body["text"] if kind == "stream" else ""
                replied = replied or kind == "execute_reply"
                idle = idle or (kind == "status" and body["execution_state"] == "idle")
        if said.strip() != "2":
            raise RuntimeError("The cell of the stock session did not answer.")

    def end(self, name: str) -> None:
        gone = self.processes(name)
        self.http.delete(f"/hub/api/users/{name}/server")
        wait(lambda: not any(_alive(pid) for pid in gone))

    def processes(self, name: str) -> list[int]:
        """Those that carry the session's name in their environment."""
        mark, found = f"JUPYTERHUB_USER={name}\0".encode(), []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if (
                    entry.name.isdigit()
                    and mark in (entry / "environ").read_bytes()
                    and _alive(int(entry.name))
                ):
                    found.append(int(entry.name))
        return found

    def hubs(self) -> list[int]:
        """The hub and its proxy: everything of its process group."""
        group, found = os.getpgid(self.process.pid), []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and os.getpgid(int(entry.name)) == group:
                    found.append(int(entry.name))
        return found

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.log.close()


def _alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False
