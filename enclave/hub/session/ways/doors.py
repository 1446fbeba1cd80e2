"""The sockets that a session is given: what they must refuse, and that they cannot be replaced."""

from __future__ import annotations

import errno
import http.client
import os
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

_SECONDS = 3.0

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


def ways(outside: dict[str, Any]) -> Iterator[tuple[str, Callable[[], str]]]:
    del outside
    for name, calls in (("hub", _HUB_CALLS), ("questions", _QUESTION_CALLS)):
        if Path(f"/run/enclave/{name}.sock").exists():
            for method, path in calls:
                yield f"{name} {method} {path}", partial(_ask, name, method, path)
            yield f"replace the socket {name}", partial(_replace_socket, name)


def _replace_socket(name: str) -> str:
    os.rename(f"/run/enclave/{name}.sock", "/run/enclave/x")  # noqa: PTH104
    return "renamed"


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
