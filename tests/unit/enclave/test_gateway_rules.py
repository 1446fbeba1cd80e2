"""What may pass the gateway: the tables, and paths that try to look like something else."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enclave.hub.gateway.rules import HUB_RULES, SESSION_RULES, Kind, permitted, plain_path
from enclave.kernel.errors import NotAllowed

ID = "0" * 8 + "-0000-4000-8000-" + "0" * 12
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"]


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/lab", Kind.PAGE),
        ("GET", "/lab/tree/notebooks/a b.ipynb", Kind.PAGE),
        ("GET", "/static/lab/main.js", Kind.ASSET),
        ("GET", "/kernelspecs/python3/logo-64x64.png", Kind.ASSET),
        ("GET", f"/api/kernels/{ID}/channels", Kind.CHANNEL),
        ("GET", "/api/events/subscribe", Kind.EVENTS),
        ("PUT", "/api/contents/notebooks/日本.ipynb", Kind.API),
        ("POST", f"/api/kernels/{ID}/interrupt", Kind.API),
    ],
)
def test_what_people_work_with_is_let_through(method, path, kind):
    assert permitted(SESSION_RULES, method, path).kind is kind


@given(
    st.lists(
        st.text(
            alphabet=st.characters(exclude_characters="/\\%", exclude_categories=["Cc", "Cs"]), min_size=1
        ),
        min_size=1,
    )
)
def test_a_plain_path_is_read_as_it_was_written(segments):
    path = "/" + "/".join(segments)
    if {".", ".."} & set(segments):
        with pytest.raises(NotAllowed):
            plain_path(quote(path))
    else:
        assert plain_path(quote(path)) == path


@given(st.text(max_size=60))
def test_a_path_that_passes_has_one_reading_only(raw):
    try:
        path = plain_path(raw)
    except NotAllowed:
        return
    segments = path.split("/")
    assert path.startswith("/")
    assert "%" not in path
    assert "\\" not in path
    assert not {".", ".."} & set(segments)
    assert "" not in segments[1:-1]


@pytest.mark.parametrize(
    "raw",
    [
        "//lab",
        "/lab/../files/x",
        "/lab/%2e%2e/files/x",
        "/lab/%252e",
        "/a%2fb",
        "/a\\b",
        "/a%5Cb",
        "/%ff",
        "/a%00",
        "x",
        "",
    ],
)
def test_a_path_with_two_readings_is_refused(raw):
    with pytest.raises(NotAllowed):
        plain_path(raw)


@given(method=st.sampled_from(METHODS), tail=st.text(max_size=20).filter(lambda t: "\n" not in t))
@pytest.mark.parametrize(
    "head",
    [
        "/files",
        "/nbconvert",
        "/view",
        "/terminals",
        "/api/terminals",
        "/api/nbconvert",
        "/proxy",
        "/metrics",
        "/custom",
    ],
)
def test_no_method_opens_a_download(head, method, tail):
    with pytest.raises(NotAllowed):
        permitted(SESSION_RULES, method, f"{head}/{tail}")
    with pytest.raises(NotAllowed):
        permitted(SESSION_RULES, method, head)


@pytest.mark.parametrize(
    "name", ["kernel.json", "rows.parquet", "logo-a.parquet", "logo-a/b.png", "kernel.js"]
)
def test_of_a_kernel_only_its_logo_is_let_through(name):
    with pytest.raises(NotAllowed):
        permitted(SESSION_RULES, "GET", f"/kernelspecs/x/{name}")


@pytest.mark.parametrize(
    "path", ["/hub/token", "/hub/admin", "/hub/api/users", "/hub/api/users/ana/tokens", "/hub/api/proxy"]
)
def test_tokens_and_administration_stay_closed(path):
    for method in METHODS:
        with pytest.raises(NotAllowed):
            permitted(HUB_RULES, method, path)


def test_no_rule_of_the_hub_lets_anything_be_changed():
    assert all(rule.methods <= {"GET", "HEAD"} for rule in HUB_RULES)
