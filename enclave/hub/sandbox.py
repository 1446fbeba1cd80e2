"""What one session's sandbox is made of: the order that `launch` carries out."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from enclave.hub.cgroups import Group
from enclave.kernel.errors import Invalid, Unavailable
from enclave.kernel.ports import Admission, Mount

#: Where things are inside, whatever they are called outside.
RUNTIME = "/opt/enclave/runtime"
LIBRARY = "/opt/enclave/lib"
SESSION = "/opt/enclave/session"
HUB_SOCKET = "/run/enclave/hub.sock"
QUESTIONS_SOCKET = "/run/enclave/questions.sock"
HOME = "/home/researcher"
PACKAGES = "/opt/enclave/packages"

#: A workspace may mount here; everywhere else is the sandbox's own.
_OPEN_TARGETS = ("/data", "/workspace", "/notebooks", "/shared")

_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One session, ready to be launched.

    Args:
        admission: the leave to open it, with its mounts and limits.
        runtime: the Python environment of sessions on this machine (see scripts/session-runtime).
        library: the folder that `library.copy_library` made.
        hub_socket: the facade's socket.
        group: the control groups it goes into.
        env: the environment inside.
        command: what runs inside.
        questions_socket: where this session asks private questions.
        packages: what the package mirror unpacked; mounted read only when it is there.
    """

    admission: Admission
    runtime: Path
    library: Path
    hub_socket: Path | None
    group: Group
    env: Mapping[str, str]
    command: Sequence[str]
    questions_socket: Path | None = None
    packages: Path | None = None

    def order(self, seccomp_fd: int) -> dict[str, Any]:
        """The order as `launch` reads it.

        Raises:
            Invalid: when a mount would cover a part of the sandbox.
            Unavailable: when the session runtime has not been built.
        """
        limits = self.admission.limits
        rlimits = {"CORE": 0, "NOFILE": 4096, "FSIZE": limits.file_size}
        if not self.group.folders:
            # Address space is no measure of memory: pyarrow and BLAS reserve much that they never touch.
            rlimits |= {"NPROC": limits.processes, "AS": 4 * limits.memory}
        return {
            "bwrap": bubblewrap(),
            "mounts": [
                {"source": str(mount.source), "target": mount.target, "writable": mount.writable}
                for mount in self._mounts()
            ],
            "sizes": {"/tmp": limits.tmp, "/dev/shm": limits.tmp, HOME: 64 * 2**20},  # noqa: S108
            "env": dict(self.env),
            "command": list(self.command),
            "directory": "/workspace" if self._has_workspace else "/",
            "uid": self.admission.uid,
            "gid": self.admission.gid,
            "doors": [str(door) for door in self.group.doors],
            "rlimits": rlimits,
            "seccomp_fd": seccomp_fd,
            "parent": os.getpid(),
        }

    @property
    def _has_workspace(self) -> bool:
        return any(mount.target == "/workspace" for mount in self.admission.mounts)

    def _mounts(self) -> list[Mount]:
        for mount in self.admission.mounts:
            _must_be_open(mount)
        own = [Mount(self.runtime.resolve(), RUNTIME), *base_python(self.runtime)]
        own += [Mount(self.library / "lib", LIBRARY), Mount(self.library / "session", SESSION)]
        own += [Mount(self.library / "session" / name, f"/etc/{name}") for name in ("jupyter", "ipython")]
        if self.packages is not None and self.packages.is_dir():
            own.append(Mount(self.packages.resolve(), PACKAGES))
        if self.hub_socket:
            own.append(Mount(self.hub_socket, HUB_SOCKET))
        if self.questions_socket:
            own.append(Mount(self.questions_socket, QUESTIONS_SOCKET))
        # The data a project was granted comes last, so that a mount inside a mount lands where it should.
        theirs = sorted(self.admission.mounts, key=lambda mount: mount.target)
        return own + [Mount(mount.source.resolve(), mount.target, mount.writable) for mount in theirs]


def launcher(order_fd: int) -> list[str]:
    """The command that carries out the order in `order_fd`: isolated, without site packages."""
    return [sys.executable, "-I", "-S", str(_LAUNCH), str(order_fd)]


def bubblewrap() -> str:
    """Where bubblewrap is.

    Raises:
        Unavailable: when it is not installed.
    """
    found = shutil.which("bwrap")
    if not found:
        raise Unavailable("Workspaces need bubblewrap 0.8 or newer. Install it: apt-get install bubblewrap.")
    return found


def base_python(runtime: Path) -> list[Mount]:
    """The Python that the runtime's environment stands on, at its own place; nothing when that is under /usr.

    Raises:
        Unavailable: when the runtime has not been built.
    """
    try:
        lines = (runtime / "pyvenv.cfg").read_text().splitlines()
        home = Path(next(line.partition("=")[2].strip() for line in lines if line.startswith("home")))
    except (OSError, StopIteration):
        raise Unavailable("There is no session runtime yet. Build it: scripts/session-runtime.") from None
    prefix = home.parent
    real = (runtime / "bin" / "python").resolve().parent.parent
    targets = {str(prefix), str(real)}
    return [Mount(real, target) for target in sorted(targets) if not target.startswith("/usr")]


def words(sandbox: Sandbox) -> dict[str, Any]:
    """The admission as plain words, for the log: no environment, no paths of this machine."""
    facts = asdict(sandbox.admission.limits)
    facts["mounts"] = [mount.target for mount in sandbox.admission.mounts]
    return facts


def _must_be_open(mount: Mount) -> None:
    parts = Path(mount.target).parts
    inside = any(mount.target == place or mount.target.startswith(f"{place}/") for place in _OPEN_TARGETS)
    if not inside or ".." in parts or "\0" in mount.target:
        raise Invalid(
            [f"A workspace cannot mount at {mount.target}. Mount below one of: {', '.join(_OPEN_TARGETS)}."]
        )
