"""The spawner on a cluster: the same questions to the same authority, and a pod in place of a sandbox.

KubeSpawner makes, watches and deletes the pod; who may have one, with what, until when and why it ends is decided as
on a machine.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from kubespawner import KubeSpawner

from enclave.hub.facade import Facade
from enclave.hub.kubernetes import names
from enclave.hub.kubernetes.carriage import WORD, Carriage
from enclave.hub.kubernetes.session import mounts, spawner_settings
from enclave.hub.questions.door import Door
from enclave.hub.spawner import EnclaveSpawner
from enclave.kernel.errors import Unavailable
from enclave.kernel.ports import Admission


@dataclass(slots=True)
class PodSession:
    """One running session that is a pod; what `SessionProcess` is on a machine.

    Args:
        admission: the leave it was started with.
        inbound: the socket that the gateway reaches it by.
        on_end: takes away the pod and what joined it to the house.
        exit: its exit code as last seen; None while it runs.
    """

    admission: Admission
    inbound: Path
    on_end: Callable[[], Awaitable[None]]
    exit: int | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def status(self) -> int | None:
        return self.exit

    def too_old(self, now: datetime) -> bool:
        """True when its leave or the longest time of a session has run out."""
        age = (now - self.started).total_seconds()
        return now >= self.admission.expires_at or age >= self.admission.limits.max_seconds

    async def end(self) -> None:
        await self.on_end()


class ClusterSpawner(EnclaveSpawner, KubeSpawner):  # type: ignore[misc, unused-ignore]
    """One pod for one (user, project). `carriage` is set once on the class, beside what `EnclaveSpawner` needs."""

    carriage: ClassVar[Carriage]
    _pod: PodSession | None = None
    _word: str = ""

    async def _must_be_ready(self) -> None:
        """Nothing to try here: what a cluster holds back is proved by the canary at install."""

    async def _launch(self, admission: Admission) -> PodSession:  # type: ignore[override]
        self._must_be_on_the_volume(admission)
        for name, value in spawner_settings(self.name, admission.limits).items():
            setattr(self, name, value)
        session = hashlib.sha256(f"{self.user.name}/{self.name}".encode()).hexdigest()[:12]
        inbound, outbound, asking = (
            self.paths.inbound(session),
            self.paths.outbound(session),
            self.paths.asking(session),
        )
        facade = Facade(self.user.name, self.api_token, self.paths.hub_socket, outbound)
        door = Door(self.user.name, self.name, self.paths.questions_socket, self.questions_token, asking)
        ip = ""
        self._word = secrets.token_hex(WORD // 2)
        word = self._word

        async def end() -> None:
            if ip:
                await self.carriage.leave(ip, word)
            await facade.close()
            await door.close()
            await KubeSpawner.stop(self, now=True)

        try:
            await self.carriage.open()
            await facade.open(admission.uid, admission.gid)
            await door.open(admission.uid, admission.gid)
            # It asks for the hub until it is joined to it; the pod's address is known only now.
            ip = urlsplit(await KubeSpawner.start(self)).hostname or ""
            await self.carriage.join(ip, word, inbound, outbound, asking)
        except BaseException:
            await asyncio.shield(end())
            raise
        self._pod = PodSession(admission, inbound, end)
        return self._pod

    async def poll(self) -> int | None:
        """As on a machine. A pod that outlived its hub is ended: nobody has asked whether it may go on."""
        if self._running is not None and self._pod is not None:
            self._pod.exit = await KubeSpawner.poll(self)
        elif not self._starting and await KubeSpawner.poll(self) is None:
            await KubeSpawner.stop(self, now=True)
        return await EnclaveSpawner.poll(self)

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002
        if self._running is None:
            await KubeSpawner.stop(self, now=True)
        await self._end("stopped")

    def get_env(self) -> dict[str, str]:
        """As on a machine, and where the house is; an address, because inside no name resolves."""
        made: dict[str, str] = EnclaveSpawner.get_env(self)
        return made | {
            "ENCLAVE_FACADE": f"{self.carriage.host}:{names.FACADE_PORT}",
            "ENCLAVE_WORD": self._word,
        }

    def _must_be_on_the_volume(self, admission: Admission) -> None:
        """What was admitted is exactly what the pod will mount from the projects' volume."""
        root = self.settings.state_dir.resolve() / "projects"
        wanted = {
            (root / mount["subPath"], mount["mountPath"], not mount.get("readOnly", False))
            for mount in mounts(self.name)
            if mount["name"] == "projects"
        }
        given = {(mount.source.resolve(), mount.target, mount.writable) for mount in admission.mounts}
        if given != wanted:
            raise Unavailable("What this workspace may mount is not on the volume of projects.")
