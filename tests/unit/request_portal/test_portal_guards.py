"""Cross-site requests, headers, sessions, and what a page says when something breaks."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from portalkit import PASSWORD, Portal, a_portal
from starlette.testclient import TestClient

from enclave.kernel.errors import EnclaveError
from request_portal.guards import RateLimit
from request_portal.problems import TABLE

CROSS = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},  # the gateway is another port of the same host: same site, not ours
    {"sec-fetch-site": ""},
    {"origin": "https://elsewhere.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1:8601"},
    {"origin": "http://127.0.0.1:8600.elsewhere.example"},
]


@pytest.mark.parametrize("headers", CROSS)
@pytest.mark.parametrize(
    "path", ["/requests/new", "/sign-in", "/sign-out", "/api/v1/requests", "/api/v1/sign-in"]
)
def test_a_write_from_another_site_is_refused(portal: Portal, path: str, headers: dict[str, str]) -> None:
    client = portal.client("amina")

    answer = client.post(path, headers=headers, json={} if path.startswith("/api") else None)

    assert answer.status_code == 403
    assert "another website" in answer.text
    assert portal.enclave.requests.mine(portal.actor("amina")) == []


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"origin": "http://127.0.0.1:8600"}, {}],
)
def test_our_own_forms_and_programs_are_not_refused(portal: Portal, headers: dict[str, str]) -> None:
    assert portal.client("amina").post("/requests/new", headers=headers).status_code == 303


def test_pages_carry_a_policy_without_anything_inline_and_are_not_kept(portal: Portal) -> None:
    for path in ("/", "/home", "/nowhere", "/api/v1/me"):
        headers = portal.client("amina").get(path).headers

        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_no_page_has_an_inline_script_style_or_handler() -> None:
    from request_portal.render import environment

    for name in environment().loader.list_templates():  # type: ignore[union-attr]
        if name.startswith("govuk_frontend_jinja/"):
            continue
        source = environment().loader.get_source(environment(), name)[0]  # type: ignore[union-attr]
        assert not re.search(
            r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|javascript:|\|\s*safe\b(?!\s*~)",
            source.replace('"|safe', ""),
        ), name


def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(tmp_path) -> None:
    plain, tls = tmp_path / "plain", tmp_path / "tls"
    plain.mkdir()
    tls.mkdir()

    cookie = a_portal(plain).client().post("/sign-in", data={"username": "amina", "password": PASSWORD})
    secure = (
        a_portal(tls, cookie_secure=True)
        .client()
        .post("/sign-in", data={"username": "amina", "password": PASSWORD})
    )

    words = cookie.headers["set-cookie"].lower()
    assert "httponly" in words
    assert "samesite=lax" in words
    assert "domain" not in words
    words = secure.headers["set-cookie"]
    assert words.startswith("__Host-session=")
    assert "Secure" in words
    assert "Path=/" in words
    assert secure.headers["strict-transport-security"]


def test_signing_in_changes_the_session_and_ends_the_old_one(portal: Portal) -> None:
    client = portal.client("amina")
    before = client.cookies["session"]

    client.post("/sign-in", data={"username": "amina", "password": PASSWORD})

    assert client.cookies["session"] != before
    assert (
        TestClient(portal.app, cookies={"session": before}, follow_redirects=False).get("/home").status_code
        == 303
    )


def test_a_session_that_somebody_planted_is_not_taken_over(portal: Portal) -> None:
    client = portal.client()
    client.cookies.set("session", "planted-by-somebody-else")

    client.post("/sign-in", data={"username": "amina", "password": PASSWORD})

    given = [
        c.value for c in client.cookies.jar if c.name == "session" and c.value != "planted-by-somebody-else"
    ]
    assert len(given) == 1
    planted = TestClient(portal.app, cookies={"session": "planted-by-somebody-else"}, follow_redirects=False)
    assert planted.get("/home").status_code == 303


def test_signing_out_ends_the_session_everywhere(portal: Portal) -> None:
    client = portal.client("amina")
    secret = client.cookies["session"]

    client.post("/sign-out")

    assert (
        TestClient(portal.app, cookies={"session": secret}, follow_redirects=False).get("/home").status_code
        == 303
    )


def test_a_session_ends_when_nobody_uses_it_and_lives_on_when_somebody_does(portal: Portal) -> None:
    client = portal.client("amina")
    for _ in range(4):
        portal.clock.move(minutes=40)
        assert client.get("/home").status_code == 200

    portal.clock.move(minutes=61)
    assert client.get("/home").status_code == 303


def test_a_session_ends_after_a_working_day_whatever_happens(portal: Portal) -> None:
    client = portal.client("amina")
    for _ in range(16):
        portal.clock.move(minutes=31)
        client.get("/home")

    assert client.get("/home").status_code == 303


def test_a_token_ends_when_it_is_signed_out(portal: Portal) -> None:
    headers = portal.token("amina")
    client = portal.client()
    assert client.get("/api/v1/me", headers=headers).json()["username"] == "amina"

    assert client.post("/api/v1/sign-out", headers=headers).status_code == 204

    assert client.get("/api/v1/me", headers=headers).status_code == 401


def test_a_bearer_header_is_never_filled_in_from_a_cookie(portal: Portal) -> None:
    answer = portal.client("amina").get("/api/v1/me", headers={"Authorization": "Bearer wrong"})

    assert answer.status_code == 401


def test_a_browser_session_is_no_token_and_a_token_is_no_browser_session(portal: Portal) -> None:
    secret = portal.client("amina").cookies["session"]
    token = portal.token("amina")["Authorization"].split()[1]

    assert portal.client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    borrowed = TestClient(portal.app, cookies={"session": token}, follow_redirects=False)
    assert borrowed.get("/home").status_code == 303


def test_the_same_sentence_for_a_wrong_password_and_for_nobody(portal: Portal) -> None:
    client = portal.client()
    wrong = client.post("/sign-in", data={"username": "amina", "password": "x"})
    nobody = client.post("/sign-in", data={"username": "nobody-here", "password": "x"})

    assert wrong.status_code == nobody.status_code == 403
    assert wrong.text.replace("amina", "") == nobody.text.replace("nobody-here", "")


def test_too_many_tries_from_one_address_are_braked(tmp_path) -> None:
    client = a_portal(tmp_path, tries=3).client()
    statuses = [
        client.post("/sign-in", data={"username": "amina", "password": "x"}).status_code for _ in range(5)
    ]

    assert statuses == [403, 403, 403, 429, 429]


def test_the_brake_counts_each_caller_alone() -> None:
    limit = RateLimit(most=1)

    assert [limit.allows("a"), limit.allows("b"), limit.allows("a")] == [True, True, False]


@pytest.mark.parametrize(
    "target",
    [
        "//elsewhere.example",
        "https://elsewhere.example",
        "/\\elsewhere.example",
        "javascript:alert(1)",
        "/\t/x",
    ],
)
def test_signing_in_never_leads_elsewhere(portal: Portal, target: str) -> None:
    answer = portal.client().post(
        "/sign-in", data={"username": "amina", "password": PASSWORD, "next": target}
    )

    assert answer.headers["location"] == "/home"


def test_what_is_too_large_is_refused_before_it_is_read(portal: Portal) -> None:
    client = portal.client("amina")

    assert client.post("/requests/new", data={"x": "y" * 700_000}).status_code == 413
    assert client.post("/api/v1/requests", json={"title": "y" * 700_000}).status_code == 413


def test_a_file_or_a_nul_in_a_form_does_no_harm(portal: Portal) -> None:
    client, draft = portal.client("amina"), portal.draft()

    nul = client.post(f"/requests/{draft.id}/answer/title", data={"title": "a\x00b"})
    file = client.post(f"/requests/{draft.id}/answer/title", files={"title": ("x.txt", b"hello")})

    assert nul.status_code == 422
    assert file.status_code in (400, 422)


@pytest.mark.parametrize(
    "path",
    [
        "/register/%00",
        "/api/v1/register/a%00b",
        "/api/v1/releases?dataset=%00",
        "/audit?subject=a%00b",
        "/sign-in?next=%00",
    ],
)
def test_an_address_with_a_nul_in_it_is_nobodys(portal: Portal, path: str) -> None:
    assert portal.client("aldo").get(path).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b'{"title":"\\ud800"}',
        b'{"title":"a\\u0000b"}',
        b'{"title": 1e999}',
        b"[[[[[",
        b'{"duration_days": 99999999999999999999999}',
        b'{"variables":["\\ud800"]}',
        b"\xff\xfe",
        b"",
    ],
)
def test_a_malformed_call_gets_a_sentence_without_what_was_sent(portal: Portal, body: bytes) -> None:
    headers = {**portal.token("amina"), "Content-Type": "application/json"}

    answer = portal.client().post("/api/v1/requests", content=body, headers=headers)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "99999999999" not in answer.text


def test_every_domain_error_has_a_status_and_a_page(portal: Portal) -> None:
    kinds = {k for k in EnclaveError.__subclasses__() if k.__module__ == "enclave.kernel.errors"}

    assert kinds <= set(TABLE)


def test_something_unforeseen_gives_a_reference_and_nothing_else(tmp_path, capsys) -> None:
    canary = "CANARY-4711"

    class Broken:
        def entries(self):
            raise RuntimeError(canary)

    portal = a_portal(tmp_path)
    portal.app.state.enclave = replace(portal.enclave, register=Broken())  # type: ignore[arg-type]
    page, api = portal.client().get("/register"), portal.client().get("/api/v1/register")

    assert page.status_code == api.status_code == 500
    assert canary not in page.text + api.text
    reference = api.json()["reference"]
    logged = capsys.readouterr()
    assert reference in logged.out + logged.err
    assert canary not in logged.out + logged.err
    assert "content-security-policy" in page.headers
