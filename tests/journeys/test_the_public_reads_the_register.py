"""What everybody sees, and what those see who oversee; every page clean at both sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browserkit import SIZES, faults, serving, sign_in

from enclave.airlock.model import Verdict

pytestmark = pytest.mark.real


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_every_public_page_is_clean_and_leads_to_how_to_object(
    browser: Any, tmp_path: Path, size: str
) -> None:
    with serving(tmp_path) as (portal, url):
        slug = portal.project()
        output = portal.output(slug)
        for username in ("omar", "lena"):
            portal.enclave.airlock.review(portal.actor(username), output.id, Verdict.APPROVE, "")
        context = browser.new_context(viewport=SIZES[size])
        page = context.new_page()
        elsewhere: list[str] = []
        page.on("request", lambda r: elsewhere.append(r.url) if not r.url.startswith(url) else None)
        page.goto(url)
        assert faults(page) == []
        if size == "phone":
            page.get_by_role("button", name="Menu").click()
        page.get_by_role("navigation").get_by_role("link", name="Public register").click()
        assert faults(page) == []
        page.get_by_role("link", name="Who is reached by the cash transfer").click()
        assert "Ministry of Social Affairs" in page.content()
        assert "It is in the public interest." in page.content()
        assert faults(page) == []
        page.get_by_role("link", name="how your data are used and how to object").first.click()
        assert faults(page) == []
        for path in ("/datasets", "/datasets/households", "/open-data", "/sign-in", "/nowhere"):
            page.goto(url + path)
            assert faults(page) == [], path
        page.goto(f"{url}/open-data")
        page.get_by_role("link", name="Households enrolled in the cash transfer by region, May 2026").click()
        assert faults(page) == []
        assert page.locator("img.app-chart").evaluate("i => i.decode().then(() => i.naturalWidth)") > 100
        assert "Withheld." in page.content()
        assert elsewhere == []
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent").strip() == "Skip to main content"
        context.close()


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_every_page_of_those_who_oversee_is_clean(browser: Any, tmp_path: Path, size: str) -> None:
    with serving(tmp_path) as (portal, url):
        slug = portal.project()
        portal.output(slug)
        micro = next(r.id for r in portal.enclave.releases.published() if r.tier.value == "scientific_use")
        pages = {
            "sofia": ["/home", "/queue", "/releases", f"/releases/{micro}", "/ledger", f"/projects/{slug}"],
            "petra": ["/home", "/ledger", "/audit"],
            "aldo": ["/home", "/audit", "/audit?verify=yes", "/audit?actor=amina&event=output:create"],
            "pia": ["/home"],
        }
        for username, paths in pages.items():
            context = browser.new_context(viewport=SIZES[size])
            page = context.new_page()
            sign_in(page, url, username)
            for path in paths:
                page.goto(url + path)
                assert faults(page) == [], (username, path)
            context.close()
