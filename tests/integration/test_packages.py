"""The package mirror: what an administrator allowed can be imported inside, nothing else, and nothing can be sent back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hubkit import session_runtime

from enclave.hub import seccomp
from enclave.hub.packages import Mirror
from enclave.hub.paths import hub_paths
from enclave.hub.sandbox import RUNTIME, launcher
from enclave.hub.verify import _sandbox
from enclave.kernel.errors import Invalid, NotFound, Tampered
from enclave.settings import Settings


def a_wheel(
    folder: Path, name: str, version: str = "1.0", *, needs: str = "", extra: dict[str, str] | None = None
):
    folder.mkdir(exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Dist: {needs}\n" if needs else ""
    parts = {
        f"{name}.py": f"answer = '{name} {version}'\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
        **(extra or {}),
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return wheel


@pytest.fixture
def shop(tmp_path):
    return tmp_path / "shop"


@pytest.fixture
def mirror(tmp_path):
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("pandas==2.3.3\nsixish==2.0\n")
    return Mirror(tmp_path / "packages", Path(sys.executable), constraints)


def add(mirror, shop, wanted, **more):
    return mirror.add(wanted, source=("--no-index", "--find-links", str(shop)), **more)


def test_a_package_comes_with_what_it_needs_and_not_with_what_the_runtime_has(mirror, shop):
    a_wheel(shop, "toolkit", needs="helper\nRequires-Dist: sixish")
    a_wheel(shop, "helper")
    a_wheel(shop, "sixish", "2.0")

    fresh = add(mirror, shop, "toolkit==1.0")

    assert [p.name for p in fresh] == ["helper", "toolkit"]
    assert (mirror.site / "toolkit.py").read_text() == "answer = 'toolkit 1.0'\n"
    assert not (mirror.site / "sixish.py").exists()
    assert mirror.verify() == []
    assert add(mirror, shop, "toolkit==1.0") == []


def test_a_wheel_that_was_changed_is_not_unpacked_and_sessions_keep_what_they_have(mirror, shop):
    a_wheel(shop, "toolkit")
    [package] = add(mirror, shop, "toolkit==1.0")
    wheel = mirror.home / "wheels" / package.file
    wheel.write_bytes(wheel.read_bytes() + b"x")

    assert mirror.verify() == ["The wheel of toolkit 1.0 is not the one that was allowed."]
    with pytest.raises(Tampered):
        mirror.build()
    assert (mirror.site / "toolkit.py").exists()
    wheel.unlink()
    assert "missing" in mirror.verify()[0]


def test_another_hash_than_the_one_given_is_refused(mirror, shop):
    a_wheel(shop, "toolkit")
    with pytest.raises(Invalid, match="that hash"):
        add(mirror, shop, "toolkit==1.0", sha256="0" * 64)
    assert mirror.allowed() == []


@pytest.mark.parametrize(
    "wanted", ["toolkit", "toolkit>=1", "../toolkit==1.0", "toolkit==1.0 --index-url x", ""]
)
def test_what_is_no_package_with_a_version_gets_a_sentence(mirror, shop, wanted):
    with pytest.raises(Invalid, match="with its version"):
        add(mirror, shop, wanted)


def test_what_cannot_be_fetched_or_does_not_fit_the_runtime_is_refused_and_changes_nothing(mirror, shop):
    a_wheel(shop, "toolkit", needs="sixish>=3")
    a_wheel(shop, "sixish", "3.0")
    for wanted in ("toolkit==1.0", "absent==1.0"):
        with pytest.raises(Invalid, match="could not be fetched"):
            add(mirror, shop, wanted)
    assert mirror.allowed() == []
    with pytest.raises(NotFound):
        mirror.remove("toolkit")


def test_a_wheel_puts_nothing_outside_its_folder_and_runs_nothing(mirror, shop, tmp_path):
    sly = {
        "../escaped.py": "x = 1",
        "/tmp/escaped.py": "x = 1",
        "sly.pth": "import os; os.mkdir('ran')",
        "toolkit-1.0.data/scripts/run": "#!/bin/sh",
        "toolkit-1.0.data/purelib/deeper.py": "x = 2",
    }
    a_wheel(shop, "toolkit", extra=sly)
    add(mirror, shop, "toolkit==1.0")

    names = {p.relative_to(mirror.site).as_posix() for p in mirror.site.rglob("*") if p.is_file()}
    assert {n for n in names if "dist-info" not in n} == {"toolkit.py", "deeper.py"}
    assert not list(tmp_path.rglob("escaped.py"))


def test_removed_is_gone_from_the_next_session(mirror, shop):
    a_wheel(shop, "toolkit")
    add(mirror, shop, "toolkit==1.0")
    assert [p.name for p in mirror.remove("Toolkit")] == ["toolkit"]
    assert not (mirror.site / "toolkit.py").exists()
    assert list((mirror.home / "wheels").iterdir()) == []


@pytest.mark.real
def test_inside_a_session_it_can_be_imported_cannot_be_changed_and_takes_no_place_of_the_runtimes(
    tmp_path, shop
):
    settings = Settings(
        _env_file=None, demo=True, state_dir=tmp_path / "state", session_runtime=session_runtime()
    )
    mirror = Mirror(settings.packages, session_runtime() / "bin" / "python")
    a_wheel(shop, "toolkit")
    a_wheel(shop, "json", "9.9")  # a name that the runtime has: its own must win
    for wanted in ("toolkit==1.0", "json==9.9"):
        add(mirror, shop, wanted)
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "import json as told, sys\n"
        "import ipykernel.kernelapp as k\n"
        "lines = told.load(open('/etc/ipython/ipython_kernel_config.json'))['InteractiveShellApp']['exec_lines']\n"
        "[exec(line) for line in lines]\n"
        "import toolkit, importlib, os\n"
        "out = {'answer': toolkit.answer, 'json': importlib.import_module('json').__file__}\n"
        "try:\n    open(toolkit.__file__, 'a'); out['write'] = 'OPEN'\n"
        "except OSError as e:\n    out['write'] = e.errno\n"
        "print(told.dumps(out))\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    sandbox = _sandbox(settings, home)
    filter_fd, order_fd = os.memfd_create("filter"), os.memfd_create("order")
    order = sandbox.order(filter_fd) | {"command": [f"{RUNTIME}/bin/python", "-c", code]}
    for fd, content in ((filter_fd, seccomp.program()), (order_fd, json.dumps(order).encode())):
        os.write(fd, content)
        os.lseek(fd, 0, os.SEEK_SET)
    ran = subprocess.run(
        launcher(order_fd),
        pass_fds=(filter_fd, order_fd),
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    sandbox.group.remove()
    shutil.rmtree(hub_paths(settings).run, ignore_errors=True)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["answer"] == "toolkit 1.0"
    assert "/opt/enclave/packages" not in told["json"]
    assert told["write"] in (13, 30)
