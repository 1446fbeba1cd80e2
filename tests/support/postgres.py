"""A PostgreSQL of our own for a test: a fresh cluster on a free loopback port, gone afterwards.

    with start_postgres(tmp_path) as url:  # postgresql+psycopg://…/test
        ...

Works as root too (PostgreSQL refuses to run as root, so the cluster then belongs to the system user `postgres`).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from objectstore import free_ports


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    raise RuntimeError(
        "PostgreSQL's initdb was not found; install the postgresql package to run these tests."
    )


@contextmanager
def start_postgres(tmpdir: Path | None = None) -> Iterator[str]:
    """Yields the URL of an empty database named `test`; stops the server and removes its files on the way out.

    `tmpdir` is where the cluster goes, unless the tests run as root: pytest's folders are closed to other users, so
    the cluster then goes to a folder of its own under the system's temporary folder.
    """
    root = os.geteuid() == 0
    home = Path(tempfile.mkdtemp(prefix="pg-", dir=None if root or tmpdir is None else tmpdir))
    as_user: list[str] = []
    if root:
        shutil.chown(home, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
    programs, data, port = _programs(), home / "data", free_ports(1)
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(home)}
    server: subprocess.Popen[bytes] | None = None
    try:
        with (home / "log").open("wb") as log:
            subprocess.run(
                [*as_user, programs / "initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync"],
                check=True, env=environment, cwd=home, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
            options = {
                "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off",
                "max_connections": 100, "shared_buffers": "32MB",
            }  # fmt: skip
            arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
            server = subprocess.Popen(
                [*as_user, programs / "postgres", "-D", data, *arguments],
                env=environment, cwd=home, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        _create_database(port, server)
        yield f"postgresql+psycopg://test@127.0.0.1:{port}/test"
    finally:
        if server is not None and server.poll() is None:
            server.send_signal(signal.SIGINT)  # fast shutdown: rolls back what is open
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.send_signal(signal.SIGQUIT)
                server.wait(timeout=20)
        shutil.rmtree(home, ignore_errors=True)


def _create_database(port: int, server: subprocess.Popen[bytes]) -> None:
    import psycopg

    end = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(
                host="127.0.0.1", port=port, user="test", dbname="postgres", autocommit=True
            ) as c:
                c.execute("CREATE DATABASE test")
                return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError("The test's PostgreSQL did not start.") from None
            time.sleep(0.1)
