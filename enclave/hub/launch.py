"""Puts one session into its sandbox: `python -I -S launch.py FD`, where FD holds the order as JSON.

Runs as the hub's account, standard library only. As root it first makes a mount namespace of its own and
binds every source under a fresh tmpfs, so that a project cloned into a private folder, or a Python under
somebody's home, is reachable afterwards; then it joins the control groups, sets the rlimits, becomes the
session's user for good, and turns into bubblewrap. From then on the host's own file permissions hold for the
session too: bubblewrap run as root would still be root to them.

The order: {source mounts, env, command, uid, gid, doors, rlimits, seccomp_fd, sizes, parent}. Nothing secret
stands in an argument list: the environment is handed over as the environment, and bubblewrap reads its
options from a file.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any

_CLONE_NEWNS = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG = 1
_STAGE = next((place for place in ("/run", "/mnt", "/srv") if os.path.isdir(place)), "/tmp")  # noqa: PTH112, S108

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    with os.fdopen(int(sys.argv[1])) as file:
        order = json.load(file)
    if os.geteuid() == 0:
        if order["uid"] <= 0 or order["gid"] <= 0:
            sys.exit("A session never runs as root: the workspace needs a user and a group id above 0.")
        stage(order["mounts"])
    for door in order["doors"]:
        with open(door, "w") as file:  # noqa: PTH123 - pathlib's import is as long as all of this
            file.write(str(os.getpid()))
    for name, value in order["rlimits"].items():
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (least, least))
    os.umask(0o007)  # a project's people share its files; nobody else does
    os.chdir("/")
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(order["gid"], order["gid"], order["gid"])
        os.setresuid(order["uid"], order["uid"], order["uid"])
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != order["parent"]:
        sys.exit("The hub ended while this session was starting.")
    uid, gid = os.getuid(), os.getgid()
    options = arguments(order, names=_memory(_passwd(uid)), groups=_memory(_group(gid)))
    listed = _memory("\0".join(options) + "\0")
    command = [order["bwrap"], "--args", str(listed), "--", *order["command"]]
    os.execve(order["bwrap"], command, order["env"])  # noqa: S606


def stage(mounts: list[dict[str, Any]]) -> None:
    """Binds every source to /run/0, /run/1, … of a mount namespace of its own, and says so in `mounts`.

    Sources are opened without following a link in their last step: what is mounted is what was named.
    """
    if _libc.unshare(_CLONE_NEWNS):
        _fail("make a mount namespace")
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    opened = [os.open(mount["source"], os.O_PATH | os.O_NOFOLLOW) for mount in mounts]
    _mount("tmpfs", _STAGE, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755,size=1m")
    for number, (mount, fd) in enumerate(zip(mounts, opened, strict=True)):
        place = f"{_STAGE}/{number}"
        if os.path.isdir(f"/proc/self/fd/{fd}"):  # noqa: PTH112
            os.mkdir(place)  # noqa: PTH102
        else:
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o600))
        _mount(f"/proc/self/fd/{fd}", place, None, _MS_BIND)
        os.close(fd)
        mount["source"] = place


def arguments(order: dict[str, Any], *, names: int, groups: int) -> list[str]:
    """Bubblewrap's options; `names` and `groups` are open files that become /etc/passwd and /etc/group."""
    spaces = ("user", "pid", "net", "ipc", "uts", "cgroup")
    made = [f"--unshare-{space}" for space in spaces]
    made += ["--disable-userns", "--die-with-parent", "--new-session", "--hostname", "enclave"]
    made += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = f"/{name}"
        if os.path.islink(path):  # noqa: PTH114
            made += ["--symlink", os.readlink(path), path]  # noqa: PTH115
        elif os.path.isdir(path):  # noqa: PTH112
            made += ["--ro-bind", path, path]
    for path in ("/etc/ld.so.cache", "/etc/fonts"):
        made += ["--ro-bind-try", path, path]
    made += ["--ro-bind-data", str(names), "/etc/passwd", "--ro-bind-data", str(groups), "/etc/group"]
    made += ["--proc", "/proc", "--dev", "/dev"]
    for target, size in order["sizes"].items():
        made += ["--size", str(size), "--tmpfs", target]
    for mount in order["mounts"]:
        made += ["--bind" if mount["writable"] else "--ro-bind", mount["source"], mount["target"]]
    made += ["--remount-ro", "/", "--cap-drop", "ALL", "--chdir", order["directory"]]
    return [*made, "--seccomp", str(order["seccomp_fd"])]


def _passwd(uid: int) -> str:
    return f"researcher:x:{uid}:{os.getgid()}:Researcher:/home/researcher:/bin/bash\n"


def _group(gid: int) -> str:
    return f"project:x:{gid}:\n"


def _memory(text: str) -> int:
    fd = os.memfd_create("enclave", 0)  # stays open across exec, on purpose
    os.write(fd, text.encode())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    words = (source and source.encode(), target.encode(), kind and kind.encode())
    if _libc.mount(*words, ctypes.c_ulong(flags), data and data.encode()):
        _fail(f"mount {target}")


def _fail(what: str) -> None:
    code = ctypes.get_errno()
    raise OSError(code, f"Cannot {what} for the session: {os.strerror(code)}")


if __name__ == "__main__":
    main()
