"""Private questions from inside a real session: asked by the researcher's own cell, answered outside, sent out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest
from askings import CANARY, COUNT, HOUSEHOLDS, an_asking_house, running
from hubkit import ROOT, shared, until, workspace

from enclave.audit.model import AuditEvent
from enclave.budget.model import Charge
from enclave.budget.receipts import verify_answer
from enclave.hub.paths import hub_paths
from enclave.hub.questions.door import QUESTIONS_TOKEN
from enclave.hub.questions.server import QuestionServer
from enclave.kernel.derived import derived_secret
from enclave.settings import Settings
from enclave.store.migrate import upgrade

pytestmark = pytest.mark.real

ASK = f"from enclave import client\nquestion = {COUNT!r}\n"
TELL = "\nexcept client.ClientError as said:\n    print(said)\n"


@pytest.fixture(scope="module")
def installation():
    return shared()


@pytest.fixture(scope="module")
def asking(installation):
    """A house with a ledger and an extract, and its answering process's server where the hub looks for it."""
    with tempfile.TemporaryDirectory() as folder:
        house, project = an_asking_house(Path(folder))
        house.airlock = dataclasses.replace(house.airlock, work_dir=installation.authority.work)
        token = derived_secret(installation.settings.master_key.get_secret_value(), QUESTIONS_TOKEN)
        with running(QuestionServer(house.querying, token, installation.paths.questions_socket)):
            yield house, project


@pytest.fixture(scope="module")
def rosa(installation, asking):
    with workspace(installation, "rosa", asking[1]) as browser:
        yield browser


def charges(house) -> list[Charge]:
    with house.kit.read() as uow:
        return uow.find(Charge)


def test_a_cell_asks_saves_and_what_was_saved_leaves_without_a_check(installation, asking, rosa):
    house, project = asking
    ran = rosa.run(
        ASK + "quoted = client.quote(question)\nanswer = client.query(question)\n"
        "again = client.query(question)\npath = answer.save('households-by-region')\n"
        "print(list(client.questions()['column']), quoted.paid, quoted.loss['epsilon'], answer.left['epsilon'],\n"
        "      again.csv == answer.csv, again.receipt == answer.receipt, path, len(answer.table))"
    )
    assert ran.error == ""
    assert ran.stdout.strip() == (
        "['region_code', 'welfare'] False 0.4 0.6 True True /workspace/outputs/households-by-region.csv 2"
    )
    (charge,) = charges(house)
    assert (charge.charged_by, charge.epsilon) == ("rosa", 0.4)
    with house.kit.read() as uow:
        events = [e.event for e in uow.find(AuditEvent) if e.actor == "rosa"]
    assert events[-4:] == ["budget:charge", "budget:answer", "question:ask", "question:ask"]
    saved = installation.authority.work(project) / "outputs" / "households-by-region.csv"
    receipt = saved.with_suffix(".receipt.json").read_bytes()
    assert verify_answer(saved.read_bytes(), receipt, house.receipts.signer.public_key) == []
    assert sum(row["value"] for row in charge.answer["rows"]) == pytest.approx(HOUSEHOLDS, abs=100)
    output = house.airlock.create(
        house.actor("rosa"), project=project, title="Households by region", files=(saved.name,),
        context="Households by region, with noise, for the report.", controls="Differential privacy.",
    )  # fmt: skip
    output = house.airlock.submit(house.actor("rosa"), output.id)
    assert (output.state, output.files[0].sha256) == (
        "released", hashlib.sha256(saved.read_bytes()).hexdigest(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"table": "payments"}, "no live access to the dataset"),
        ({"epsilon": 0.9}, "Nothing was charged"),
        ({"group_by": ["head_name"]}, "no column 'head_name' that can be grouped by"),
    ],
    ids=["another-dataset", "over-budget", "identifier"],
)
def test_what_cannot_be_asked_is_a_sentence_in_the_cell(asking, rosa, change, says):
    before = len(charges(asking[0]))
    ran = rosa.run(f"{ASK}try:\n    print(client.query({{**question, **{change!r}}})){TELL}")
    assert ran.error == ""
    assert says in ran.stdout
    assert CANARY not in ran.stdout
    assert len(charges(asking[0])) == before


def test_a_member_of_no_project_and_another_session_ask_for_themselves_only(installation, asking):
    """Emil's session is open, but his project has no access in the ledger; rosa's socket is not there for him."""
    with workspace(installation, "emil", "another") as emil:
        ran = emil.run(f"{ASK}try:\n    print(client.query(question, project={asking[1]!r})){TELL}")
        assert "There is no such project among yours." in ran.stdout
        code = """
import os, socket
names = [n for n in os.listdir('/run/enclave')]
print(sorted(names), os.path.exists({run!r}), os.stat('/run/enclave/questions.sock').st_uid == os.getuid())
for place in {places!r}:
    try:
        socket.socket(socket.AF_UNIX).connect(place)
        print('OPEN', place)
    except OSError as failed:
        print(failed.errno)
"""
        run = installation.paths.run
        places = [str(p) for p in (*run.glob("*.ask"), installation.paths.questions_socket)]
        assert len(places) == 3
        ran = emil.run(code.format(run=str(run), places=places))
        assert ran.stdout.split("\n")[:4] == ["['hub.sock', 'questions.sock'] False True", "2", "2", "2"]


def test_the_canary_finds_the_door_to_questions_as_closed_as_the_rest(rosa):
    code = """
import subprocess, sys
done = subprocess.run([sys.executable, "-I", "/opt/enclave/session/canary.py"], capture_output=True, text=True)
print(done.stdout or done.stderr)
"""
    found = json.loads(rosa.run(code).stdout)
    assert {name: how for name, how in found.items() if how.startswith("OPEN")} == {}
    assert {"questions GET /query", "replace the socket questions"} <= set(found)


def test_the_answering_process_starts_serves_the_hub_alone_and_stops(tmp_path):
    """The process as `enclave up` starts it, on an installation of its own."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "REGISTRY_ENCLAVE_DEMO": "true",
        "REGISTRY_ENCLAVE_STATE_DIR": str(tmp_path),
    }
    settings = Settings(_env_file=None, demo=True, state_dir=tmp_path)
    upgrade(settings.database)
    paths = hub_paths(settings)
    process = subprocess.Popen([sys.executable, "-m", "enclave.hub.questions"], cwd=tmp_path, env=environment)
    try:
        until(lambda: paths.questions_socket.exists() or process.poll() is not None)
        token = derived_secret(settings.master_key.get_secret_value(), QUESTIONS_TOKEN)
        body = {"user": "rosa", "project": "p", "asked": json.dumps(COUNT)}
        transport = httpx.HTTPTransport(uds=str(paths.questions_socket))
        with httpx.Client(transport=transport, base_url="http://questions", timeout=60) as client:
            refused = client.post("/query", json=body)
            told = client.post("/query", json=body, headers={"Authorization": f"token {token}"})
        assert (refused.status_code, told.status_code) == (403, 404)
        assert told.json() == {"problems": ["There is no such project among yours."]}
        process.terminate()
        assert process.wait(60) == 0
        assert not paths.questions_socket.exists()
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(paths.run, ignore_errors=True)


def test_revocation_ends_questions_before_the_session_ends(asking, rosa):
    """Last: the session itself is kept open by its own authority, so only the question's own look can refuse."""
    house, project = asking
    for entitlement in house.entitlements.of_project(project):
        house.entitlements.revoke(house.actor("stefan"), entitlement.id, "A breach of the agreement.")
    ran = rosa.run(f"{ASK}try:\n    print(client.query(question)){TELL}")
    assert ran.error == ""
    assert "ENTITLEMENT" not in ran.stdout.upper() or "value" not in ran.stdout
    assert "csv" not in ran.stdout
    assert ran.stdout.strip().endswith(".")
