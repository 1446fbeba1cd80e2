"""The sandbox itself, without a hub: the canary that an operator runs, and that it can fail."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hubkit import ROOT, session_runtime

from enclave.hub import seccomp
from enclave.hub.paths import hub_paths
from enclave.hub.preflight import preflight
from enclave.hub.verify import Exit, report, verify
from enclave.kernel.signing import HouseSigner, signature_holds
from enclave.settings import Settings

pytestmark = pytest.mark.real


@pytest.fixture
def settings(tmp_path):
    settings = Settings(
        _env_file=None, demo=True, state_dir=tmp_path / "state", session_runtime=session_runtime()
    )
    yield settings
    shutil.rmtree(hub_paths(settings).run)


def test_this_machine_can_hold_sessions_and_says_how():
    report = preflight()
    assert report.ready
    assert report.to_dict()["bubblewrap"]
    assert all(sentence.endswith(".") for sentence in report.sentences)


def test_every_exit_of_a_throw_away_sandbox_is_closed(settings):
    exits = verify(settings)
    assert [e for e in exits if not e.closed] == []
    assert len(exits) > 100


def test_the_network_is_reachable_when_its_namespace_is_shared(settings, monkeypatch):
    """The control experiment: with this one wall left out, the canary gets through."""
    from enclave.hub import launch

    place = settings.state_dir.parent / "hole"
    place.mkdir()
    source = launch.__loader__.get_data(launch.__file__).decode()
    (place / "launch.py").write_text(source.replace('"user", "pid", "net", "ipc"', '"user", "pid", "ipc"'))
    monkeypatch.setattr("enclave.hub.sandbox._LAUNCH", place / "launch.py")
    opened = [e.name for e in verify(settings) if not e.closed]
    assert any(name.startswith("loopback port") for name in opened)
    assert any(name.startswith("abstract socket") for name in opened)


def test_the_filter_is_what_closes_system_calls(settings, monkeypatch):
    """The other control: without the filter the same calls come through."""
    rules = seccomp.program()
    monkeypatch.setattr(seccomp, "program", lambda: b"\x06\x00\x00\x00\x00\x00\xff\x7f")  # allow everything
    opened = {e.name for e in verify(settings) if not e.closed}
    assert len(rules) > 500
    assert "system call ptrace" in opened or "system call process_vm_readv" in opened


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root's private folders are out of reach of a session's user"
)
def test_a_project_cloned_for_its_owner_only_still_opens_sandboxes(tmp_path):
    home = tmp_path / "private"
    home.mkdir(mode=0o700)
    before = os.umask(0o077)
    try:
        for package in ("enclave", "policies", "evaluation"):
            shutil.copytree(
                ROOT / package,
                home / package,
                ignore=shutil.ignore_patterns("__pycache__"),
                copy_function=shutil.copy,
            )
            for path in (home / package).rglob("*"):
                path.chmod(0o700 if path.is_dir() else 0o600)
    finally:
        os.umask(before)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / ".runtime"], check=True)
    code = """
from enclave.hub.verify import verify
from enclave.settings import Settings
print([e for e in verify(Settings()) if not e.closed], __import__("enclave").__file__)
"""
    environment = {
        **os.environ,
        "PYTHONPATH": str(home),
        "REGISTRY_ENCLAVE_DEMO": "true",
        "REGISTRY_ENCLAVE_STATE_DIR": str(home / "var"),
        "REGISTRY_ENCLAVE_SESSION_RUNTIME": str(home / ".runtime"),
    }
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    run = hub_paths(Settings(_env_file=None, demo=True, state_dir=home / "var")).run
    shutil.rmtree(run)
    assert ran.stdout.strip() == f"[] {home / 'enclave' / '__init__.py'}", ran.stderr


def test_what_is_shipped_into_sessions_loads_there_without_the_platform(tmp_path):
    from enclave.hub.library import copy_library

    library = copy_library(tmp_path / "library") / "lib"
    code = f"""
import sys
sys.path.insert(0, {str(library)!r})
import evaluation, enclave.client
assert not {{"sqlalchemy", "minio", "fastapi", "jupyterhub", "pydantic"}} & set(sys.modules), sorted(sys.modules)
print(evaluation.__file__)
"""
    python = session_runtime() / "bin" / "python"
    ran = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.startswith(str(library)), ran.stderr


def test_shared_memory_is_reachable_when_its_namespace_is_shared(settings, monkeypatch):
    """A third control: the segment that the host keeps is found by its key as soon as that wall is left out."""
    from enclave.hub import launch

    place = settings.state_dir.parent / "hole"
    place.mkdir()
    source = launch.__loader__.get_data(launch.__file__).decode()
    (place / "launch.py").write_text(source.replace('"user", "pid", "net", "ipc"', '"user", "pid", "net"'))
    monkeypatch.setattr("enclave.hub.sandbox._LAUNCH", place / "launch.py")
    opened = [e.name for e in verify(settings) if not e.closed]
    assert any(name.startswith("segment ") for name in opened)


def test_a_new_way_out_is_one_small_file_and_an_open_one_is_seen(tmp_path):
    """Outside any sandbox much is open; what is tried here is that the canary reads the file and says so."""
    shutil.copytree(ROOT / "enclave" / "hub" / "session", tmp_path / "session")
    way = 'def ways(outside):\n    yield "a window", lambda: "stands " + outside["window"]\n'
    (tmp_path / "session" / "ways" / "windows.py").write_text(way)
    (tmp_path / "session" / "ways" / "calls.py").unlink()  # nothing here is walled in
    (tmp_path / "session" / "ways" / "network.py").unlink()
    command = [sys.executable, "-I", tmp_path / "session" / "canary.py", '{"window": "open"}']
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    assert found["a window"] == "OPEN: stands open"
    assert found["programs that change their user"].startswith("OPEN")


def test_the_report_is_signed_by_the_house(settings):
    exits = (Exit("dns", True, "EAI_AGAIN"), Exit("a window", False, "OPEN: stands open"))
    told = report(settings, exits, datetime(2026, 11, 25, tzinfo=UTC))
    key = HouseSigner.of(settings.master_key.get_secret_value()).public_key

    assert (told["closed"], told["open"]) == (1, 1)
    assert signature_holds(told, key)
    assert not signature_holds({**told, "open": 0}, key)
