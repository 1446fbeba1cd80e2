"""A real object store for tests: SeaweedFS on free loopback ports, under our own supervisor."""

from __future__ import annotations

import atexit
import functools
import random
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enclave.cli.supervisor import Service, Supervisor
from enclave.objects import weed
from enclave.objects.s3 import S3Objects
from enclave.settings import Settings


@dataclass(frozen=True, slots=True)
class Store:
    """A running store: its settings, a client, and the supervisor that can kill and restart it ("objects")."""

    settings: Settings
    objects: S3Objects
    supervisor: Supervisor

    @property
    def pid(self) -> int:
        pid = self.supervisor.pid("objects")
        assert pid is not None
        return pid

    @property
    def data(self) -> Path:
        return weed.root(self.settings) / "data"


def free_ports(count: int = 10) -> int:
    """The first of `count` consecutive free ports on 127.0.0.1, below the range that the kernel hands out."""
    while True:
        first = random.SystemRandom().randrange(20_000, 32_000 - count)
        try:
            with ExitStack() as held:
                for port in range(first, first + count):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def service(settings: Settings) -> Service:
    argv, env = weed.command(settings)
    return Service(
        "objects",
        argv,
        env,
        lambda: weed.ready(settings),
        stop_timeout=0.1,  # killed rather than waited for: nothing acknowledged may depend on a clean stop
        ports=weed.ports(settings),
    )


@contextmanager
def object_store(state_dir: Path, **overrides: Any) -> Iterator[Store]:
    """Settings and a running store on `state_dir`; stopped at the end. The same folder again has the same objects."""
    given = {"demo": True, "objects_url": "", "objects_port": free_ports(), **overrides}
    settings = Settings(_env_file=None, state_dir=state_dir, **given)
    supervisor = Supervisor([service(settings)], state_dir)
    supervisor.start()
    try:
        objects = S3Objects(settings)
        objects.prepare()
        yield Store(settings, objects, supervisor)
    finally:
        supervisor.stop()
        for part in ("master", "volume", "filer", "s3"):  # a killed server leaves its sockets behind
            port = settings.objects_port + weed.PORTS[f"{part}.grpc"]
            Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock").unlink(missing_ok=True)


@functools.cache
def shared_store() -> Store:
    """One store for the whole test run, started on first use."""
    folder = Path(tempfile.mkdtemp(prefix="objectstore-"))
    stack = ExitStack()
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    store = stack.enter_context(object_store(folder))
    atexit.register(stack.close)
    return store
