"""How the hub's process talks to the gateway about sessions, beside the routes that JupyterHub sets."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp
import structlog

from enclave.kernel.ports import Limits

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GatewayControl:
    """The gateway's control socket.

    Args:
        socket: where it listens.
        token: what it was told to accept.
    """

    socket: Path
    token: str = field(repr=False)

    async def opened(self, user: str, project: str, limits: Limits) -> None:
        """Tells the limits of a session; a gateway that does not hear it keeps its own defaults."""
        body = {"user": user, "project": project, "limits": asdict(limits)}
        try:
            async with (
                self._client() as client,
                client.post("http://gateway/api/sessions", json=body) as reply,
            ):
                reply.raise_for_status()
        except (aiohttp.ClientError, TimeoutError) as failed:
            _log.warning("the gateway was not told a session's limits", error=type(failed).__name__)

    async def idle_seconds(self, user: str, project: str) -> float | None:
        """Seconds since the person last did something; None when the gateway cannot say."""
        asked = {"user": user, "project": project}
        try:
            async with (
                self._client() as client,
                client.get("http://gateway/api/sessions", params=asked) as reply,
            ):
                if reply.status != 200:
                    return None
                return float((await reply.json())["idle_seconds"])
        except (aiohttp.ClientError, TimeoutError, KeyError, ValueError):
            return None

    def _client(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(self.socket)),
            headers={"Authorization": f"token {self.token}"},
            timeout=aiohttp.ClientTimeout(total=5),
        )
