"""What goes along with a request and a reply, and what stays behind."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from enclave.hub.gateway.headers import (
    content_security_policy,
    from_session,
    leads_away,
    own_cookies,
    to_server,
)


def given(*pairs):
    return CIMultiDictProxy(CIMultiDict(pairs))


def test_the_portals_cookies_never_reach_a_session():
    cookies = [
        "portal=secret; jupyterhub-user-ana=1; session=x; _xsrf=2",
        "_xsrf_other=3; __Host-jupyterhub-session-id=4",
    ]
    assert own_cookies(cookies) == "jupyterhub-user-ana=1; _xsrf=2; __Host-jupyterhub-session-id=4"


def test_credentials_and_connection_headers_stay_behind():
    sent = to_server(
        given(
            ("Host", "gate:1"), ("Authorization", "token x"), ("Cookie", "portal=1"), ("Connection", "close"),
            ("Referer", "http://portal/projects/7"), ("X-Forwarded-Host", "evil"), ("X-XSRFToken", "ok"),
            ("Sec-WebSocket-Key", "k"), ("Accept-Encoding", "br"),
        ),
        scheme="https",
        session=True,
    )  # fmt: skip
    assert dict(sent) == {
        "Host": "gate:1",
        "X-XSRFToken": "ok",
        "Accept-Encoding": "identity",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "gate:1",
    }


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("jupyterhub-user-ana=1; Path=/user/ana/p/; HttpOnly", True),
        ("_xsrf=1; Path=/user/ana/p/", True),
        ("jupyterhub-user-ana=1; Path=/", False),
        ("jupyterhub-user-ana=1; Path=/user/ana/pq/", False),
        ("jupyterhub-user-ana=1; Path=/user/ana/p/; Domain=example.org", False),
        ("portal=1; Path=/user/ana/p/", False),
        ("portal=1", False),
        ("", False),
    ],
)
def test_a_session_sets_cookies_for_itself_only(line, kept):
    passed = from_session(given(("Set-Cookie", line)), "/user/ana/p")
    assert passed.getall("Set-Cookie", []) == ([line] if kept else [])


def test_a_session_cannot_send_headers_that_steer_the_browser():
    told = from_session(
        given(("Content-Type", "text/html"), ("Content-Security-Policy", "x"), ("Refresh", "0; url=//evil"),
              ("Link", "<//evil>; rel=preload"), ("Content-Disposition", "inline"), ("Clear-Site-Data", "*")),
        "/user/ana/p",
    )  # fmt: skip
    assert dict(told) == {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    "place", ["https://evil/", "//evil/", "/\\evil/", "\\\\evil", "javascript:alert(1)", "http://gate:2/"]
)
def test_a_redirect_to_another_site_is_seen(place):
    assert leads_away(place, "gate:1")


@pytest.mark.parametrize(
    "place", ["", "/hub/api/oauth2/authorize?x=//y", "lab", "http://gate:1/user/ana/p/lab"]
)
def test_a_redirect_inside_is_let_through(place):
    assert not leads_away(place, "gate:1")


def test_the_page_policy_starts_from_nothing_and_allows_no_download():
    policy = content_security_policy("https://portal.example")
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'self' https://portal.example" in policy
    assert "allow-downloads" not in policy
    assert "http:" not in policy.replace("https://portal.example", "")
