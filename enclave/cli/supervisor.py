"""Starts the product's processes in order, keeps them running, stops them cleanly. It knows nothing else.

Every child is a process group of its own, dies with this process (prctl(2), PR_SET_PDEATHSIG), and logs to a
file. All children are started by one thread, because Linux sends that signal when the parent *thread* ends.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from enclave.kernel.errors import Conflict, NotFound, Unavailable

#: More crashes than this within WINDOW seconds, and the supervisor gives up.
CRASHES, WINDOW = 5, 60.0
#: Seconds before the first restart; doubled for every further crash in the window, up to the second number.
BACKOFF, LONGEST_BACKOFF = 0.2, 5.0
#: A log larger than this many bytes is set aside (one generation) when its service starts.
LOG_SIZE = 10 * 2**20

_TICK = 0.05

#: Runs first in every child: asks the kernel to kill it when its parent dies, then becomes the service.
#: A `preexec_fn` would do the same inside a copy of a process with threads, which can hang.
_BIRTH = (
    "import ctypes, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, int(signal.SIGKILL), 0, 0, 0)\n"
    "os.getppid() == int(sys.argv[1]) or os._exit(1)\n"
    "try: os.execvp(sys.argv[2], sys.argv[2:])\n"
    "except OSError as error: sys.exit(f'{sys.argv[2]} cannot be started: {error.strerror}.')\n"
)


@dataclass(frozen=True, slots=True)
class Service:
    """One process to keep.

    Args:
        name: short, unique; its log is logs/<name>.log.
        argv: program and arguments. Arguments are public: no secrets here.
        env: its complete environment; None inherits ours.
        ready: whether it does its work; asked until it says yes.
        stop_signal: what asks it to stop.
        timeout: seconds it may take to become ready.
        stop_timeout: seconds it may take to stop before it is killed.
        ports: TCP ports on 127.0.0.1 that it listens on, each with the setting that moves it.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None
    ready: Callable[[], bool]
    stop_signal: signal.Signals = signal.SIGTERM
    timeout: float = 30.0
    stop_timeout: float = 10.0
    ports: Sequence[tuple[int, str]] = ()


@dataclass(slots=True)
class _Child:
    service: Service
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    started_at: float = 0.0
    start_again_at: float | None = None
    crashes: list[float] = field(default_factory=list)


class Supervisor:
    """Keeps services running on one state directory.

    Args:
        services: in the order in which they start; they stop in reverse.
        state_dir: where logs and the lock are kept.
    """

    def __init__(self, services: Sequence[Service], state_dir: Path) -> None:
        self._children = {service.name: _Child(service) for service in services}
        self._state = state_dir.resolve()
        self._orders: queue.SimpleQueue[tuple[Callable[[], None], Future[None]]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._over = threading.Event()
        self._failure = ""
        self._thread: threading.Thread | None = None
        self._lock: TextIO | None = None

    def start(self) -> None:
        """Starts every service and returns when the last one is ready; stops them all again when one is not.

        Raises:
            Conflict: another supervisor holds the state directory, or a port is in use.
            Unavailable: a service does not become ready; the sentence names its log.
        """
        if self._thread is not None:
            raise Conflict("This supervisor has been started already. Make a new one to start again.")
        self._take_lock()
        self._thread = threading.Thread(target=self._work, name="supervisor", daemon=True)
        self._thread.start()
        try:
            self._order(self._start_all)
        except BaseException:
            self.stop()
            raise

    def run_forever(self) -> None:
        """Starts unless started, and returns after SIGINT or SIGTERM, when everything has been stopped.

        Raises:
            Unavailable: a service kept crashing; everything has been stopped.
        """
        before, asked = {}, threading.Event()

        def ask(*_: object) -> None:
            asked.set()
            self._interrupt()

        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                before[number] = signal.signal(number, ask)
        try:
            if self._thread is None:
                self.start()
            while not self._over.wait(0.5):
                pass
        except Unavailable:
            if not asked.is_set():
                raise
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)
        if self._failure:
            raise Unavailable(self._failure)

    def stop(self) -> None:
        """Asks every service to stop, last started first, and kills what does not. Twice is harmless."""
        self._interrupt()
        if self._thread is not None:
            self._thread.join()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def restart(self, name: str) -> None:
        """Stops one service, starts it again, returns when it is ready."""
        child = self._child(name)

        def again() -> None:
            self._end(child)
            child.crashes.clear()
            self._begin(child)
            self._await(child)

        self._order(again)

    def kill(self, name: str) -> None:
        """SIGKILL, as a crash would do it, returning when it is dead; it is started again after a moment."""
        process = self._child(name).process
        if process is not None:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()

    def pid(self, name: str) -> int | None:
        """The process id, or None while the service is not running."""
        process = self._child(name).process
        return process.pid if process is not None and process.poll() is None else None

    def wait_ready(self, name: str, timeout: float = 30.0) -> bool:
        """Whether the service is ready, waiting up to `timeout` seconds for it."""
        child, deadline = self._child(name), time.monotonic() + timeout
        while not (child.ready and self.pid(name) is not None and _is_ready(child.service)):
            if time.monotonic() >= deadline or self._over.is_set():
                return False
            time.sleep(_TICK)
        return True

    @property
    def failure(self) -> str:
        """Why the supervisor gave up; empty while it has not."""
        return self._failure

    def log(self, name: str) -> Path:
        """Where a service's output goes."""
        return self._state / "logs" / f"{name}.log"

    def _child(self, name: str) -> _Child:
        if name not in self._children:
            known = ", ".join(self._children)
            raise NotFound(f"There is no service of that name. There are: {known}.")
        return self._children[name]

    def _interrupt(self) -> None:
        self._stopping.set()
        self._over.set()

    def _take_lock(self) -> None:
        self._state.mkdir(parents=True, exist_ok=True)
        (self._state / "logs").mkdir(exist_ok=True)
        lock = (self._state / "supervisor.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise Conflict(
                f"Another supervisor (process {holder}) is already running on {self._state}. Stop it first, "
                "or set REGISTRY_ENCLAVE_STATE_DIR to another folder."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock

    # From here on, everything runs in the supervisor's own thread.

    def _order(self, work: Callable[[], None]) -> None:
        """Has the thread do `work`, and waits for it."""
        done: Future[None] = Future()
        self._orders.put((work, done))
        while not done.done():
            if self._thread is None or not self._thread.is_alive():
                raise Unavailable("The supervisor is not running. Make a new one and start it.")
            concurrent.futures.wait([done], timeout=_TICK)
        done.result()

    def _work(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(queue.Empty):
                work, done = self._orders.get(timeout=_TICK)
                try:
                    work()
                    done.set_result(None)
                except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                    done.set_exception(error)
            for child in self._children.values():
                self._watch(child)
        for child in reversed(self._children.values()):
            self._end(child)
        with contextlib.suppress(queue.Empty):
            while True:
                self._orders.get_nowait()[1].set_exception(Unavailable("The supervisor is stopping."))

    def _start_all(self) -> None:
        for child in self._children.values():
            for port, setting in child.service.ports:
                _check_port(port, setting)
            self._begin(child)
            self._await(child)

    def _begin(self, child: _Child) -> None:
        service, log = child.service, self.log(child.service.name)
        if log.exists() and log.stat().st_size > LOG_SIZE:
            log.replace(log.with_suffix(".log.1"))
        birth = [sys.executable, "-I", "-S", "-c", _BIRTH, str(os.getpid()), *service.argv]
        with log.open("ab") as output:
            log.chmod(0o600)
            child.process = subprocess.Popen(
                birth,
                env=service.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )
        child.ready, child.started_at, child.start_again_at = False, time.monotonic(), None

    def _await(self, child: _Child) -> None:
        name, deadline = child.service.name, child.started_at + child.service.timeout
        while not self._stopping.is_set():
            code = child.process.poll() if child.process else None
            if code is not None:
                _signal_group(child.process.pid if child.process else 0, signal.SIGKILL)
                child.process = None
                raise Unavailable(
                    f"{name} ended ({_ending(code)}) before it was ready. Read {self.log(name)}."
                )
            if _is_ready(child.service):
                child.ready = True
                return
            if time.monotonic() >= deadline:
                self._end(child)
                raise Unavailable(
                    f"{name} was not ready after {child.service.timeout:g} seconds. Read {self.log(name)}."
                )
            time.sleep(_TICK)
        raise Unavailable("The supervisor was stopped while it was starting.")

    def _watch(self, child: _Child) -> None:
        """One look at one child: notes that it is ready or crashed, and starts it again when it is time."""
        now = time.monotonic()
        if child.start_again_at is not None and now >= child.start_again_at:
            self._begin(child)
        elif child.process is not None and (code := child.process.poll()) is not None:
            _signal_group(child.process.pid, signal.SIGKILL)
            child.process = None
            self._crashed(child, _ending(code))
        elif child.process is not None and not child.ready:
            if _is_ready(child.service):
                child.ready = True
            elif now - child.started_at > child.service.timeout:
                self._end(child)
                self._crashed(child, "it did not become ready")

    def _crashed(self, child: _Child, how: str) -> None:
        now, name = time.monotonic(), child.service.name
        child.ready = False
        child.crashes = [at for at in child.crashes if now - at < WINDOW] + [now]
        if len(child.crashes) > CRASHES:
            self._failure = (
                f"{name} ended {len(child.crashes)} times within a minute (the last time: {how}), so "
                f"everything was stopped. Read {self.log(name)}, put right what it says, and start again."
            )
            self._interrupt()
            return
        child.start_again_at = now + min(BACKOFF * 2 ** (len(child.crashes) - 1), LONGEST_BACKOFF)

    def _end(self, child: _Child) -> None:
        """Stop signal to the service, time to obey, SIGKILL to whatever is left of its group."""
        process, child.process = child.process, None
        child.ready, child.start_again_at = False, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(child.service.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(child.service.stop_timeout)
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _is_ready(service: Service) -> bool:
    try:
        return service.ready()
    except Exception:  # noqa: BLE001 - an answer that fails is not a yes, and must not end the supervisor
        return False


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _check_port(port: int, setting: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise Conflict(
                f"Port {port} is already in use. Stop what listens there, or set {setting} to another port."
            ) from None
