"""Sessions from the outside: who gets in, what they can do there, and how it ends. Real hub, gateway and sandboxes."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from contextlib import suppress

import httpx
import pytest
from hubkit import REFUSED, processes_of, shared, until, workspace

from enclave.demo.story.kernel import WorkspaceBrowser, WorkspaceError
from enclave.hub.client import HubClient, SessionState
from enclave.kernel.errors import NotAllowed, Unavailable

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def installation():
    return shared()


@pytest.fixture(scope="module")
def hub(installation):
    client = HubClient(installation.settings)
    yield client
    client.close()


@pytest.fixture(scope="module")
def ana(installation):
    """Ana's session in the project "poverty", with one file of data."""
    data = installation.authority.home / "data" / "wave1"
    data.mkdir(parents=True, exist_ok=True)
    (data / "households.csv").write_text("household,consumption\nh1,10\n")
    # Open to all on purpose: it is the mount that must forbid writing.
    data.chmod(0o777)
    (data / "households.csv").chmod(0o666)
    with workspace(installation, "ana", "poverty", data=["wave1"]) as browser:
        yield browser


class Listener:
    """Something on this machine that a session must not reach; counts who did."""

    def __init__(self, family=socket.AF_INET, address=("127.0.0.1", 0)):
        self.socket = socket.socket(family)
        self.socket.bind(address)
        self.socket.listen()
        self.hits = 0
        threading.Thread(target=self.count, daemon=True).start()

    def count(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.hits += 1
            connection.close()

    @property
    def port(self):
        return self.socket.getsockname()[1]


def test_a_researcher_signs_in_through_the_portal_and_runs_a_cell_that_is_recorded(installation, ana):
    assert ana.run("print(6 * 7)") == type(ana.run("1"))("42\n", "")
    recorded = [r["code"] for r in installation.authority.records("session:cell") if r["user"] == "ana"]
    assert "print(6 * 7)" in recorded


def test_notebooks_are_written_and_run_through_the_gateway_and_stop_at_an_error(ana):
    def cell(source):
        return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}

    notebook = {"cells": [cell("x = 3"), cell(["print(x)\n", "1 / 0"]), cell("x = 4")], "metadata": {}}
    ana.put_notebook("notebooks/deep/first.ipynb", notebook | {"nbformat": 4, "nbformat_minor": 4})
    ran = ana.run_notebook("notebooks/deep/first.ipynb")
    assert [r.stdout for r in ran] == ["", "3\n"]
    assert ran[-1].error == "ZeroDivisionError: division by zero"


def test_what_a_workspace_needs_is_there_and_its_data_cannot_be_changed(ana):
    told = ana.run(
        "import evaluation, pandas, statsmodels, matplotlib.pyplot\n"
        "print(len(pandas.read_csv('/data/wave1/households.csv')))\n"
        "try:\n    open('/data/wave1/households.csv', 'a')\nexcept OSError as e:\n    print(e.errno)"
    )
    assert told.error == ""
    assert told.stdout.split() == ["1", "30"]


def test_every_exit_is_closed_while_what_it_leads_to_is_there(installation, ana):
    address = socket.gethostbyname(socket.gethostname())
    control, everywhere = Listener(), Listener(address=("0.0.0.0", 0))
    abstract = Listener(socket.AF_UNIX, b"\0enclave-test-abstract")
    with socket.create_connection(("127.0.0.1", control.port)):
        until(lambda: control.hits == 1)
    other = installation.authority.work("other-project")
    other.mkdir(parents=True, exist_ok=True)
    secrets = [installation.paths.state, installation.paths.run, other, installation.paths.hub_socket]
    outside = {
        "ports": [control.port, installation.settings.gateway_port, installation.settings.portal_port],
        "addresses": [[address, everywhere.port]],
        "abstract": ["enclave-test-abstract"],
        "paths": [*map(str, secrets), "/etc/shadow", "/sys", "/var", "/run/enclave/in.sock"],
        "read_only": ["/data/wave1"],
    }
    code = f"""
import json, subprocess, sys
done = subprocess.run([sys.executable, "-I", "/opt/enclave/session/canary.py", {json.dumps(json.dumps(outside))}],
                      capture_output=True, text=True)
print(done.stdout or done.stderr)
"""
    found = json.loads(ana.run(code).stdout)
    assert {name: how for name, how in found.items() if how.startswith("OPEN")} == {}
    assert {
        "environ of the notebook server",
        "hub POST /hub/api/user/tokens",
        "questions GET /query",
        "system call ptrace",
    } <= set(found)
    assert (control.hits, everywhere.hits, abstract.hits) == (1, 0, 0)


def test_the_hubs_token_is_nowhere_inside(ana):
    code = """
import os, pathlib
found = {v for p in pathlib.Path('/proc').iterdir() if p.name.isdigit()
         for v in [os.environ.get('JUPYTERHUB_API_TOKEN')]}
print(found, [k for k in os.environ if 'REGISTRY' in k], sorted(os.listdir('/run/enclave')))
"""
    assert ana.run(code).stdout.strip() == "{'held-by-the-facade'} [] ['hub.sock', 'questions.sock']"


def test_a_session_cannot_eat_the_machine(installation):
    limits = {"memory": 700 * 2**20, "processes": 60, "file_size": 2**20, "tmp": 2**20}
    code = """
import os, subprocess, sys
def child(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done.returncode, (done.stderr.strip().splitlines() or [""])[-1].split(":")[0]
print(child("x = bytearray(1 << 30)"))
print(child("import subprocess\\nfor _ in range(200): subprocess.Popen(['sleep', '2'])"))
print(child("import os, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
            "f = open('/workspace/big', 'wb'); [f.write(bytes(1 << 19)) for _ in range(9)]; f.flush()"))
print(child("open('/tmp/big', 'wb').write(bytes(1 << 24))"))
"""
    with workspace(installation, "eve", "hungry", **limits) as eve:
        memory, processes, file, tmp = eve.run(code).stdout.strip().splitlines()
        assert memory.startswith(("(-9", "(1, 'MemoryError"))
        assert "BlockingIOError" in processes
        assert "OSError" in file
        assert "OSError" in tmp
        assert eve.run("print('still here')").stdout == "still here\n"
    until(lambda: not processes_of("eve"))


def test_who_is_not_entitled_gets_the_sentence_of_the_authority(hub):
    with pytest.raises(NotAllowed) as refused:
        hub.start("zoe", "poverty")
    assert refused.value.sentence == REFUSED
    assert hub.status("zoe", "poverty").state is SessionState.ABSENT


def test_there_is_no_workspace_without_a_project(installation, hub):
    transport = httpx.HTTPTransport(uds=str(installation.paths.hub_socket))
    with httpx.Client(transport=transport, base_url="http://hub", headers=hub._http.headers) as client:
        client.post("/hub/api/users/ana")
        reply = client.post("/hub/api/users/ana/server")
    assert reply.status_code == 403
    assert "from its project's page" in reply.json()["message"]


def test_a_team_mate_cannot_open_somebody_elses_session_but_shares_the_files(installation, ana):
    ana.run("open('/workspace/shared.txt', 'w').write('from ana')")
    url = f"{installation.settings.gateway_url}/user/ana/poverty"
    with installation.browser("ben") as ben:
        assert ben.get(f"{url}/lab").status_code == 403
        assert ben.get(f"{url}/api/contents").status_code == 403
    with workspace(installation, "ben", "poverty") as ben:
        assert ben.run("print(open('/workspace/shared.txt').read())").stdout == "from ana\n"


def test_a_stranger_is_sent_to_the_portal_and_gets_nothing_from_the_api(installation, ana):
    url = f"{installation.settings.gateway_url}/user/ana/poverty"
    with httpx.Client(follow_redirects=True) as stranger:
        page = stranger.get(f"{url}/lab")
        assert (page.status_code, page.url.path) == (401, "/oauth/authorize")
        assert stranger.get(f"{url}/api/contents").status_code == 403


def test_ending_a_session_kills_it_at_once_and_it_can_be_opened_again(installation, hub):
    for _ in range(2):
        with workspace(installation, "cem", "labour") as cem:
            assert processes_of("cem")
            assert hub.stop("cem", "labour").state is SessionState.ABSENT
            assert processes_of("cem") == []
            with pytest.raises(WorkspaceError):
                cem.run("1")
    ends = [r["reason"] for r in installation.authority.records("session:end") if r["user"] == "cem"]
    assert ends == ["stopped", "stopped"]


def test_a_session_ends_when_access_is_revoked_even_if_nobody_tells_the_hub(installation, hub):
    with workspace(installation, "dia", "health"):
        installation.authority.revoke("dia", "health")
        until(lambda: not processes_of("dia"))
        until(lambda: hub.status("dia", "health").state is SessionState.ABSENT)
    assert [r["reason"] for r in installation.authority.records("session:end") if r["user"] == "dia"] == [
        "revoked"
    ]


@pytest.mark.parametrize(("limit", "reason"), [("max_seconds", "expired"), ("idle_seconds", "idle")])
def test_a_session_ends_when_it_is_too_old_or_nobody_uses_it(installation, hub, limit, reason):
    user = f"old-{reason}"
    installation.authority.grant(user, "ageing", **{limit: 4})
    with suppress(Unavailable):  # on a busy machine it may end before it is ready, and the hub says so
        hub.start(user, "ageing", wait=False)
    ended = lambda: [r["reason"] for r in installation.authority.records("session:end") if r["user"] == user]  # noqa: E731
    until(ended)
    assert ended() == [reason]
    assert not processes_of(user)


def test_a_killed_hub_takes_its_sessions_along_and_the_next_hub_opens_them_again(installation):
    with workspace(installation, "fay", "schools"):
        os.kill(installation.hub.pid, signal.SIGKILL)
        installation.hub.wait()
        until(lambda: not processes_of("fay"))
    installation.processes.remove(installation.hub)
    installation.hub = installation.run("enclave.hub")
    installation.wait_for_hub()
    with workspace(installation, "fay", "schools") as fay:
        assert fay.run("print('again')").stdout == "again\n"


def test_closing_the_browser_stops_the_kernel_but_not_the_session(installation, hub):
    with workspace(installation, "gil", "pensions") as gil:
        gil.close()
        assert gil.api("GET", "/api/kernels") == []
        assert hub.status("gil", "pensions").state is SessionState.READY
        again = WorkspaceBrowser(installation.settings.gateway_url, installation.browser("gil"), "gil")
        with again:
            again.open("pensions")
            assert again.run("print(1)").stdout == "1\n"
