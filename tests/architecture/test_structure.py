"""What holds the house together: sizes, imports, tables that are complete, docs that agree with the code."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from enclave.kernel.actors import GRANTS, Actor, Capability, Role, sentence
from enclave.kernel.errors import NotAllowed
from enclave.kernel.events import Event

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("policies", "anonymization", "enclave", "request_portal", "evaluation")
MODULES = sorted(
    p for package in PACKAGES for p in (ROOT / package).rglob("*.py") if "migrations" not in p.parts
)


def machines():
    from enclave.airlock.model import OUTPUT_MACHINE
    from enclave.budget.model import CHARGE_MACHINE
    from enclave.extracts.model import EXTRACT_MACHINE
    from enclave.projects.model import PROJECT_MACHINE
    from enclave.releases.model import RELEASE_MACHINE
    from enclave.requests.model import ENTITLEMENT_MACHINE, REQUEST_MACHINE
    from enclave.workspaces.model import WORKSPACE_MACHINE

    return [
        REQUEST_MACHINE, ENTITLEMENT_MACHINE, EXTRACT_MACHINE, RELEASE_MACHINE, CHARGE_MACHINE, PROJECT_MACHINE,
        WORKSPACE_MACHINE, OUTPUT_MACHINE,
    ]  # fmt: skip


def test_no_module_is_longer_than_400_lines():
    long = {str(p.relative_to(ROOT)): n for p in MODULES if (n := len(p.read_text().splitlines())) > 400}
    assert not long


def test_every_module_says_what_it_is_for():
    silent = [
        str(p.relative_to(ROOT))
        for p in MODULES
        if p.name != "__init__.py" and not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert not silent


@pytest.mark.parametrize(
    "package",
    ["enclave", "anonymization.dp", "anonymization.synth", "enclave.client", "evaluation", "policies"],
)
def test_importing_a_package_loads_nothing_heavy(package):
    heavy = "torch sdv spacy opendp jupyterhub presidio_analyzer sqlalchemy minio fastapi"
    code = f"import sys, {package}; print([m for m in '{heavy}'.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_each_package_is_ours_and_not_another_distribution_of_the_same_name():
    for package in PACKAGES:
        module = __import__(package)
        assert Path(module.__file__).resolve().is_relative_to(ROOT)


@pytest.mark.parametrize("machine", machines(), ids=lambda m: m.name)
def test_every_state_is_reachable_and_every_verb_does_something(machine):
    states = {type(machine.start)(s) for s in type(machine.start)}
    reached, edge = {machine.start}, [machine.start]
    while edge:
        here = edge.pop()
        for (state, _), target in machine.moves.items():
            if state is here and target not in reached:
                reached.add(target)
                edge.append(target)
    assert reached == states
    verbs = {verb for _, verb in machine.moves}
    assert verbs == set(type(next(iter(verbs))))


def test_every_event_is_written_by_somebody():
    code = "\n".join(p.read_text() for p in MODULES if p.name != "events.py")
    silent = [e for e in Event if f"Event.{e.name}" not in code and f'"{e.value}"' not in code]
    assert not silent


def test_events_and_capabilities_stand_in_order():
    for names in (Event, Capability):
        assert [n.value for n in names] == sorted(n.value for n in names)
        assert all(n.name == n.value.upper().replace(":", "_") for n in names)


def test_every_capability_is_granted_and_can_be_said():
    granted = set().union(*GRANTS.values())
    assert granted == set(Capability)
    assert set(GRANTS) == set(Role)
    assert all(sentence(c) for c in Capability)


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.SERVICE])
@pytest.mark.parametrize("capability", list(Capability))
def test_a_role_may_do_what_its_line_says_and_nothing_else(role, capability):
    actor = Actor("1", "x", frozenset({role}))
    if capability in GRANTS[role]:
        actor.must(capability)
    else:
        with pytest.raises(NotAllowed, match="may not"):
            actor.must(capability)


def test_nobody_who_runs_the_system_can_read_data_or_approve():
    may = GRANTS[Role.SYSTEM_ADMINISTRATOR]
    assert not may & {
        Capability.ACCESS_REQUEST_DECIDE,
        Capability.AIRLOCK_CHECK,
        Capability.EXTRACT_PROCESS,
        Capability.WORKSPACE_OPEN,
    }


def test_an_auditor_cannot_write():
    assert all(c.value.endswith(":read") or c is Capability.CATALOGUE_READ for c in GRANTS[Role.AUDITOR])


def test_generated_pages_agree_with_the_code(monkeypatch):
    from enclave.cli.docs import pages

    monkeypatch.chdir(ROOT)
    stale = [str(p) for p, text in pages().items() if not p.exists() or p.read_text(encoding="utf-8") != text]
    assert not stale, "run `make docs`"


def test_every_setting_explains_itself():
    from enclave.settings import Settings

    assert all(
        field.description and field.description.endswith(".") for field in Settings.model_fields.values()
    )


def test_the_project_refuses_to_start_with_the_demos_secrets(monkeypatch):
    from pydantic import ValidationError

    from enclave.settings import Settings

    monkeypatch.delenv("REGISTRY_ENCLAVE_DEMO", raising=False)
    with pytest.raises(ValidationError, match="openssl rand"):
        Settings(_env_file=None)
    Settings(_env_file=None, master_key="a" * 32, objects_secret_key="b" * 32)
    Settings(_env_file=None, demo=True)
