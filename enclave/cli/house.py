"""Everything that runs on one machine, in the order in which it starts."""

from __future__ import annotations

import fcntl
import os
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from enclave.cli.supervisor import Service, Supervisor
from enclave.kernel.errors import Conflict, Unavailable
from enclave.settings import ENV_FILE, Settings

Say = Callable[[str], None]


def services(settings: Settings) -> list[Service]:
    """The processes: object store (unless another one is set), gateway, portal, private questions, hub, worker."""
    from enclave.hub.paths import hub_paths  # noqa: PLC0415 - heavy neighbours
    from enclave.objects import weed  # noqa: PLC0415

    env = environment(settings)
    python = sys.executable
    wanted: list[Service] = []
    if not settings.objects_url:
        argv, extra = weed.command(settings)
        wanted.append(
            Service(
                "object-store",
                argv,
                extra,
                _store_with_buckets(settings),
                timeout=60,
                stop_timeout=weed.STOP_TIMEOUT,
                ports=weed.ports(settings),
            )
        )
    portal = f"http://127.0.0.1:{settings.portal_port}/api/v1/health"
    wanted += [
        Service(
            "portal",
            [str(Path(python).parent / "enclave"), "portal", "serve"],
            env,
            partial(_answers, portal),
            timeout=90,
            ports=[(settings.portal_port, "REGISTRY_ENCLAVE_PORTAL_PORT")],
        ),
        Service(
            "gateway",
            [python, "-m", "enclave.hub.gateway"],
            env,
            hub_paths(settings).gateway_socket.exists,
            timeout=60,
            ports=[(settings.gateway_port, "REGISTRY_ENCLAVE_GATEWAY_PORT")],
        ),
        Service(
            "questions",
            [python, "-m", "enclave.hub.questions"],
            env,
            hub_paths(settings).questions_socket.exists,
            timeout=90,
        ),
        Service(
            "hub",
            [python, "-m", "enclave.hub"],
            env,
            lambda: _answers(f"http://127.0.0.1:{settings.gateway_port}/hub/health"),
            timeout=120,
        ),
        Service("worker", [python, "-m", "enclave.cli", "worker"], env, lambda: True),
    ]
    return wanted


def _store_with_buckets(settings: Settings) -> Callable[[], bool]:
    """Ready when the store answers and its buckets are there, so that nobody after it finds one missing."""
    from enclave.objects import weed  # noqa: PLC0415
    from enclave.objects.s3 import S3Objects  # noqa: PLC0415

    done: list[bool] = []

    def ready() -> bool:
        if weed.ready(settings) and not done:
            S3Objects(settings).prepare()
            done.append(True)
        return bool(done) and weed.ready(settings)

    return ready


def environment(settings: Settings) -> dict[str, str]:
    """The settings as the child processes read them, with paths made absolute; they read no `.env` of their own."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("REGISTRY_ENCLAVE_")}
    env[ENV_FILE] = os.devnull
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value is None or (value == field.default and name not in {"state_dir", "session_runtime"}):
            continue
        if hasattr(value, "get_secret_value"):
            value = value.get_secret_value()
        elif isinstance(value, Path):
            value = value.resolve()
        elif isinstance(value, bool):
            value = str(value).lower()
        env[f"REGISTRY_ENCLAVE_{name.upper()}"] = str(value)
    return env


@contextmanager
def open_house(settings: Settings, say: Say) -> Iterator[Supervisor]:
    """Brings the database up to date, starts everything, and stops everything at the end, whatever happens."""
    from enclave.hub.preflight import preflight  # noqa: PLC0415
    from enclave.store.migrate import upgrade  # noqa: PLC0415

    report = preflight()
    for sentence in report.sentences:
        say(sentence)
    before = os.umask(0o077)  # what we and our processes write is nobody else's to read
    try:
        _close_to_others(settings)
        _sweep(settings)
        upgrade(settings.database)
        _keep_demo_and_earnest_apart(settings)
        supervisor = Supervisor(services(settings), settings.state_dir)
        say("Starting the object store, the portal, the gateway, the hub and the worker …")
        supervisor.start()
        try:
            yield supervisor
        finally:
            supervisor.stop()
    finally:
        os.umask(before)


def _close_to_others(settings: Settings) -> None:
    """The state directory is ours alone, also one that an earlier start left open."""
    try:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        settings.state_dir.chmod(0o700)
    except OSError:
        raise Unavailable(
            f"The state directory {settings.state_dir} cannot be made or is not ours. Set REGISTRY_ENCLAVE_STATE_DIR "
            "to a folder that this account may write to."
        ) from None
    for file in settings.state_dir.glob("enclave.sqlite*"):
        file.chmod(0o600)


def _sweep(settings: Settings) -> None:
    """Removes clear files that a killed run left, unless another supervisor is at work on this directory."""
    from enclave.bootstrap import build  # noqa: PLC0415 - heavy

    with (settings.state_dir / "supervisor.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # the supervisor says so itself, in a sentence
        build(settings).extracts.sweep(alone=True)


def _keep_demo_and_earnest_apart(settings: Settings) -> None:
    """The demo's accounts have passwords that everybody can read: they and real ones are never in one database.

    Raises:
        Conflict: when they would be, or already are.
    """
    from enclave.bootstrap import build  # noqa: PLC0415 - heavy
    from enclave.demo.house import MAIL  # noqa: PLC0415

    invented, others = build(settings).people.counted(MAIL)
    if settings.demo and others and not invented:
        raise Conflict(
            "This database already has accounts that are not the demo's, and the demo's passwords are known to "
            "everybody. Give the demo a database and a state directory of its own (REGISTRY_ENCLAVE_DATABASE_URL, "
            "REGISTRY_ENCLAVE_STATE_DIR)."
        )
    if invented and not settings.demo:
        raise Conflict(
            "This database holds the demo's accounts, whose passwords are known to everybody. Start in earnest on "
            "an empty database and state directory (REGISTRY_ENCLAVE_DATABASE_URL, REGISTRY_ENCLAVE_STATE_DIR)."
        )


def welcome(settings: Settings, say: Say) -> None:
    """The addresses, and in the demo the logins."""
    say("")
    say(f"  Portal      {settings.public_url}")
    say(f"  Register    {settings.public_url}/register   (public, no account)")
    say(f"  Workspaces  {settings.gateway_url}   (opened from a project's page in the portal)")
    say(f"  Logs        {settings.state_dir.resolve() / 'logs'}")
    if settings.demo:
        from enclave.demo.house import ACCOUNTS  # noqa: PLC0415

        say("")
        say("  Demo accounts (nothing real is behind them):")
        for person in ACCOUNTS:
            say(
                f"    {person.username:<8} {person.password:<22} {person.role.value.replace('_', ' ')}: {person.does}"
            )
    say("")
    say("  Everything is running. Ctrl-C stops it; starting again continues where it stopped.")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:  # noqa: S310 - our own loopback address
            return int(reply.status) < 500
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
