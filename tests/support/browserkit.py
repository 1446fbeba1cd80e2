"""A portal on a loopback port and a real browser in front of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from objectstore import free_ports
from portalkit import PASSWORD, Portal, a_portal

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"phone": {"width": 320, "height": 720}, "desktop": {"width": 1280, "height": 900}}


@contextmanager
def serving(root: Path, *, port: int = 0, **settings: Any) -> Iterator[tuple[Portal, str]]:
    """A portal with people and data, and its address."""
    port = port or free_ports(1)
    url = f"http://127.0.0.1:{port}"
    portal = a_portal(root, public_url=url, **settings)
    server = uvicorn.Server(uvicorn.Config(portal.app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield portal, url
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def sign_in(page: Any, url: str, username: str) -> None:
    page.goto(f"{url}/sign-in")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/home")


def faults(page: Any) -> list[str]:
    """What axe finds wrong with a page under WCAG 2.2 A and AA and best practice, and whether it scrolls sideways."""
    from axe_playwright_python.sync_playwright import Axe

    found = [
        f"{v['id']}: {v['help']} ({v['nodes'][0]['html'][:120]})"
        for v in Axe().run(page).response["violations"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found.append("the page scrolls sideways")
    return found
