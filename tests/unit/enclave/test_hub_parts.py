"""The hub's parts that need no hub: secrets, paths, orders for sandboxes, control groups, what is shipped inside."""

from __future__ import annotations

import ast
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enclave.hub import authority, cgroups, launch, seccomp
from enclave.hub.facade import Facade
from enclave.hub.gateway.rules import SESSION_RULES
from enclave.hub.library import copy_library
from enclave.hub.paths import hub_paths, socket_url
from enclave.hub.sandbox import Sandbox
from enclave.kernel.derived import derived_secret
from enclave.kernel.errors import EnclaveError, Invalid, Unavailable
from enclave.kernel.ports import Admission, Limits, Mount
from enclave.settings import Settings


def sandbox(tmp_path, *mounts, runtime=None):
    if runtime is None:
        runtime = tmp_path / "runtime"
        (runtime / "bin").mkdir(parents=True, exist_ok=True)
        (runtime / "pyvenv.cfg").write_text("home = /usr/bin\n")
    admission = Admission("ana", "p", 60_001, 70_001, mounts, datetime.now(UTC), Limits())
    return Sandbox(admission, runtime, tmp_path, None, cgroups.Group(()), {"TOKEN": "env-only"}, ["python"])


def test_a_derived_secret_is_hkdf_and_differs_by_purpose():
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    reference = HKDF(hashes.SHA256(), 32, None, b"hub-cookies").derive(b"master").hex()
    assert derived_secret("master", "hub-cookies") == reference
    assert derived_secret("master", "hub-gateway") != reference
    assert derived_secret("other", "hub-cookies") != reference


def test_socket_paths_are_short_and_in_lower_case_wherever_the_state_is(tmp_path):
    deep = tmp_path / ("A-Very-Long-Folder-Name" * 3) / "State"
    paths = hub_paths(Settings(_env_file=None, demo=True, state_dir=deep))
    try:
        for path in (
            paths.hub_socket,
            paths.gateway_socket,
            paths.inbound("a" * 12),
            paths.outbound("a" * 12),
        ):
            assert len(str(path).encode()) < 108
            assert str(path) == str(path).lower()
        assert paths.run.stat().st_mode & 0o777 == 0o700
        assert socket_url(Path("/run/x y/h.sock")) == "http+unix://%2Frun%2Fx%20y%2Fh.sock"
        paths.run.chmod(0o755)
        with pytest.raises(Unavailable, match="not a private folder"):
            hub_paths(Settings(_env_file=None, demo=True, state_dir=deep))
    finally:
        paths.run.rmdir()


@pytest.mark.parametrize(
    "target",
    [
        "/usr",
        "/etc/passwd",
        "/",
        "/data/../etc",
        "/opt/enclave/lib",
        "/run/enclave",
        "/database",
        "data",
        "/proc",
    ],
)
def test_a_mount_cannot_cover_the_sandbox_itself(tmp_path, target):
    with pytest.raises(Invalid, match="cannot mount at"):
        sandbox(tmp_path, Mount(tmp_path, target)).order(9)


def test_only_what_is_said_to_be_writable_is_writable_and_the_environment_is_in_no_argument(tmp_path):
    data, work = tmp_path / "data", tmp_path / "work"
    order = sandbox(tmp_path, Mount(data, "/data"), Mount(work, "/workspace", writable=True)).order(9)
    options = launch.arguments(order, names=7, groups=8)
    triples = list(zip(options, options[1:], options[2:], strict=False))
    assert ("--bind", str(work), "/workspace") in triples
    assert ("--ro-bind", str(data), "/data") in triples
    assert options.count("--bind") == 1
    assert {
        "--unshare-net",
        "--unshare-pid",
        "--unshare-user",
        "--disable-userns",
        "--die-with-parent",
    } <= set(options)
    assert options[-2:] == ["--seccomp", "9"]
    assert "env-only" not in json.dumps(options)
    assert order["rlimits"]["CORE"] == 0
    assert order["rlimits"]["NPROC"] == Limits().processes  # without control groups


def test_without_a_runtime_the_sentence_says_how_to_build_it(tmp_path):
    with pytest.raises(Unavailable, match="scripts/session-runtime"):
        sandbox(tmp_path, runtime=tmp_path / "none").order(9)


def test_the_launcher_and_what_runs_inside_load_without_any_package():
    home = Path(launch.__file__).parent
    for file in (home / "launch.py", home / "session" / "canary.py", home / "session" / "main.py"):
        tree = ast.parse(file.read_text())
        names = {n.names[0].name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import)}
        names |= {str(n.module).split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert names - {"jupyter_server", "jupyterhub"} <= set(sys.stdlib_module_names), file


def test_the_filter_is_small_and_names_what_it_refuses():
    assert 500 < len(seccomp.program()) < 8192
    assert {"ptrace", "bpf", "io_uring_setup", "keyctl", "setns"} <= set(seccomp.DENIED)
    assert len(seccomp.DENIED) == len(set(seccomp.DENIED))


def test_the_library_is_a_readable_copy_without_the_platform(tmp_path):
    library = copy_library(tmp_path / "library")
    copy_library(tmp_path / "library")
    shipped = {str(p.relative_to(library)) for p in library.rglob("*.py")}
    assert {
        "lib/evaluation/__init__.py",
        "lib/enclave/__init__.py",
        "session/main.py",
        "session/canary.py",
    } <= shipped
    assert not any("hub" in name or "store" in name for name in shipped)
    assert all(p.stat().st_mode & 0o004 for p in library.rglob("*"))


def test_another_authority_is_for_demonstrations_only(monkeypatch, tmp_path):
    monkeypatch.setenv("REGISTRY_ENCLAVE_AUTHORITY", "hubkit:authority")
    earnest = Settings(_env_file=None, state_dir=tmp_path, master_key="m" * 32, objects_secret_key="o" * 32)
    with pytest.raises(EnclaveError, match="only a demo"):
        authority.entitlement_authority(earnest)
    demo = Settings(_env_file=None, state_dir=tmp_path, demo=True)
    assert authority.entitlement_authority(demo).home == tmp_path / "authority"


@given(st.sampled_from(["GET", "POST", "PUT", "DELETE"]), st.text(max_size=40))
def test_the_facade_allows_its_calls_and_no_others(method, path):
    facade = Facade("ana b", "its-token", Path("hub"), Path("own"))
    assert not facade.allows(method, f"/hub/api/users{path}") or path == "/ana%20b/activity"
    assert facade.allows("POST", "/hub/api/users/ana%20b/activity")
    assert not facade.allows("POST", "/hub/api/users/ben/activity")
    assert "its-token" not in repr(facade)


def test_control_groups_are_found_made_and_removed():
    found = cgroups.detect()
    assert found.sentence.endswith(".")
    group = cgroups.create(found, "unit-test", Limits())
    assert all(folder.is_dir() for folder in group.folders)
    group.remove()
    assert not any(folder.exists() for folder in group.folders)


def test_every_rule_of_a_session_is_anchored_below_its_prefix():
    assert all(rule.pattern.pattern.startswith("/") for rule in SESSION_RULES)
