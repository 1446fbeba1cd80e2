"""Where the hub keeps what lasts and where its sockets are; the same in hub, gateway and portal."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from enclave.kernel.errors import Unavailable
from enclave.settings import Settings

#: Longest name that fits under the run folder in a socket address (Linux: 108 bytes with the closing zero).
_ROOM_FOR_A_NAME = 32


@dataclass(frozen=True, slots=True)
class HubPaths:
    """The folders and sockets of one installation.

    Args:
        state: what lasts (0700): the hub's database, the gateway's, and the start-up logs of sessions.
        run: sockets (0700); a short path in lower case, because the host part of a URL is lower-cased.
    """

    state: Path
    run: Path

    @property
    def hub_socket(self) -> Path:
        return self.run / "hub.sock"

    @property
    def gateway_socket(self) -> Path:
        return self.run / "gateway.sock"

    def inbound(self, session: str) -> Path:
        """Where the gateway reaches a session's server."""
        return self.run / f"{session}.in"

    def outbound(self, session: str) -> Path:
        """Where a session reaches its facade of the hub."""
        return self.run / f"{session}.out"

    @property
    def questions_socket(self) -> Path:
        """Where the process that answers private questions listens, for the hub alone."""
        return self.run / "questions.sock"

    def asking(self, session: str) -> Path:
        """Where a session asks private questions."""
        return self.run / f"{session}.ask"

    @property
    def library(self) -> Path:
        """Our own code that is mounted into sessions, copied so that everybody inside may read it."""
        return self.state / "library"

    @property
    def logs(self) -> Path:
        return self.state / "log"


def socket_url(path: Path) -> str:
    """The `http+unix://` URL of a socket, without a trailing slash."""
    return f"http+unix://{quote(str(path), safe='')}"


def hub_paths(settings: Settings) -> HubPaths:
    """The paths of this installation; makes the folders.

    Raises:
        Unavailable: when the run folder belongs to somebody else or is open to others.
    """
    state = (settings.state_dir / "hub").resolve()
    run = _run_folder(settings.state_dir.resolve())
    for folder in (state, state / "log", run):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _must_be_ours(run)
    return HubPaths(state=state, run=run)


def _run_folder(state_dir: Path) -> Path:
    name = hashlib.sha256(str(state_dir).encode()).hexdigest()[:10]
    bases = [Path("/run")]
    if "XDG_RUNTIME_DIR" in os.environ:
        bases.append(Path(os.environ["XDG_RUNTIME_DIR"]))
    for base in bases:
        path = base / "registry-enclave" / name
        fits = len(os.fsencode(path)) + _ROOM_FOR_A_NAME < 108 and str(path) == str(path).lower()
        if base.is_dir() and os.access(base, os.W_OK) and fits:
            return path
    return Path(f"/tmp/registry-enclave-{os.getuid()}") / name  # noqa: S108 - 0700, and checked to be ours


def _must_be_ours(run: Path) -> None:
    for folder in (run.parent, run):
        found = folder.lstat()
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        if not ours or (folder is run and stat.S_IMODE(found.st_mode) & 0o077):
            raise Unavailable(
                f"{folder} is needed for the workspace's sockets but is not a private folder of ours. "
                "Remove it, or start under the account that owns it."
            )
