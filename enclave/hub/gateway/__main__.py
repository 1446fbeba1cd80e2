"""`python -m enclave.hub.gateway`: the gateway as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from enclave.hub.authority import entitlement_authority
from enclave.hub.gateway.assets import Assets
from enclave.hub.gateway.journal import Journal
from enclave.hub.gateway.meter import Meter
from enclave.hub.gateway.proxy import Proxy
from enclave.hub.gateway.routes import ControlApi, Routes
from enclave.hub.paths import hub_paths
from enclave.kernel.derived import derived_secret
from enclave.settings import Settings

_log = structlog.get_logger(__name__)


async def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    paths = hub_paths(settings)
    meter = Meter(paths.state / "gateway.sqlite")
    routes = Routes(meter.database)
    proxy = Proxy(
        routes=routes,
        meter=meter,
        journal=Journal(entitlement_authority(settings)),
        assets=Assets(settings.session_runtime.resolve()),
        portal=_origin(settings.public_url),
        scheme=urlsplit(settings.gateway_url).scheme,
    )
    token = derived_secret(settings.master_key.get_secret_value(), "hub-gateway")
    control = web.AppRunner(ControlApi(routes, token, proxy.cut, meter.allow).app(), access_log=None)
    public = web.AppRunner(proxy.app(), access_log=None, auto_decompress=False)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await control.setup()
    await public.setup()
    before = os.umask(0o177)
    try:
        paths.gateway_socket.unlink(missing_ok=True)
        await web.UnixSite(control, str(paths.gateway_socket)).start()
    finally:
        os.umask(before)
    await web.TCPSite(public, "127.0.0.1", settings.gateway_port, shutdown_timeout=2).start()
    _log.info("gateway ready", port=settings.gateway_port)
    await stopped.wait()
    await public.cleanup()
    await control.cleanup()
    with contextlib.suppress(OSError):
        paths.gateway_socket.unlink()
    meter.close()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def main() -> None:
    asyncio.run(serve(Settings()))


if __name__ == "__main__":
    main()
