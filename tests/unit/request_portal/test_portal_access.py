"""Every route declares who may use it, and refuses everybody else."""

from __future__ import annotations

import re

import pytest
from fastapi.routing import RouteContext
from portalkit import PEOPLE, ROLE_OF, Portal, a_portal

from enclave.kernel.actors import GRANTS
from request_portal.access import Door, Guard, guard_of
from request_portal.app import routes

#: The only routes that a stranger may use; a new one has to be put here by hand, where a reviewer sees it.
PUBLIC = {
    "GET /",
    "GET /about-your-data",
    "GET /register",
    "GET /register/{slug}",
    "GET /datasets",
    "GET /datasets/{slug}",
    "GET /dashboard",
    "GET /dashboard/{slug}",
    "GET /dashboard/{slug}/chart.svg",
    "GET /open-data",
    "GET /open-data/{id_}",
    "GET /open-data/{id_}/chart.svg",
    "GET /releases/{id_}/files/{name}",
    "GET /sign-in",
    "POST /sign-in",
    "POST /oauth/token",
    "GET /oauth/userinfo",
    "GET /api/v1/health",
    "POST /api/v1/sign-in",
    "GET /api/v1/datasets",
    "GET /api/v1/datasets/{slug}",
    "GET /api/v1/releases",
    "GET /api/v1/releases/{id_}/files/{name}",
    "GET /api/v1/private-queries/key",
    "GET /api/v1/register",
    "GET /api/v1/register/{slug}",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Portal:
    return a_portal(tmp_path_factory.mktemp("access"))


def _each(house: Portal) -> list[tuple[str, str, Guard | None, RouteContext]]:
    found = []
    for route in routes(house.app):
        found += [
            (m, str(route.path), guard_of(route), route) for m in sorted(route.methods or ()) if m != "HEAD"
        ]
    return found


def test_every_route_declares_exactly_one_door(house: Portal) -> None:
    undeclared = [f"{method} {path}" for method, path, guard, _ in _each(house) if guard is None]

    assert not undeclared, f"Declare who may use these (request_portal.access): {undeclared}"


def test_there_are_as_many_routes_as_we_think_of(house: Portal) -> None:
    assert len(_each(house)) > 80


def test_only_the_routes_of_this_list_are_public(house: Portal) -> None:
    public = {
        f"{m} {p}" for m, p, guard, _ in _each(house) if guard is not None and guard.access is Door.PUBLIC
    }

    assert public == PUBLIC


def test_strangers_are_refused_everywhere_else(house: Portal) -> None:
    client = house.client()
    for method, path, guard, _ in _each(house):
        if guard is None or guard.access is Door.PUBLIC:
            continue
        answer = client.request(method, re.sub(r"{\w+}", "anything", path))

        assert answer.status_code == 401 or (
            answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
        ), f"{method} {path} answered {answer.status_code} to a stranger"


@pytest.mark.parametrize("username", [p[0] for p in PEOPLE])
def test_roles_that_a_route_does_not_name_are_refused(house: Portal, username: str) -> None:
    client, mine = house.client(username), GRANTS[ROLE_OF[username]]
    for method, path, guard, _ in _each(house):
        if guard is None or not isinstance(guard.access, tuple) or mine & set(guard.access):
            continue
        answer = client.request(method, re.sub(r"{\w+}", "anything", path))

        assert answer.status_code == 403, f"{method} {path} answered {answer.status_code} to {username}"


def test_the_static_files_and_the_description_are_all_that_is_mounted_besides(house: Portal) -> None:
    declared = {r.path for r in routes(house.app)}
    others = {getattr(r, "path", None) for r in house.app.routes if getattr(r, "path", None)} - declared

    assert others == {"/static", "/api/v1/openapi.json"}
