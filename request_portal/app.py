"""Putting the portal together."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from enclave.bootstrap import Enclave, build
from enclave.settings import Settings
from request_portal import problems
from request_portal.api import account, audit, data, extracts, outputs, private, projects, requests
from request_portal.auth import oauth
from request_portal.guards import MAX_BODY, Guards, RateLimit, origin_of
from request_portal.pages import ROUTERS

API = "/api/v1"
STATIC = Path(__file__).parent / "static"


def create_app(enclave: Enclave, *, sign_in_limit: RateLimit | None = None) -> FastAPI:
    """The portal over an enclave.

    Args:
        enclave: every use case, from `enclave.bootstrap.build`.
        sign_in_limit: how often one address may try to sign in; by default 60 times in five minutes.
    """
    settings = enclave.settings
    app = FastAPI(
        title="Registry research enclave",
        version="1",
        description="The same use cases as the pages. Errors are application/problem+json with a sentence.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # its page would load scripts from another site
        redoc_url=None,
        max_body_size=MAX_BODY,
        middleware=[
            Middleware(
                Guards,
                own_origin=origin_of(settings.public_url),
                tls=settings.cookie_secure,
                refuse=problems.refused_cross_site,
                odd=problems.odd_address,
                stranger=problems.stranger,
                broken=problems.broken,
            )
        ],
    )
    app.state.enclave = enclave
    app.state.sign_in_limit = sign_in_limit or RateLimit()
    problems.install(app)
    api = APIRouter(prefix=API)
    for module in (account, requests, projects, outputs, data, extracts, private, audit):
        api.include_router(module.router)
    app.include_router(api)
    app.include_router(oauth.router)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def from_environment() -> FastAPI:
    """The portal of this installation (`uvicorn --factory request_portal.app:from_environment`)."""
    return create_app(build(Settings()))


def routes(app: FastAPI) -> list[RouteContext]:
    """Every route that answers, flattened, without the static files and the API's own description."""
    flat = iter_route_contexts(app.routes)
    return [r for r in flat if not isinstance(r.route, Mount) and r.path != app.openapi_url]
