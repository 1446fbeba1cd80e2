"""What JupyterHub calls to start, watch and end a session. The authority decides, every time."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime
from typing import ClassVar

from jupyterhub.spawner import Spawner, SpawnException

from enclave.hub import cgroups
from enclave.hub.facade import HELD, Facade
from enclave.hub.gateway.control import GatewayControl
from enclave.hub.paths import HubPaths, socket_url
from enclave.hub.preflight import preflight
from enclave.hub.questions.door import Door
from enclave.hub.sandbox import HOME, HUB_SOCKET, RUNTIME, SESSION, Sandbox
from enclave.hub.session_process import SessionProcess, start_session
from enclave.kernel.errors import EnclaveError
from enclave.kernel.events import Event
from enclave.kernel.ports import Admission, EntitlementAuthority
from enclave.settings import Settings

#: How long the authority may stay silent before its sessions end, in seconds (promise: within a minute).
_PATIENCE = 30.0


class EnclaveSpawner(Spawner):  # type: ignore[misc, unused-ignore]
    """One session for one (user, project); the server's name is the project's slug.

    `settings`, `paths`, `authority`, `gateway`, `questions_token` and `groups` are set once on the class by
    `configure`.
    """

    settings: ClassVar[Settings]
    paths: ClassVar[HubPaths]
    authority: ClassVar[EntitlementAuthority]
    gateway: ClassVar[GatewayControl]
    questions_token: ClassVar[str]
    groups: ClassVar[cgroups.Cgroups]

    _running: SessionProcess | None = None
    _starting: bool = False
    _last_answer: float = 0.0

    async def start(self) -> str:
        """Asks the authority, builds the sandbox and starts it; returns the URL of its socket."""
        if not self.name:
            raise _refusal("Open a workspace from its project's page: there is none without a project.")
        await self._must_be_ready()
        await self._end("replaced")
        self._starting = True
        try:
            admission = await self._admit()
            self._running = running = await self._launch(admission)
        finally:
            self._starting = False
        self._last_answer = _now()
        await self.gateway.opened(self.user.name, self.name, admission.limits)
        url = f"{socket_url(running.inbound)}{self.server.base_url}"
        # Without this the hub adds ":80" to a URL that has no port, and nobody finds the socket.
        self.server.connect_url = url
        return url

    async def _must_be_ready(self) -> None:
        report = await asyncio.to_thread(preflight)
        if not report.ready:
            raise _refusal(report.refusal, status=503)

    async def _launch(self, admission: Admission) -> SessionProcess:
        session = hashlib.sha256(f"{self.user.name}/{self.name}".encode()).hexdigest()[:12]
        inbound, outbound = self.paths.inbound(session), self.paths.outbound(session)
        facade = Facade(self.user.name, self.api_token, self.paths.hub_socket, outbound)
        door = Door(
            self.user.name,
            self.name,
            self.paths.questions_socket,
            self.questions_token,
            self.paths.asking(session),
        )
        group = cgroups.create(self.groups, session, admission.limits)
        sandbox = Sandbox(
            admission=admission,
            runtime=self.settings.session_runtime,
            library=self.paths.library,
            hub_socket=outbound,
            group=group,
            env=self.get_env(),
            command=[f"{RUNTIME}/bin/python", "-I", f"{SESSION}/main.py"],
            questions_socket=door.own_socket,
            packages=self.settings.packages / "site",
        )
        log = self.paths.logs / f"{session}.log"
        try:
            await facade.open(admission.uid, admission.gid)
            await door.open(admission.uid, admission.gid)
            running = start_session(session, sandbox, facade, inbound, log, door)
        except BaseException as failed:
            await facade.close()
            await door.close()
            group.remove()
            if isinstance(failed, EnclaveError):
                raise _refusal(failed.sentence, status=503) from None
            raise
        self.log.info("Session %s of %s started; its first output is in %s", self.name, self.user.name, log)
        return running

    async def poll(self) -> int | None:
        """None while the session runs and may go on; otherwise it is ended first."""
        if self._running is None:
            return None if self._starting else 0
        status = self._running.status()
        if status is None:
            reason = await self._reason_to_end()
            if reason is None:
                return None
            await self._end(reason)
            return 0
        await self._end("exited")
        return status

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002 - a session has nothing to finish
        await self._end("stopped")

    def get_env(self) -> dict[str, str]:
        """The environment inside: no token, no address of this machine, nothing of the hub's own."""
        env = {
            name: str(value) for name, value in super().get_env().items() if name.startswith("JUPYTERHUB_")
        }
        api = f"http+unix://{HUB_SOCKET.replace('/', '%2F')}/hub/api"
        return env | {
            "JUPYTERHUB_API_TOKEN": HELD,
            "JUPYTERHUB_API_URL": api,
            "JUPYTERHUB_ACTIVITY_URL": f"{api}/users/{self.user.escaped_name}/activity",
            # Without a port on purpose: with one, the server refuses to listen on a socket.
            "JUPYTERHUB_SERVICE_URL": f"http+unix://in{self.server.base_url}",
            "JUPYTERHUB_SINGLEUSER_EXTENSION": "1",
            "JUPYTERHUB_DISABLE_USER_CONFIG": "1",
            "JUPYTERHUB_DEFAULT_URL": "/lab",
            # The server looks for settings and files of its own where nobody inside can write, and keeps what a
            # person sets apart from them. The gateway relies on none of this.
            "JUPYTER_CONFIG_DIR": "/etc/jupyter",
            "JUPYTER_DATA_DIR": f"{RUNTIME}/share/jupyter",
            "JUPYTER_RUNTIME_DIR": f"{HOME}/.local/share/jupyter/runtime",
            "JUPYTERLAB_SETTINGS_DIR": f"{HOME}/.jupyter/lab/user-settings",
            "JUPYTERLAB_WORKSPACES_DIR": f"{HOME}/.jupyter/lab/workspaces",
            "PATH": f"{RUNTIME}/bin:/usr/bin:/bin",
            "HOME": HOME,
            "USER": "researcher",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TMPDIR": "/tmp",  # noqa: S108 - the sandbox's own
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    async def _admit(self) -> Admission:
        try:
            return await asyncio.to_thread(self.authority.admit, self.user.name, self.name)
        except EnclaveError as refused:
            raise _refusal(refused.sentence) from None
        except Exception:
            self.log.exception("The entitlement authority failed")
            raise _refusal(
                "Nobody could check whether you may open this workspace. Try again in a few minutes.",
                status=503,
            ) from None

    async def _reason_to_end(self) -> str | None:
        running = self._running
        if running is None:
            return "stopped"
        if running.too_old(datetime.now(UTC)):
            return "expired"
        try:
            asked = asyncio.to_thread(self.authority.still_admitted, self.user.name, self.name)
            if not await asyncio.wait_for(asked, timeout=_PATIENCE / 2):
                return "revoked"
            self._last_answer = _now()
        except Exception as failed:  # noqa: BLE001 - whatever it is, it is no permission
            self.log.warning("The entitlement authority does not answer: %s", type(failed).__name__)
            if _now() - self._last_answer > _PATIENCE:
                return "unanswered"
        idle = await self.gateway.idle_seconds(self.user.name, self.name)
        if idle is not None and idle > running.admission.limits.idle_seconds:
            return "idle"
        return None

    async def _end(self, reason: str) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        await running.end()
        facts = {"reason": reason, "seconds": int((datetime.now(UTC) - running.started).total_seconds())}
        try:
            await asyncio.to_thread(
                self.authority.record, Event.SESSION_END.value, self.user.name, self.name, facts
            )
        except Exception:
            self.log.exception("The end of a session could not be recorded")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _refusal(sentence: str, status: int = 403) -> Exception:
    refused: Exception = SpawnException(sentence, reason="refused", status_code=status)
    # What the hub's progress page and API show; without it they show the exception's class too.
    refused.jupyterhub_message = sentence  # type: ignore[attr-defined]
    return refused
