"""Control groups: how much memory, how many processes and how much processor one session may have.

Version 2 where it is delegated to us, else version 1, else nothing but rlimits; `detect` says which.
"""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from enclave.kernel.ports import Limits

_PREFIX = "registry-enclave-"
_WANTED = ("memory", "pids", "cpu")


@dataclass(frozen=True, slots=True)
class Cgroups:
    """What this machine lets us limit.

    Args:
        version: 2, 1, or 0 when there is nothing to use.
        homes: controller to the folder under which we may make groups.
    """

    version: int
    homes: dict[str, Path]

    @property
    def sentence(self) -> str:
        if not self.version:
            return (
                "Sessions are limited by rlimits only: no control group is writable. Run the hub as root, "
                "or as a systemd service with Delegate=yes."
            )
        missing = [name for name in _WANTED if name not in self.homes]
        lacking = f"; not limited: {', '.join(missing)}" if missing else ""
        limited = f"{', '.join(self.homes)}{lacking}"
        return f"Sessions are limited by control groups version {self.version} ({limited})."


@dataclass(frozen=True, slots=True)
class Group:
    """The groups of one session, one folder for each controller (version 2: one for all)."""

    folders: tuple[Path, ...]

    @property
    def doors(self) -> tuple[Path, ...]:
        """The files into which the session writes itself."""
        return tuple(folder / "cgroup.procs" for folder in self.folders)

    def kill(self) -> None:
        """SIGKILL to everything that is still in there."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                (folder / "cgroup.kill").write_text("1")
            with contextlib.suppress(OSError):
                for pid in (folder / "cgroup.procs").read_text().split():
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(int(pid), signal.SIGKILL)

    def remove(self) -> bool:
        """Removes the folders; False while something in there is still dying."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
        return not any(folder.exists() for folder in self.folders)


def detect() -> Cgroups:
    """Finds where groups can be made; tries it by making one."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    own = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    for _, _, path in (entry for entry in own if entry[1] == ""):
        for mount in (Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"):
            found = _delegated(mount / path.lstrip("/"))
            if found:
                return Cgroups(2, found)
    homes: dict[str, Path] = {}
    for name in _WANTED:
        path = next((entry[2] for entry in own if name in entry[1].split(",")), "/")
        for fields in mounts:
            if fields[2] == "cgroup" and name in fields[3].split(","):
                places = (Path(fields[1]) / path.lstrip("/"), Path(fields[1]))
                home = next((place for place in places if _can_make(place)), None)
                if home:
                    homes[name] = home
    return Cgroups(1 if homes else 0, homes)


def create(found: Cgroups, session: str, limits: Limits) -> Group:
    """The groups of one session, with its limits set. Empty where nothing can be limited."""
    folders: list[Path] = []
    for name, home in found.homes.items():
        folder = home / f"{_PREFIX}{session}"
        folder.mkdir(exist_ok=True)
        for file, value in _values(found.version, name, limits).items():
            with contextlib.suppress(FileNotFoundError):
                (folder / file).write_text(value)
        if folder not in folders:
            folders.append(folder)
    return Group(tuple(folders))


def sweep(found: Cgroups) -> None:
    """Removes what a hub left behind that was killed."""
    for home in set(found.homes.values()):
        for folder in home.glob(f"{_PREFIX}*"):
            Group((folder,)).remove()


def _values(version: int, controller: str, limits: Limits) -> dict[str, str]:
    quota = limits.cpu_percent * 1000
    if version == 2:
        return {
            "memory": {"memory.max": str(limits.memory), "memory.swap.max": "0"},
            "pids": {"pids.max": str(limits.processes)},
            "cpu": {"cpu.max": f"{quota} 100000"},
        }[controller]
    return {
        "memory": {
            "memory.limit_in_bytes": str(limits.memory),
            "memory.memsw.limit_in_bytes": str(limits.memory),
        },
        "pids": {"pids.max": str(limits.processes)},
        "cpu": {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": str(quota)},
    }[controller]


def _delegated(own: Path) -> dict[str, Path]:
    """Version 2: our own group, with the controllers that its children can have."""
    try:
        offered = set((own / "cgroup.controllers").read_text().split())
        handed_on = set((own / "cgroup.subtree_control").read_text().split())
    except OSError:
        return {}
    missing = [name for name in _WANTED if name in offered and name not in handed_on]
    if missing and os.access(own / "cgroup.subtree_control", os.W_OK):
        with contextlib.suppress(OSError):
            # A group with processes of its own hands nothing on: move into a leaf first.
            leaf = own / f"{_PREFIX}hub"
            leaf.mkdir(exist_ok=True)
            (leaf / "cgroup.procs").write_text(str(os.getpid()))
            (own / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in missing))
            handed_on |= set(missing)
    usable = [name for name in _WANTED if name in handed_on]
    return dict.fromkeys(usable, own) if usable and _can_make(own) else {}


def _can_make(place: Path) -> bool:
    trial = place / f"{_PREFIX}trial-{os.getpid()}"
    try:
        trial.mkdir()
        trial.rmdir()
    except OSError:
        return False
    return True
