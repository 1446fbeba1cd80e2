"""Tries every known way out of a session, from inside, and says which are closed. Standard library only.

Run in a session: `python -I /opt/enclave/session/canary.py '{"ports": [8600], …}'`; prints one JSON object.
The caller knows what lies outside (ports that listen, sockets, files, an abstract name) and passes it in, so
that "closed" means that something which is there could not be reached.
"""

from __future__ import annotations

import ctypes
import errno
import http.client
import json
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_SECONDS = 3.0

#: System calls that the filter must refuse, by machine. Arguments are harmless zeros.
_CALLS = {
    "x86_64": {
        "socket": 41,
        "ptrace": 101, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "setns": 308,
        "bpf": 321,
        "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425, "keyctl": 250, "add_key": 248,
        "process_vm_readv": 310, "process_vm_writev": 311, "pidfd_getfd": 438, "open_by_handle_at": 304,
        "init_module": 175, "kexec_load": 246, "reboot": 169, "move_mount": 429, "fsopen": 430, "iopl": 172,
    },
    "aarch64": {
        "socket": 198,
        "ptrace": 117, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "setns": 268, "bpf": 280,
        "perf_event_open": 241, "userfaultfd": 282, "io_uring_setup": 425, "keyctl": 219, "add_key": 217,
        "process_vm_readv": 270, "process_vm_writev": 271, "pidfd_getfd": 438, "open_by_handle_at": 265,
        "init_module": 105, "kexec_load": 104, "reboot": 142, "move_mount": 429, "fsopen": 430,
    },
}  # fmt: skip

_READ_ONLY = ("/usr", "/etc", "/opt/enclave/runtime", "/opt/enclave/session", "/")
_NAMESPACES = {"user": 0x10000000, "network": 0x40000000, "mount": 0x00020000, "process": 0x20000000}

#: Families of which no socket may be opened; and of netlink all but the routes.
_FAMILIES = {
    "packet": 17,
    "vsock": 40,
    "alg": 38,
    "bluetooth": 31,
    "can": 29,
    "xdp": 44,
    "tipc": 30,
    "rds": 21,
}
_NETLINK = {"netfilter": 12, "audit": 9, "kobject_uevent": 15, "generic": 16}

#: Calls that the facade must refuse.
_HUB_CALLS = (
    ("GET", "/hub/api/users"), ("POST", "/hub/api/users/canary"), ("GET", "/hub/api/proxy"),
    ("GET", "/hub/api/info"), ("POST", "/hub/api/user/tokens"), ("GET", "/hub/api/services"),
    ("POST", "/hub/api/shutdown"), ("GET", "/hub/home"),
    ("GET", "/hub/api/user/../users"), ("GET", "//hub/api/users"),
)  # fmt: skip

#: Calls that the door to private questions must refuse.
_QUESTION_CALLS = (
    ("GET", "/"), ("GET", "/query"), ("POST", "/describe"), ("POST", "/hub/api/users"), ("POST", "/query/../x"),
    ("GET", "/describe?user=other"), ("DELETE", "/query"),
)  # fmt: skip


def exits(outside: dict[str, Any]) -> Iterator[tuple[str, Callable[[], str]]]:
    """Each way out: its name, and what tries it. A way returns what it found open, or raises."""
    yield "dns", partial(_resolve, "example.org")
    yield "ipv4", partial(_connect, ("192.0.2.1", 443))
    yield "ipv6", partial(_connect, ("2001:db8::1", 443), socket.AF_INET6)
    yield "udp", partial(_send, ("192.0.2.1", 53))
    for host, port in outside.get("addresses", []):
        yield f"address {host}:{port}", partial(_connect, (host, port))
    for port in outside.get("ports", []):
        yield f"loopback port {port}", partial(_connect, ("127.0.0.1", port))
    for name in outside.get("abstract", []):
        yield f"abstract socket {name}", partial(_connect, f"\0{name}", socket.AF_UNIX)
    for path in outside.get("paths", []):
        yield f"path {path}", partial(_find, path)
    for folder in (*outside.get("read_only", []), *_READ_ONLY):
        yield f"write to {folder}", partial(_write, folder)
    yield from _forbidden_calls()
    yield from _own_neighbourhood()


def _forbidden_calls() -> Iterator[tuple[str, Callable[[], str]]]:
    for name, family in _FAMILIES.items():
        yield f"socket family {name}", partial(_socket, family, socket.SOCK_DGRAM)
    for name, protocol in _NETLINK.items():
        yield f"netlink {name}", partial(_socket, socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    yield "raw socket", partial(_socket, socket.AF_INET, socket.SOCK_RAW, 1)
    calls = _CALLS.get(platform.machine(), {})
    for name, number in calls.items():
        # A family under which the high bits of the argument hide another one: the kernel reads the low ones.
        # ptrace: 0 would ask to be traced, and stop us for good at the next signal; 1 looks into process 0.
        first = {"socket": (1 << 32) | _FAMILIES["vsock"], "ptrace": 1}.get(name, 0)
        yield f"system call {name}", partial(_call, number, first, 1 if name == "socket" else 0, 0)
    for name, flag in _NAMESPACES.items():
        yield f"{name} namespace", partial(_unshare, flag)
    yield "unshare program", partial(_program, ["unshare", "-Ur", "id"])


def _own_neighbourhood() -> Iterator[tuple[str, Callable[[], str]]]:
    yield "other processes", _other_processes
    yield "capabilities", _capabilities
    yield "secrets in the environment", _secrets
    for server in _servers():
        for file in ("mem", "environ"):
            yield f"{file} of the notebook server", partial(_open, f"/proc/{server}/{file}")
    for name, calls in (("hub", _HUB_CALLS), ("questions", _QUESTION_CALLS)):
        if Path(f"/run/enclave/{name}.sock").exists():
            for method, path in calls:
                yield f"{name} {method} {path}", partial(_ask, name, method, path)
            yield f"replace the socket {name}", partial(_replace_socket, name)


def run(outside: dict[str, Any]) -> dict[str, str]:
    """Every exit with how it was closed, or with "OPEN: …"."""
    socket.setdefaulttimeout(_SECONDS)
    found: dict[str, str] = {}
    for name, attempt in exits(outside):
        try:
            found[name] = f"OPEN: {attempt()[:200]}"
        except OSError as refused:
            found[name] = errno.errorcode.get(refused.errno or 0, type(refused).__name__)
        except subprocess.CalledProcessError:
            found[name] = "refused"
    return found


def _resolve(name: str) -> str:
    return str(socket.getaddrinfo(name, 443))


def _find(path: str) -> str:
    return str(Path(path).stat())


def _program(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _connect(to: Any, family: int = socket.AF_INET) -> str:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.connect(to)
        return f"connected to {to}"


def _send(to: tuple[str, int]) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        return f"sent {probe.sendto(b'canary', to)} bytes"


def _socket(family: int, kind: int, protocol: int = 0) -> str:
    with socket.socket(family, kind, protocol) as probe:
        return f"opened {probe.family}"


def _replace_socket(name: str) -> str:
    os.rename(f"/run/enclave/{name}.sock", "/run/enclave/x")  # noqa: PTH104
    return "renamed"


def _write(folder: str) -> str:
    path = Path(folder) / "canary"
    path.write_text("canary")
    path.unlink()
    return "written"


def _open(path: str) -> str:
    with Path(path).open("rb"):
        return "opened"


def _call(number: int, *arguments: int) -> str:
    if _libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) for a in arguments)) < 0:
        code = ctypes.get_errno()
        # Only the filter's own answers count: an EINVAL would mean that the kernel had looked at it.
        if code in {errno.EPERM, errno.EAFNOSUPPORT, errno.ENOSYS}:
            raise OSError(code, "refused")
        return f"reached the kernel ({errno.errorcode.get(code, code)})"
    return "allowed"


def _unshare(flag: int) -> str:
    if _libc.unshare(flag):
        raise OSError(ctypes.get_errno(), "refused")
    return "made"


def _other_processes() -> str:
    seen = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208
    if len(seen) > 40 or "bwrap" not in Path("/proc/1/comm").read_text():
        return f"{len(seen)} processes"
    raise OSError(errno.ENOENT, "only our own")


def _servers() -> list[int]:
    """The notebook server: the child of process 1, when we are not it ourselves."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit() and int(name) not in {1, os.getpid()}:
            words = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            if words[1] == "1":
                found.append(int(name))
    return found


def _capabilities() -> str:
    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line
    )
    sets = {name: status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    if (
        any(int(value, 16) for value in sets.values())
        or status["NoNewPrivs"] != "1"
        or status["Seccomp"] != "2"
    ):
        return f"{sets} {status['NoNewPrivs']} {status['Seccomp']}"
    raise OSError(errno.EPERM, "none")


def _secrets() -> str:
    words = ("TOKEN", "SECRET", "PASSWORD", "MASTER", "REGISTRY_ENCLAVE", "COOKIE_SECRET", "CRYPT")
    held = "held-by-the-facade"
    told = [name for name, value in os.environ.items() if any(w in name for w in words) and value != held]
    if told:
        return ", ".join(told)
    raise OSError(errno.ENOENT, "none")


def _ask(name: str, method: str, path: str) -> str:
    class Connection(http.client.HTTPConnection):
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.connect(f"/run/enclave/{name}.sock")

    connection = Connection(name, timeout=_SECONDS)
    connection.request(method, path, headers={"Authorization": "token held-by-the-facade"})
    reply = connection.getresponse()
    connection.close()
    if reply.status == http.client.FORBIDDEN:
        raise OSError(errno.EACCES, "refused")
    return f"answered {reply.status}"


if __name__ == "__main__":
    print(json.dumps(run(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {})))  # noqa: T201
