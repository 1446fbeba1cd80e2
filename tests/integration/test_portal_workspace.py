"""The portal, the real hub and the real gateway: a researcher opens JupyterLab in a frame, and loses it when revoked."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from browserkit import ARGUMENTS, CHROMIUM, faults, serving, sign_in
from hubkit import Installation, until

from enclave.hub.client import HubClient, SessionState
from enclave.kernel.clock import SystemClock

pytestmark = [pytest.mark.real, pytest.mark.slow]

#: What a hostile notebook would try from inside the frame; the listener counts what arrives.
WAYS_OUT = """(to) => {
  const tries = [];
  const attempt = (f) => { try { tries.push(String(f())); } catch (e) { tries.push(e.name); } };
  attempt(() => fetch(to + '/fetch', {mode: 'no-cors'}).catch(() => {}));
  attempt(() => navigator.sendBeacon(to + '/beacon', 'x'));
  attempt(() => { new Image().src = to + '/img'; });
  attempt(() => { const f = document.createElement('iframe'); f.src = to + '/frame'; document.body.append(f); });
  attempt(() => { const f = document.createElement('form'); f.action = to + '/form'; document.body.append(f); f.submit(); });
  attempt(() => window.open(to + '/open'));
  attempt(() => { top.location = to + '/top'; });
  attempt(() => parent.document.title);
  attempt(() => { location = to + '/location'; });
  return tries;
}"""


class _Listener:
    """Elsewhere: counts what reaches it."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        hits = self.hits

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hits.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", "13")
                self.end_headers()
                self.wfile.write(b"<body></body>")

            do_POST = do_GET  # noqa: N815 - the name that http.server calls

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def test_a_workspace_opens_in_a_frame_that_leads_nowhere_and_ends_when_access_is_revoked() -> None:
    from playwright.sync_api import sync_playwright

    place = Path(tempfile.mkdtemp(prefix="enclave-portal-"))
    installation = Installation(place)
    installation.environment.pop("REGISTRY_ENCLAVE_AUTHORITY")  # the real one: the portal's own entitlements
    chosen, elsewhere = installation.settings, _Listener()
    shared = {
        "clock": SystemClock(),
        "port": chosen.portal_port,
        "portal_port": chosen.portal_port,
        "gateway_port": chosen.gateway_port,
        "gateway_url": chosen.gateway_url,
        "session_runtime": chosen.session_runtime,
        "poll_seconds": 2,
    }
    try:
        with serving(place, **shared) as (portal, url), sync_playwright() as playwright:
            slug = portal.project()
            installation.provider.start = lambda: None  # type: ignore[method-assign]
            installation.start()
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            sign_in(page, url, "amina")
            page.goto(f"{url}/projects/{slug}")
            page.get_by_role("button", name="Open workspace").click()
            frame = page.frame_locator("iframe.app-frame")
            frame.locator(".jp-Launcher, .jp-DirListing-content").first.wait_for(timeout=180_000)
            assert faults(page) == []
            if pictures := os.environ.get("ENCLAVE_PICTURES"):
                page.screenshot(path=Path(pictures) / "workspace.png")
            inner = next(f for f in page.frames if f.url.startswith(chosen.gateway_url))
            assert "/user/amina/" in inner.url

            inner.evaluate(WAYS_OUT, elsewhere.url)
            page.wait_for_timeout(1500)
            assert elsewhere.hits == []
            # The same tries from a page without our walls do arrive: the listener counts.
            free = browser.new_page()
            free.goto(f"{elsewhere.url}/page")
            free.evaluate(WAYS_OUT, elsewhere.url)
            until(lambda: len(set(elsewhere.hits) - {"/page", "/favicon.ico"}) >= 2, 10)
            assert page.url == f"{url}/projects/{slug}/workspace"
            assert portal.client("badr").get(f"/projects/{slug}/workspace").status_code == 404

            entitlement = portal.enclave.entitlements.of_project(slug)[0]
            answer = portal.client("sofia").post(
                f"/projects/{slug}/entitlements/{entitlement.id}/revoke",
                data={"reason": "The project has ended."},
            )
            assert answer.status_code == 303
            hub = HubClient(chosen)
            until(lambda: hub.status("amina", slug).state is SessionState.ABSENT, 60)
            hub.close()
            page.goto(f"{url}/projects/{slug}")
            assert page.get_by_role("button", name="Open workspace").count() == 0
            assert portal.client("amina").post(f"/projects/{slug}/workspace").status_code == 403
            browser.close()
    finally:
        installation.provider.server = elsewhere.server
        if hasattr(installation, "log"):
            installation.stop()
        shutil.rmtree(place, ignore_errors=True)
