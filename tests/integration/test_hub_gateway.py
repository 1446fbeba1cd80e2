"""The gateway from a signed-in browser that wants more than it may have. Real hub, gateway and sandbox."""

from __future__ import annotations

import json
import signal

import httpx
import pytest
from hubkit import shared, until, workspace

from enclave.demo.story.kernel import WorkspaceError

pytestmark = pytest.mark.real

MEGABYTE = 2**20

#: Prints so many times 900 kB, each as a message of its own.
PRINT = """
import sys, time
for _ in range({}):
    print("x" * 900_000)
    sys.stdout.flush()
    time.sleep(0.5)
"""

CLOSED = """
GET /files/notebooks/plan.txt
GET /files/../files/notebooks/plan.txt
GET /%66iles/notebooks/plan.txt
GET /files%2Fnotebooks%2Fplan.txt
GET //files/notebooks/plan.txt
GET /static/../files/notebooks/plan.txt
GET /static/%2e%2e/files/notebooks/plan.txt
GET /static/%252e%252e/files/notebooks/plan.txt
GET /static\\..\\files/notebooks/plan.txt
GET /lab/tree/..%2f..%2ffiles/notebooks/plan.txt
GET /nbconvert/script/notebooks/a.ipynb
GET /api/nbconvert
GET /view/notebooks/plan.txt
GET /terminals/1
GET /api/terminals
POST /api/terminals
GET /metrics
GET /lsp/status
GET /proxy/8600/
GET /api/spec.yaml
POST /api/shutdown
POST /api/security/csp-report
GET /tree
GET /doc
GET /lab/api/build
DELETE /lab/api/settings/x
PUT /api/kernelspecs/python3
TRACE /api
"""

CLOSED_AT_THE_HUB = """
GET /hub/token
GET /hub/admin
GET /hub/api/users
GET /hub/api/user
POST /hub/api/users/ana/tokens
POST /hub/api/users/ana/servers/surveys
DELETE /hub/api/users/ana/servers/surveys
POST /hub/spawn/ana/surveys
GET /hub/metrics
GET /api/routes
GET /services/portal/
"""


@pytest.fixture(scope="module")
def installation():
    return shared()


@pytest.fixture(scope="module")
def ana(installation):
    limits = {"message": MEGABYTE, "session_out": 40 * MEGABYTE}
    with workspace(installation, "ana", "surveys", **limits) as browser:
        browser.run("open('/workspace/plan.txt', 'w').write('plan')")
        yield browser


def ask(browser, line, base=None):
    method, path = line.split()
    target = (browser._base if base is None else base) + path
    request = httpx.Request(method, browser._gateway, headers={"X-XSRFToken": browser._xsrf()})
    # Byte for byte: httpx would tidy it up before it leaves.
    request.url = request.url.copy_with(raw_path=target.encode())
    browser._client.cookies.set_cookie_header(request)
    return browser._client.send(request, follow_redirects=False)


def test_everything_that_no_rule_lets_through_is_closed_and_recorded(installation, ana):
    answers = {line: ask(ana, line) for line in CLOSED.strip().splitlines()}
    assert {line: a.status_code for line, a in answers.items() if a.status_code != 403} == {}
    assert all(a.json()["message"].endswith(".") and "plan" not in a.text for a in answers.values())
    assert "airlock" in answers["GET /files/notebooks/plan.txt"].json()["message"]
    until(lambda: "/nbconvert/script" in json.dumps(installation.authority.records("session:deny")))


def test_the_hubs_own_pages_are_closed_but_for_signing_in(ana):
    answers = {line: ask(ana, line, base="").status_code for line in CLOSED_AT_THE_HUB.strip().splitlines()}
    assert {line: status for line, status in answers.items() if status != 403} == {}


def test_what_people_need_is_open(ana):
    for path in (
        "/api/contents",
        "/api/kernels",
        "/api/sessions",
        "/api/kernelspecs",
        "/api/me",
        "/lab/api/settings/",
    ):
        assert ana.api("GET", path) is not None
    page = ask(ana, "GET /lab")
    assert page.status_code == 200
    script = page.text.split('src="/')[1].split('"')[0]
    assert ask(ana, f"GET /{script}", base="").status_code == 200


def test_a_workspace_page_may_talk_to_its_own_server_only(installation, ana):
    policy = ask(ana, "GET /lab").headers["content-security-policy"]
    assert "sandbox allow-scripts allow-same-origin allow-forms allow-modals" in policy
    assert "connect-src 'self'" in policy
    assert installation.settings.public_url in policy
    assert "allow-downloads" not in policy
    assert "allow-popups" not in policy
    assert ask(ana, "GET /api/contents").headers["content-security-policy"] == policy


def test_tokens_open_nothing(installation, ana):
    base = f"{ana._gateway}{ana._base}"
    token = ask(ana, "GET /lab").text.split('"token": "')[1].split('"')[0]
    assert token
    with httpx.Client() as stranger:
        assert (
            stranger.get(f"{base}/api/contents", headers={"Authorization": f"token {token}"}).status_code
            == 403
        )
        assert stranger.get(f"{base}/api/contents", params={"token": token}).status_code == 403
        hub = f"{ana._gateway}/hub/home"
        assert stranger.get(hub, headers={"Authorization": f"token {token}"}).status_code == 403


def test_another_site_may_not_use_a_workspace(ana):
    reply = ana._client.get(
        f"{ana._gateway}{ana._base}/api/contents", headers={"Origin": "http://evil.example"}
    )
    assert reply.status_code == 403


def test_large_files_and_files_that_are_no_text_are_not_shown(ana):
    ana.run(
        "open('/workspace/large.csv', 'w').write('1234567\\n' * 200_000)\n"
        "open('/workspace/small.csv', 'w').write('1\\n')\n"
        "open('/workspace/plot.png', 'wb').write(bytes(range(256)))"
    )
    assert ana.api("GET", "/api/contents/small.csv")["content"] == "1\n"
    for name in ("large.csv", "plot.png", "small.csv?format=base64"):
        with pytest.raises(WorkspaceError, match=r"403.*airlock"):
            ana.api("GET", f"/api/contents/{name}")


def test_a_link_in_the_workspace_leads_only_to_what_is_inside_the_sandbox(ana):
    ana.run("import os; os.symlink('/etc/shadow', '/workspace/shadow')")
    with pytest.raises(WorkspaceError, match=r"40[034]"):
        ana.api("GET", "/api/contents/shadow")


def test_one_message_that_is_too_large_closes_the_connection(installation, ana):
    with pytest.raises(WorkspaceError, match="1009"):
        ana.run("print('x' * (2 << 20))")
    assert ana.run("print('next')").stdout == "next\n"
    until(lambda: "too large" in json.dumps(installation.authority.records("session:deny")))


def test_a_cell_that_cannot_be_recorded_is_not_run(installation, ana):
    record, aside = installation.authority.home / "record.jsonl", installation.authority.home / "aside"
    record.rename(aside)
    record.mkdir()
    try:
        with pytest.raises(WorkspaceError, match="1011"):
            ana.run("open('/workspace/unrecorded', 'w')")
    finally:
        record.rmdir()
        aside.rename(record)
    assert ana.run("import os; print(os.path.exists('/workspace/unrecorded'))").stdout == "False\n"


def test_a_restarted_gateway_knows_its_sessions_and_what_they_have_sent(installation):
    limits = {"message": MEGABYTE, "session_out": 3 * MEGABYTE}
    with workspace(installation, "hal", "panel", **limits) as hal:
        hal.run(PRINT.format(2))
        installation.gateway.send_signal(signal.SIGTERM)
        installation.gateway.wait()
        installation.processes.remove(installation.gateway)
        installation.gateway = installation.run("enclave.hub.gateway")
        installation.wait_for_hub()
        assert hal.run("print('still here')").stdout == "still here\n"
        with pytest.raises(WorkspaceError, match="1008"):
            hal.run(PRINT.format(3))
        hal.api(
            "PUT", "/api/contents/notes.txt", {"type": "file", "format": "text", "content": "x" * 200_000}
        )
        answers = [ask(hal, "GET /api/contents/notes.txt") for _ in range(16)]
        assert answers[-1].status_code == 429
        assert "tomorrow" in answers[-1].json()["message"]
