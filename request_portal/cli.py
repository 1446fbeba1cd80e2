"""The portal's commands; the command line of the enclave picks them up by entry point."""

from __future__ import annotations

import click


@click.group(name="portal")
def portal() -> None:
    """The portal: pages and REST API."""


@portal.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=int, default=None, help="Port to listen on; by default that of the settings.")
def serve(host: str, port: int | None) -> None:
    """Serve the portal until it is stopped."""
    import uvicorn  # noqa: PLC0415 - only who serves needs the server

    from enclave.settings import Settings  # noqa: PLC0415 - as above

    settings = Settings()
    uvicorn.run(
        "request_portal.app:from_environment",
        factory=True,
        host=host,
        port=port or settings.portal_port,
        log_level=settings.log_level.lower(),
        server_header=False,
        # The access log would hold addresses with reference numbers; the audit log is the record.
        access_log=False,
    )


@portal.command()
def routes() -> None:
    """Print every route and who may use it."""
    from enclave.bootstrap import build  # noqa: PLC0415 - heavy
    from enclave.settings import Settings  # noqa: PLC0415 - as above
    from request_portal.access import guard_of  # noqa: PLC0415 - as above
    from request_portal.app import create_app  # noqa: PLC0415 - as above
    from request_portal.app import routes as all_routes  # noqa: PLC0415 - as above

    for route in all_routes(create_app(build(Settings()))):
        guard = guard_of(route)
        methods = ",".join(sorted(route.methods or ()))
        click.echo(f"{methods:7} {route.path:55} {guard.words if guard else 'UNDECLARED'}")
