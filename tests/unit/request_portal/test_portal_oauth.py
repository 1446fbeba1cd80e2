"""The hub's identity provider, under attack."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import pytest
from portalkit import Portal
from starlette.testclient import TestClient

from request_portal.auth.oauth import callback, hub_secret

VERIFIER = "a-verifier-that-is-long-enough-to-be-one-0123456789"


def challenge(verifier: str = VERIFIER) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def ask(portal: Portal, client: TestClient, **changes: str) -> Mapping[str, list[str]]:
    """Goes to /oauth/authorize as the hub sends a browser; what came back in the redirect."""
    answer = client.get("/oauth/authorize", params=query(portal, **changes))
    assert answer.status_code == 302, answer.text
    to = urlsplit(answer.headers["location"])
    assert f"{to.scheme}://{to.netloc}{to.path}" == callback(portal.enclave)
    return parse_qs(to.query)


def query(portal: Portal, **changes: str) -> dict[str, str]:
    return {
        "client_id": "hub",
        "redirect_uri": callback(portal.enclave),
        "response_type": "code",
        "state": "the-state",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
        **changes,
    }


def exchange(portal: Portal, code: str, /, **changes: str):
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": callback(portal.enclave),
        "client_id": "hub",
        "client_secret": hub_secret(portal.enclave),
        "code_verifier": VERIFIER,
    } | changes
    return portal.client().post("/oauth/token", data=form)


def userinfo(portal: Portal, token: str):
    return portal.client().get("/oauth/userinfo", headers={"Authorization": f"Bearer {token}"})


def test_the_hub_learns_who_it_is_and_which_projects_they_have(portal: Portal) -> None:
    slug = portal.project()
    found = ask(portal, portal.client("amina"))

    answer = exchange(portal, found["code"][0])

    assert found["state"] == ["the-state"]
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"
    assert userinfo(portal, answer.json()["access_token"]).json() == {
        "sub": "amina",
        "preferred_username": "amina",
        "groups": [slug],
    }


def test_the_client_may_also_prove_itself_by_basic(portal: Portal) -> None:
    code = ask(portal, portal.client("amina"))["code"][0]
    basic = base64.b64encode(f"hub:{hub_secret(portal.enclave)}".encode()).decode()
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": callback(portal.enclave),
        "code_verifier": VERIFIER,
    }

    assert (
        portal.client()
        .post("/oauth/token", data=form, headers={"Authorization": f"Basic {basic}"})
        .status_code
        == 200
    )


def test_a_stranger_is_sent_to_sign_in_and_comes_back(portal: Portal) -> None:
    answer = portal.client().get("/oauth/authorize", params=query(portal))

    assert answer.status_code == 303
    back = parse_qs(urlsplit(answer.headers["location"]).query)["next"][0]
    assert back.startswith("/oauth/authorize?")
    assert portal.client("amina").get(back).status_code == 302


def test_somebody_who_may_open_no_workspace_gets_no_code(portal: Portal) -> None:
    assert portal.client("sofia").get("/oauth/authorize", params=query(portal)).status_code == 403


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/hub/oauth_callback",
        "http://127.0.0.1:8601/hub/oauth_callback/",
        "http://127.0.0.1:8601/hub/oauth_callback?x=1",
        "http://127.0.0.1:8601/hub/oauth_callback#x",
        "http://127.0.0.1:8601.elsewhere.example/hub/oauth_callback",
        "",
    ],
)
def test_a_code_is_never_sent_to_another_address(portal: Portal, target: str) -> None:
    answer = portal.client("amina").get("/oauth/authorize", params=query(portal, redirect_uri=target))

    assert answer.status_code == 422
    assert "location" not in answer.headers


def test_another_client_gets_nothing(portal: Portal) -> None:
    assert (
        portal.client("amina").get("/oauth/authorize", params=query(portal, client_id="other")).status_code
        == 422
    )


@pytest.mark.parametrize(
    "changes", [{"code_challenge": ""}, {"code_challenge_method": "plain"}, {"code_challenge": "short"}]
)
def test_without_pkce_there_is_no_code(portal: Portal, changes: dict[str, str]) -> None:
    found = ask(portal, portal.client("amina"), **changes)

    assert found["error"] == ["invalid_request"]
    assert "code" not in found


def test_a_code_works_once_and_using_it_again_ends_what_came_of_it(portal: Portal) -> None:
    code = ask(portal, portal.client("amina"))["code"][0]
    token = exchange(portal, code).json()["access_token"]

    again = exchange(portal, code)

    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})
    assert userinfo(portal, token).status_code == 401


def test_of_many_redemptions_at_once_one_wins(portal: Portal) -> None:
    code = ask(portal, portal.client("amina"))["code"][0]
    statuses: list[int] = []
    start = threading.Barrier(6)

    def redeem() -> None:
        start.wait()
        statuses.append(exchange(portal, code).status_code)

    threads = [threading.Thread(target=redeem) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200, 400, 400, 400, 400, 400]


def test_a_code_that_was_used_is_used_for_clocks_that_are_behind_as_well(portal: Portal) -> None:
    code = ask(portal, portal.client("amina"))["code"][0]
    assert exchange(portal, code).status_code == 200

    portal.clock.move(seconds=-1)

    assert exchange(portal, code).status_code == 400


def test_a_code_is_stale_after_a_minute(portal: Portal) -> None:
    code = ask(portal, portal.client("amina"))["code"][0]
    portal.clock.move(seconds=61)

    assert exchange(portal, code).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "another-verifier-that-is-long-enough-0123456789"},
        {"code_verifier": ""},
        {"code_verifier": challenge()},
        {"redirect_uri": "https://elsewhere.example/hub/oauth_callback"},
        {"redirect_uri": ""},
        {"code": "made-up"},
        {"code": ""},
    ],
)
def test_a_stolen_code_is_worth_nothing_and_is_used_up_by_the_try(
    portal: Portal, changes: dict[str, str]
) -> None:
    code = ask(portal, portal.client("amina"))["code"][0]

    assert exchange(portal, code, **changes).json() == {"error": "invalid_grant"}

    if "code" not in changes:
        assert exchange(portal, code).status_code == 400


@pytest.mark.parametrize(
    "changes", [{"client_secret": "wrong"}, {"client_secret": ""}, {"client_id": "other"}, {"client_id": ""}]
)
def test_only_the_hub_redeems_and_a_wrong_client_does_not_use_the_code_up(
    portal: Portal, changes: dict[str, str]
) -> None:
    code = ask(portal, portal.client("amina"))["code"][0]

    answer = exchange(portal, code, **changes)

    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert exchange(portal, code).status_code == 200


@pytest.mark.parametrize("grant", ["password", "client_credentials", "refresh_token", "implicit", ""])
def test_no_other_grant_is_known(portal: Portal, grant: str) -> None:
    assert exchange(portal, "x", grant_type=grant).json() == {"error": "unsupported_grant_type"}


def test_the_hubs_access_dies_with_the_session_that_it_came_from(portal: Portal) -> None:
    client = portal.client("amina")
    token = exchange(portal, ask(portal, client)["code"][0]).json()["access_token"]
    assert userinfo(portal, token).status_code == 200

    client.post("/sign-out")

    assert userinfo(portal, token).status_code == 401


def test_secrets_of_one_kind_open_nothing_of_another(portal: Portal) -> None:
    client = portal.client("amina")
    cookie, bearer = client.cookies["session"], portal.token("amina")["Authorization"].split()[1]
    code = ask(portal, client)["code"][0]
    access = exchange(portal, ask(portal, client)["code"][0]).json()["access_token"]

    assert [userinfo(portal, s).status_code for s in (cookie, bearer, code, "", secrets.token_urlsafe())] == [
        401
    ] * 5
    for secret in (code, access):
        assert (
            portal.client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code
            == 401
        )
    assert exchange(portal, access).status_code == 400
    assert exchange(portal, cookie).status_code == 400


def test_neither_codes_nor_tokens_are_kept(portal: Portal) -> None:
    client = portal.client("amina")
    code = ask(portal, client)["code"][0]
    access = exchange(portal, code).json()["access_token"]
    kept = (portal.enclave.settings.state_dir / "enclave.sqlite").read_bytes()
    wal = portal.enclave.settings.state_dir / "enclave.sqlite-wal"
    kept += wal.read_bytes() if wal.exists() else b""

    for secret in (code, access, client.cookies["session"]):
        assert secret.encode() not in kept
    assert hashlib.sha256(access.encode()).hexdigest().encode() in kept


def test_the_hub_derives_the_same_secret(portal: Portal) -> None:
    from enclave.hub.config import OAUTH_CLIENT, OAUTH_SECRET
    from enclave.kernel.derived import derived_secret
    from request_portal.auth.oauth import CLIENT_ID

    master = portal.enclave.settings.master_key.get_secret_value()

    assert OAUTH_CLIENT == CLIENT_ID
    assert derived_secret(master, OAUTH_SECRET) == hub_secret(portal.enclave)


def test_what_the_code_carries_is_bound_to_the_session(portal: Portal) -> None:
    from enclave.projects.model import SignIn

    client = portal.client("amina")
    ask(portal, client)
    with portal.enclave.kit.read() as uow:
        code = uow.find(SignIn, kind="code")[-1]

    assert (
        json.loads(code.context)["browser"] == hashlib.sha256(client.cookies["session"].encode()).hexdigest()
    )
