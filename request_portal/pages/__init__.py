"""The pages, one module for each kind of reader."""

from __future__ import annotations

from request_portal.pages import (
    account,
    dashboard,
    outputs,
    oversight,
    projects,
    public,
    request_journey,
    researcher,
    steward,
)

ROUTERS = tuple(
    module.router
    for module in (
        public,
        dashboard,
        account,
        researcher,
        request_journey,
        projects,
        outputs,
        steward,
        oversight,
    )
)
