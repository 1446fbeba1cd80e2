"""Can this machine hold sessions? Tried, not assumed: a throw-away sandbox says what it sees."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

from enclave.hub import cgroups, launch, seccomp
from enclave.kernel.errors import EnclaveError

_OLDEST_BUBBLEWRAP = (0, 8)

#: Runs inside the trial sandbox, on the system's own interpreter or shell tools; prints what it finds.
_LOOK = "cat /proc/self/status; echo ---; cat /proc/net/dev; echo ---; cat /proc/self/uid_map"


@dataclass(frozen=True, slots=True)
class Report:
    """What this machine can do.

    Args:
        bubblewrap: its version, or empty.
        namespaces: a user namespace can be made by an account without rights.
        network: a sandbox sees the loopback of its own and no other interface.
        seccomp: the filter on system calls is in force inside.
        root: sessions get user ids of their own; otherwise they share the hub's.
        cgroup: 2, 1 or 0 (rlimits only).
        sentences: all of it in words, problems with what to do about them.
    """

    bubblewrap: str
    namespaces: bool
    network: bool
    seccomp: bool
    root: bool
    cgroup: int
    sentences: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Sessions may start. Without their own network or without the filter they may not."""
        return bool(self.bubblewrap) and self.namespaces and self.network and self.seccomp

    @property
    def refusal(self) -> str:
        """Why no session may start here, in a sentence; empty when it may."""
        return "" if self.ready else f"No workspace can be opened on this machine. {' '.join(self.sentences)}"

    def to_dict(self) -> dict[str, Any]:
        return {
            "bubblewrap": self.bubblewrap,
            "namespaces": self.namespaces,
            "network": self.network,
            "seccomp": self.seccomp,
            "root": self.root,
            "cgroup": self.cgroup,
            "ready": self.ready,
            "sentences": list(self.sentences),
        }


@cache
def preflight() -> Report:
    """Tries it once for each process."""
    says: list[str] = []
    version = _bubblewrap_version(says)
    seen = _trial(says) if version else {}
    root = os.geteuid() == 0
    if not root:
        says.append(
            "The hub does not run as root: sessions share its user id, and only sandboxes keep them apart."
        )
    found = cgroups.detect()
    says.append(found.sentence)
    return Report(
        bubblewrap=version,
        namespaces=seen.get("namespaces", False),
        network=seen.get("network", False),
        seccomp=seen.get("seccomp", False),
        root=root,
        cgroup=found.version,
        sentences=tuple(says),
    )


def _bubblewrap_version(says: list[str]) -> str:
    program = shutil.which("bwrap")
    if not program:
        says.append("bubblewrap is missing. Install it: apt-get install bubblewrap.")
        return ""
    printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = re.findall(r"\d+", printed)
    if tuple(int(number) for number in numbers[:2]) < _OLDEST_BUBBLEWRAP:
        says.append(
            "bubblewrap is older than 0.8 and cannot forbid nested user namespaces. Install a newer one."
        )
        return ""
    return ".".join(numbers)


def _trial(says: list[str]) -> dict[str, bool]:
    try:
        program = seccomp.program()
    except (RuntimeError, OSError, EnclaveError):
        says.append("libseccomp is missing. Install it: apt-get install libseccomp2.")
        return {}
    filter_fd, order_fd = os.memfd_create("filter"), os.memfd_create("order")
    order = {
        "bwrap": shutil.which("bwrap"),
        "mounts": [],
        "sizes": {"/tmp": 2**20},  # noqa: S108 - the sandbox's own
        "env": {"PATH": "/usr/bin:/bin"},
        "command": ["/bin/sh", "-c", _LOOK],
        "directory": "/",
        "uid": 65534,
        "gid": 65534,
        "doors": [],
        "rlimits": {"CORE": 0},
        "seccomp_fd": filter_fd,
        "parent": os.getpid(),
    }
    for fd, content in ((filter_fd, program), (order_fd, json.dumps(order).encode())):
        os.write(fd, content)
        os.lseek(fd, 0, os.SEEK_SET)
    try:
        ran = subprocess.run(
            [sys.executable, "-I", "-S", launch.__file__, str(order_fd)],
            pass_fds=(filter_fd, order_fd),
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        os.close(filter_fd)
        os.close(order_fd)
    status, _, rest = ran.stdout.partition("---")
    interfaces, _, mapping = rest.partition("---")
    return _judge(status, interfaces, mapping, ran.stderr, says)


def _judge(status: str, interfaces: str, mapping: str, complaint: str, says: list[str]) -> dict[str, bool]:
    if not status:
        says.append(
            "A sandbox does not start: this system does not let an account without rights make a user "
            "namespace (on Ubuntu 24.04 add an AppArmor profile for bwrap; in a container allow them). "
            f"bubblewrap says: {complaint.strip()[-200:]}"
        )
        return {}
    names = re.findall(r"^\s*(\S+):", interfaces, re.MULTILINE)
    facts = {
        "namespaces": bool(mapping.split()[:1]),
        "network": names == ["lo"],
        "seccomp": bool(re.search(r"^Seccomp:\s*2$", status, re.MULTILINE)),
    }
    if not facts["network"]:
        says.append("A sandbox still sees this machine's network. Sessions stay closed until it does not.")
    if not facts["seccomp"]:
        says.append(
            "The kernel does not apply the filter on system calls. Sessions stay closed until it does."
        )
    if all(facts.values()):
        says.append(
            "Sandboxes start with a network, processes and users of their own, behind a system call filter."
        )
    return facts
