"""The supervisor, on real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from enclave.cli import supervisor as module
from enclave.cli.supervisor import Service, Supervisor
from enclave.kernel.errors import Conflict, NotFound, Unavailable

ROOT = Path(module.__file__).parents[2]


def until(what: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Waits for something to become true; the limit is there to fail, not to measure."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def script(folder: Path, name: str, body: str = "time.sleep(600)", **more) -> Service:
    """A process that touches <name>.up when it works and appends its end to `order`."""
    text = f"""
import os, signal, sys, time
here = {str(folder)!r}
def bye(number, frame):
    with open(here + "/order", "a") as f: f.write("{name}\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, bye); signal.signal(signal.SIGINT, bye)
with open(here + "/starts", "a") as f: f.write("{name}\\n")
open(here + "/{name}.up", "w").close()
{textwrap.dedent(body)}
"""
    up = folder / f"{name}.up"
    return Service(name, [sys.executable, "-c", text], None, more.pop("ready", up.exists), **more)


@contextmanager
def running(services: list[Service], state: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(services, state)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_services_start_in_order_each_when_the_one_before_is_ready_and_stop_in_reverse(tmp_path):
    with running([script(tmp_path, n) for n in ("one", "two", "three")], tmp_path / "var") as supervisor:
        pids = [supervisor.pid(n) for n in ("one", "two", "three")]
        assert all(pid is not None and alive(pid) and os.getpgid(pid) == pid for pid in pids)
        assert lines(tmp_path / "starts") == ["one", "two", "three"]
    assert lines(tmp_path / "order") == ["three", "two", "one"]
    assert not any(alive(pid) for pid in pids)
    supervisor.stop()  # twice is harmless


def test_what_a_service_says_is_in_its_log_and_a_large_log_is_set_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOG_SIZE", 10)
    log = tmp_path / "var" / "logs" / "one.log"
    log.parent.mkdir(parents=True)
    log.write_text("of an earlier time")
    body = "print('out', flush=True); print('err', file=sys.stderr, flush=True); time.sleep(600)"
    with running([script(tmp_path, "one", body)], tmp_path / "var") as supervisor:
        assert supervisor.log("one") == log
        assert until(lambda: "err" in log.read_text())
    assert log.read_text().split() == ["out", "err"]
    assert log.with_suffix(".log.1").read_text() == "of an earlier time"
    assert log.stat().st_mode & 0o077 == 0


def test_a_crashed_service_is_started_again(tmp_path):
    with running([script(tmp_path, "one"), script(tmp_path, "two")], tmp_path / "var") as supervisor:
        first, other = supervisor.pid("one"), supervisor.pid("two")
        supervisor.kill("one")
        assert not alive(first)
        assert supervisor.wait_ready("one")
        assert supervisor.pid("one") not in {None, first}
        assert supervisor.pid("two") == other


def test_a_crash_takes_the_rest_of_its_process_group_along(tmp_path):
    body = "import subprocess; c = subprocess.Popen(['sleep', '600']); open(here + '/child', 'w').write(str(c.pid) + ' ')\ntime.sleep(600)"
    with running([script(tmp_path, "one", body)], tmp_path / "var") as supervisor:
        assert until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text().endswith(" "))
        grandchild = int((tmp_path / "child").read_text())
        os.kill(supervisor.pid("one"), signal.SIGKILL)
        assert until(lambda: not alive(grandchild))


def test_it_gives_up_with_a_sentence_when_a_service_keeps_crashing(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BACKOFF", 0.01)
    fragile = script(tmp_path, "fragile", "time.sleep(0.2); sys.exit(7)")
    supervisor = Supervisor([script(tmp_path, "steady"), fragile], tmp_path / "var")
    with pytest.raises(Unavailable) as caught:
        supervisor.run_forever()
    assert "fragile ended 6 times within a minute" in caught.value.sentence
    assert "exit code 7" in caught.value.sentence
    assert "fragile.log" in caught.value.sentence
    assert lines(tmp_path / "starts").count("fragile") == 6
    assert lines(tmp_path / "order") == ["steady"]


def test_a_service_that_ends_before_it_is_ready_stops_the_start(tmp_path):
    bad = Service("bad", [sys.executable, "-c", "raise SystemExit(3)"], None, lambda: False)
    supervisor = Supervisor([script(tmp_path, "one"), bad], tmp_path / "var")
    with pytest.raises(Unavailable, match=r"bad ended \(exit code 3\) before it was ready. Read .*bad\.log"):
        supervisor.start()
    assert lines(tmp_path / "order") == ["one"]
    assert supervisor.pid("one") is None


def test_a_program_that_does_not_exist_gets_a_sentence(tmp_path):
    supervisor = Supervisor([Service("ghost", ["/no/such/program"], None, lambda: False)], tmp_path / "var")
    with pytest.raises(Unavailable, match="ghost ended"):
        supervisor.start()
    assert "/no/such/program cannot be started" in supervisor.log("ghost").read_text()


def test_a_service_that_never_becomes_ready_is_stopped_with_a_sentence(tmp_path):
    supervisor = Supervisor([script(tmp_path, "slow", ready=lambda: False, timeout=0.5)], tmp_path / "var")
    with pytest.raises(Unavailable, match=r"slow was not ready after 0\.5 seconds"):
        supervisor.start()
    assert supervisor.pid("slow") is None


def test_an_answer_that_fails_is_not_a_yes_and_does_not_end_the_supervisor(tmp_path):
    answers = iter([ValueError("not yet"), OSError(), True])

    def ready() -> bool:
        answer = next(answers, True)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with running([script(tmp_path, "one", ready=ready)], tmp_path / "var") as supervisor:
        assert supervisor.pid("one")


def test_a_service_that_does_not_obey_is_killed(tmp_path):
    body = "signal.signal(signal.SIGTERM, signal.SIG_IGN); open(here + '/deaf', 'w').close(); time.sleep(600)"
    deaf = script(tmp_path, "one", body, ready=(tmp_path / "deaf").exists, stop_timeout=0.2)
    with running([deaf], tmp_path / "var") as supervisor:
        pid = supervisor.pid("one")
    assert not alive(pid)


def test_a_second_supervisor_on_the_same_folder_is_refused_until_the_first_ends(tmp_path):
    with running([script(tmp_path, "one")], tmp_path / "var") as first:
        second = Supervisor([script(tmp_path, "two")], tmp_path / "var")
        with pytest.raises(Conflict) as caught:
            second.start()
        assert f"process {os.getpid()}" in caught.value.sentence
        assert "REGISTRY_ENCLAVE_STATE_DIR" in caught.value.sentence
        assert first.pid("one")
        assert "two" not in lines(tmp_path / "starts")
    with running([script(tmp_path, "two")], tmp_path / "var"):
        pass


def test_a_port_in_use_is_named_with_its_setting(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        supervisor = Supervisor(
            [script(tmp_path, "one", ports=((port, "REGISTRY_ENCLAVE_X_PORT"),))], tmp_path / "var"
        )
        with pytest.raises(Conflict, match=f"Port {port} is already in use.*REGISTRY_ENCLAVE_X_PORT"):
            supervisor.start()
    assert lines(tmp_path / "starts") == []


def test_restarting_one_service_leaves_the_others_alone(tmp_path):
    with running([script(tmp_path, "one"), script(tmp_path, "two")], tmp_path / "var") as supervisor:
        first, other = supervisor.pid("one"), supervisor.pid("two")
        supervisor.restart("one")
        assert supervisor.pid("one") not in {None, first}
        assert supervisor.pid("two") == other
        assert lines(tmp_path / "order") == ["one"]
        with pytest.raises(NotFound, match="There are: one, two"):
            supervisor.restart("three")
    with pytest.raises(Unavailable):
        supervisor.restart("one")


DRIVER = """
import sys
sys.path[:0] = [{root!r}, {support!r}]
from pathlib import Path
from test_supervisor_driver import script
from enclave.cli.supervisor import Supervisor
here = Path({here!r})
Supervisor([script(here, "one"), script(here, "two", {body!r})], here / "var").run_forever()
print("stopped cleanly")
"""


@contextmanager
def supervising_process(tmp_path: Path, body: str = "time.sleep(600)") -> Iterator[subprocess.Popen[str]]:
    (tmp_path / "test_supervisor_driver.py").write_text(Path(__file__).read_text())
    text = DRIVER.format(root=str(ROOT), support=str(tmp_path), here=str(tmp_path), body=body)
    process = subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def pids_of(tmp_path: Path) -> list[int]:
    """Every living process that was started from this folder's scripts."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if f"here = '{tmp_path}'".encode() in words and alive(int(entry.name)):
            found.append(int(entry.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_in_reverse_and_cleanly(tmp_path, number):
    with supervising_process(tmp_path) as process:
        assert until((tmp_path / "two.up").exists)
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, "stopped cleanly\n")
    assert lines(tmp_path / "order") == ["two", "one"]
    assert pids_of(tmp_path) == []


def test_when_the_supervisor_is_killed_its_children_die_and_it_can_start_again(tmp_path):
    with supervising_process(tmp_path) as process:
        assert until((tmp_path / "two.up").exists)
        assert len(pids_of(tmp_path)) == 2
        process.kill()
        process.wait()
        assert until(lambda: pids_of(tmp_path) == [])
    with running([script(tmp_path, "one")], tmp_path / "var") as supervisor:
        assert supervisor.pid("one")


def test_children_started_from_a_thread_that_ended_live_on(tmp_path):
    """The kernel's signal goes out when the parent thread ends; ours must be the supervisor's own."""
    import threading

    supervisor = Supervisor([script(tmp_path, "one")], tmp_path / "var")
    starter = threading.Thread(target=supervisor.start)
    starter.start()
    starter.join()
    try:
        pid = supervisor.pid("one")
        time.sleep(0.3)
        assert pid is not None
        assert alive(pid)
    finally:
        supervisor.stop()
