"""A pod's first process with the real notebook server, reached and reaching out as in a pod, on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from enclave.hub.facade import HELD
from enclave.hub.kubernetes.carriage import Carriage
from enclave.hub.session import pod

RUNTIME = Path(
    os.environ.get("REGISTRY_ENCLAVE_SESSION_RUNTIME", Path(__file__).parents[2] / ".runtime")
).absolute()
BASE = "/user/alice/targeting"
WORD = "w" * 32

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not (RUNTIME / "bin" / "python").exists(), reason="the session runtime is not built"),
]


def test_the_notebook_server_answers_at_the_pods_port_and_asks_the_hub_through_the_facades(tmp_path):
    run = Path("/tmp") / f"p{tmp_path.stat().st_ino}"
    run.mkdir()
    try:
        asyncio.run(_serve(run, tmp_path))
    finally:
        shutil.rmtree(run)


async def _serve(run, home):
    asked = []

    async def hub(request):
        asked.append((request.method, request.path, request.headers.get("Authorization", "")))
        return web.json_response({"version": "6.1.1"}, headers={"X-JupyterHub-Version": "6.1.1"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hub)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(run / "s.out")).start()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    carriage = Carriage("127.0.0.1", 0, port)
    await carriage.open()
    await carriage.join("127.0.0.1", WORD, run / "s.in", run / "s.out", run / "s.ask")
    session = _start(run, home, port, carriage.port)
    try:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(run / "s.in"))) as gateway:
            assert "version" in await _answer(gateway, f"http://in{BASE}/api", session)
            async with gateway.get(f"http://in{BASE}/lab", allow_redirects=False) as lab:
                assert lab.status == 302
                assert lab.headers["Location"].startswith("/hub/api/oauth2/authorize")
        for _ in range(100):
            if len(asked) > 1:
                break
            await asyncio.sleep(0.1)
        assert ("GET", "/hub/api", "") in asked
        assert ("POST", "/hub/api/users/alice/activity", f"token {HELD}") in asked
        await carriage.leave("127.0.0.1", WORD)
        assert not (run / "s.in").exists()
    finally:
        # In a pod the kernel ends everything with the first process; here the group is ended.
        os.killpg(session.pid, signal.SIGKILL)
        session.wait()
        await carriage.close()
        await runner.cleanup()


def _start(run, home, port, facade):
    with (home / "log").open("wb") as log:
        return subprocess.Popen(
            [RUNTIME / "bin" / "python", "-I", pod.__file__],
            env=_environment(run, home, port, facade),
            cwd=home,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


async def _answer(gateway, url, session):
    for _ in range(600):
        assert session.poll() is None, "the server ended"
        try:
            async with gateway.get(url) as reply:
                return await reply.json()
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
    raise AssertionError("it never answered")


def _environment(run, home, port, facade):
    api = f"http+unix://{str(run / 'hub.sock').replace('/', '%2F')}/hub/api"
    settings = run / "settings"  # outside of home: what is in there is not listened to
    settings.mkdir()
    config = {"ServerApp": {"allow_root": True, "root_dir": str(home), "terminals_enabled": False}}
    (settings / "jupyter_server_config.json").write_text(json.dumps(config))
    scopes = json.dumps(["access:servers!server=alice/targeting"])
    return {
        "HOME": str(home),
        "PATH": f"{RUNTIME}/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "JUPYTER_CONFIG_DIR": str(settings),
        "ENCLAVE_FACADE": f"127.0.0.1:{facade}",
        "ENCLAVE_WORD": WORD,
        "ENCLAVE_DOORS": str(run),
        "ENCLAVE_PORT": str(port),
        "JUPYTERHUB_API_TOKEN": HELD,
        "JUPYTERHUB_API_URL": api,
        "JUPYTERHUB_ACTIVITY_URL": f"{api}/users/alice/activity",
        "JUPYTERHUB_SERVICE_URL": f"http+unix://in{BASE}/",
        "JUPYTERHUB_SERVICE_PREFIX": f"{BASE}/",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_USER": "alice",
        "JUPYTERHUB_SERVER_NAME": "targeting",
        "JUPYTERHUB_CLIENT_ID": "session",
        "JUPYTERHUB_HOST": "",
        "JUPYTERHUB_OAUTH_SCOPES": scopes,
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
        "JUPYTERHUB_SINGLEUSER_EXTENSION": "1",
        "JUPYTERHUB_DISABLE_USER_CONFIG": "1",
    }
