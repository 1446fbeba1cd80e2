"""The demo and work in earnest never meet: not in one database, not through a settings file that lies about."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from enclave.bootstrap import build
from enclave.cli import house as cli_house
from enclave.cli.story import Plan
from enclave.demo.house import set_up
from enclave.hub import preflight
from enclave.kernel.actors import Role, service
from enclave.kernel.errors import Conflict
from enclave.settings import ENV_FILE, Settings
from enclave.store.migrate import upgrade

SECRETS = {"objects_secret_key": "a secret of our own", "master_key": "another secret of our own"}


@pytest.fixture(autouse=True)
def without_processes(monkeypatch):
    monkeypatch.setattr(cli_house, "services", lambda _: [])
    monkeypatch.setattr(preflight, "preflight", lambda: SimpleNamespace(sentences=[]))


def settings(tmp_path, **changes):
    return Settings(_env_file=None, state_dir=tmp_path / "var", **changes)


def opened(given):
    with cli_house.open_house(given, lambda _: None):
        pass


def a_person(given):
    upgrade(given.database)
    build(given).people.create(
        service("setup"),
        username="wanja",
        name="Wanja",
        email="wanja@ministry.example",
        organisation="Ministry",
        roles=(Role.STEWARD,),
        password="long enough for anybody",
    )


def test_the_demo_is_not_loaded_beside_real_accounts(tmp_path):
    (tmp_path / "var").mkdir()
    a_person(settings(tmp_path, **SECRETS))
    with pytest.raises(Conflict, match=r"passwords are known to everybody.*REGISTRY_ENCLAVE_DATABASE_URL"):
        opened(settings(tmp_path, demo=True))
    assert build(settings(tmp_path, demo=True)).people.by_username("amina") is None
    opened(settings(tmp_path, **SECRETS))


def test_a_database_with_the_demo_s_accounts_does_not_start_in_earnest(tmp_path):
    demo = settings(tmp_path, demo=True)
    opened(demo)
    set_up(build(demo), lambda _: None)
    a_person(demo)  # somebody who was added while trying the demo
    opened(demo)
    with pytest.raises(Conflict, match="holds the demo's accounts"):
        opened(settings(tmp_path, **SECRETS))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"MASTER_KEY": "short"}, "master_key is shorter than 16 bytes"),
        ({"DATABASE_URL": "swordfish"}, "DATABASE_URL is not the address of a database"),
        ({"DATABASE_URL": "swordfish://x:swordfish@y/z"}, "DATABASE_URL is not the address of a database"),
        ({"DATABASE_URL": "postgresql+psycopg://x:swordfish@127.0.0.1:1/x"}, "database does not answer"),
        ({"DATABASE_URL": "sqlite:////proc/swordfish/x"}, "database file cannot be made"),
        ({"STATE_DIR": "/proc/nowhere"}, "state directory /proc/nowhere cannot be made"),
        ({"PORTAL_PORT": "swordfish"}, "portal_port"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_used_gets_one_sentence_that_repeats_no_secret(tmp_path, wrong, sentence):
    env = {k: v for k, v in os.environ.items() if not k.startswith("REGISTRY_ENCLAVE_")}
    given = {
        "STATE_DIR": str(tmp_path / "var"),
        "OBJECTS_SECRET_KEY": "a secret of our own",
        "MASTER_KEY": "x" * 40,
    }
    done = subprocess.run(
        [sys.executable, "-m", "enclave.cli", "up"],
        env={**env, ENV_FILE: os.devnull, **{f"REGISTRY_ENCLAVE_{k}": v for k, v in (given | wrong).items()}},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {2, 15, 17}, done.stderr
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "swordfish" not in done.stderr


def test_default_secrets_are_refused_outside_the_demo_with_a_sentence(tmp_path):
    env = {k: v for k, v in os.environ.items() if not k.startswith("REGISTRY_ENCLAVE_")}
    for given, name in (({}, "OBJECTS_SECRET_KEY"), ({"OBJECTS_SECRET_KEY": "of-our-own"}, "MASTER_KEY")):
        done = subprocess.run(
            [sys.executable, "-m", "enclave.cli", "up"],
            env={**env, ENV_FILE: os.devnull, **{f"REGISTRY_ENCLAVE_{k}": v for k, v in given.items()}},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert f"Set REGISTRY_ENCLAVE_{name} to a secret of your own" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert list(tmp_path.iterdir()) == []


def test_the_story_touches_nothing_that_is_set_for_work_in_earnest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    in_earnest = {
        "DATABASE_URL": "postgresql+psycopg://prod/enclave",
        "REGISTRY_URL": "postgresql+psycopg://prod/registry",
        "OBJECTS_URL": "http://prod:9000",
        "MASTER_KEY": "the-real-one",
        "OBJECTS_SECRET_KEY": "the-real-one",
        "STATE_DIR": str(tmp_path / "prod"),
    }
    lines = [f"REGISTRY_ENCLAVE_{name}={value}\n" for name, value in in_earnest.items()]
    (tmp_path / ".env").write_text("".join(lines))
    plan = Plan(tmp_path / "demo", 9_000, 500, crash=False, keep=False, stay=False)
    for from_where in ("file", "environment"):
        if from_where == "environment":
            for name, value in in_earnest.items():
                monkeypatch.setenv(f"REGISTRY_ENCLAVE_{name}", value)
        told = plan.settings()
        assert "prod" not in "".join(
            [told.database, told.registry, told.objects_endpoint, str(told.state_dir)]
        )
        assert "the-real-one" not in (
            told.master_key.get_secret_value(),
            told.objects_secret_key.get_secret_value(),
        )
    # Nor do its processes read the file again.
    code = (
        "from enclave.settings import Settings; s = Settings(); print(s.database, s.objects_endpoint, s.demo)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=cli_house.environment(plan.settings()),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert said == [told.database, "http://127.0.0.1:9010", "True"]
