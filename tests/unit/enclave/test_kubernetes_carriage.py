"""Between pods and the house, with real sockets: pods are addresses of the loopback."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from enclave.hub.kubernetes.carriage import Carriage
from enclave.hub.session import pod

POD, OTHER = "127.0.0.2", "127.0.0.3"
A, B = "a" * 32, "b" * 32


async def speaks(path, word):
    """A UNIX server that answers every line with its word and the line."""

    async def answer(reader, writer):
        while line := await reader.readline():
            writer.write(word + b" " + line)
        writer.close()

    return await asyncio.start_unix_server(answer, path)


async def call(ip, port, first, word):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(ip, 0))
    writer.write(first + word.encode() + b"hello\n")
    answer = await asyncio.wait_for(reader.readline(), 5)
    return answer, reader, writer


@pytest.fixture
def folder(tmp_path):
    short = Path("/tmp") / f"k{tmp_path.stat().st_ino}"
    short.mkdir()
    yield short
    shutil.rmtree(short)


def test_each_pod_reaches_its_own_facade_and_nobody_elses(folder):
    async def run():
        carriage = Carriage("127.0.0.1", 0, 1)
        await carriage.open()
        keep = [await speaks(folder / name, name.encode()) for name in ("a.out", "a.ask", "b.out", "b.ask")]
        await carriage.join(POD, A, folder / "a.in", folder / "a.out", folder / "a.ask")
        assert (await call(POD, carriage.port, b"h", A))[0] == b"a.out hello\n"
        assert (await call(POD, carriage.port, b"q", A))[0] == b"a.ask hello\n"
        for stranger, first in ((OTHER, b"h"), ("127.0.0.1", b"q"), (POD, b"x"), (POD, b"/")):
            with pytest.raises((AssertionError, ConnectionError)):
                assert (await call(stranger, carriage.port, first, A))[0]
        await carriage.join(OTHER, B, folder / "b.in", folder / "b.out", folder / "b.ask")
        assert (await call(OTHER, carriage.port, b"h", B))[0] == b"b.out hello\n"
        _, reader, _ = await call(POD, carriage.port, b"h", A)
        await carriage.leave(POD, A)
        with pytest.raises((AssertionError, ConnectionError)):
            assert await asyncio.wait_for(reader.read(1), 5)
        with pytest.raises((AssertionError, ConnectionError)):
            assert (await call(POD, carriage.port, b"h", A))[0]
        assert not (folder / "a.in").exists()
        assert (folder / "b.in").exists()
        await carriage.close()
        del keep

    asyncio.run(run())


def test_an_address_that_was_given_to_the_next_pod_opens_nothing_of_the_last(folder):
    async def run():
        carriage = Carriage("127.0.0.1", 0, 1)
        await carriage.open()
        keep = [await speaks(folder / name, name.encode()) for name in ("a.out", "b.out")]
        await carriage.join(POD, A, folder / "a.in", folder / "a.out", folder / "a.ask")
        with pytest.raises((AssertionError, ConnectionError)):
            assert (await call(POD, carriage.port, b"h", B))[0]
        await carriage.join(POD, B, folder / "b.in", folder / "b.out", folder / "b.ask")
        await carriage.leave(POD, A)
        assert (await call(POD, carriage.port, b"h", B))[0] == b"b.out hello\n"
        await carriage.close()
        del keep

    asyncio.run(run())


def test_the_gateways_socket_reaches_the_pods_port_until_it_leaves(folder):
    async def run():
        async def answer(reader, writer):
            writer.write(b"pod " + await reader.readline())
            await asyncio.sleep(30)

        server = await asyncio.start_server(answer, POD, 0)
        carriage = Carriage("127.0.0.1", 0, server.sockets[0].getsockname()[1])
        await carriage.join(POD, A, folder / "a.in", folder / "a.out", folder / "a.ask")
        assert (folder / "a.in").stat().st_mode & 0o777 == 0o600
        reader, writer = await asyncio.open_unix_connection(folder / "a.in")
        writer.write(b"GET\n")
        assert await asyncio.wait_for(reader.readline(), 5) == b"pod GET\n"
        await carriage.leave(POD, A)
        with pytest.raises((AssertionError, ConnectionError)):
            assert await asyncio.wait_for(reader.read(1), 5)

    asyncio.run(run())


SERVER = """
import json, os, socket, subprocess, sys
listener = socket.socket(fileno=int(os.environ["ENCLAVE_LISTEN_FD"]))
subprocess.run(["/bin/sh", "-c", "sleep 0.1 & exit 0"])
while True:
    caller, _ = listener.accept()
    word = caller.recv(100).decode().strip()
    if word == "end":
        sys.exit(7)
    if word == "env":
        caller.sendall(json.dumps(sorted(os.environ)).encode() + b"\\n")
        continue
    ask = socket.socket(socket.AF_UNIX)
    ask.connect(sys.argv[0].rsplit("/", 1)[0] + "/" + word)
    ask.sendall(b"hi\\n")
    caller.sendall(ask.recv(100))
    caller.close()
"""


def test_a_pods_first_process_serves_carries_out_and_ends_with_its_server(folder):
    shutil.copy(pod.__file__, folder / "pod.py")
    (folder / "main.py").write_text(SERVER)
    with socket.create_server(("127.0.0.1", 0)) as house, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        env = {
            "ENCLAVE_FACADE": f"127.0.0.1:{house.getsockname()[1]}",
            "ENCLAVE_WORD": A,
            "ENCLAVE_DOORS": str(folder),
            "ENCLAVE_PORT": str(port),
        }
        running = subprocess.Popen([sys.executable, "-I", folder / "pod.py"], env=env)
        try:
            for name, first in pod.DOORS.items():
                with asked(port, name, folder / name) as caller:
                    session, _ = house.accept()
                    assert session.recv(1 + len(A)) == first + A.encode()
                    assert session.recv(10) == b"hi\n"
                    session.sendall(b"known\n")
                    assert caller.recv(10) == b"known\n"
            with asked(port, "env", folder / "hub.sock") as caller:
                inside = json.loads(caller.recv(1000))
            assert "ENCLAVE_LISTEN_FD" in inside
            assert not {"ENCLAVE_FACADE", "ENCLAVE_DOORS", "ENCLAVE_WORD"} & set(inside)
            asked(port, "end", folder / "hub.sock")
            assert running.wait(10) == 7
        finally:
            if running.poll() is None:
                running.send_signal(signal.SIGKILL)


def asked(port, word, door):
    import time

    for _ in range(400):
        if door.exists():
            caller = socket.create_connection(("127.0.0.1", port), timeout=10)
            caller.sendall(word.encode() + b"\n")
            return caller
        time.sleep(0.05)
    raise AssertionError("it never listened")
