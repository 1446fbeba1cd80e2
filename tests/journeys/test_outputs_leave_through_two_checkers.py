"""Sending results out and checking them, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browserkit import SIZES, faults, serving, sign_in

pytestmark = pytest.mark.real


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_results_are_sent_checked_twice_and_fetched(
    browser: Any, tmp_path: Path, size: str, scripts: bool
) -> None:
    with serving(tmp_path) as (portal, url):
        slug = portal.project()
        portal.write_output(slug, "coverage.csv", b"region,households\n<b>North</b>,120\nSouth,95\n")

        def opened(username: str) -> tuple[Any, Any]:
            context = browser.new_context(viewport=SIZES[size], java_script_enabled=scripts)
            page = context.new_page()
            sign_in(page, url, username)
            return context, page

        def fine(page: Any) -> None:
            if scripts:
                assert faults(page) == [], page.url

        context, page = opened("amina")
        page.goto(f"{url}/projects/{slug}")
        fine(page)
        page.get_by_role("button", name="Send results out").click()
        page.get_by_label("What are these results?").fill("Coverage by region")
        page.get_by_label("Which files?").fill("no-such-file.csv")
        page.get_by_label("What does each file show?").fill(
            "Households reached in each region, for the working paper."
        )
        page.get_by_label("What did you do so that nobody").fill("Cells under ten are merged.")
        page.get_by_role("button", name="Copy and check the files").click()
        assert "there is no such plain file" in page.content()
        assert page.get_by_label("What are these results?").input_value() == "Coverage by region"
        fine(page)
        page.get_by_label("Which files?").fill("coverage.csv")
        page.get_by_role("button", name="Copy and check the files").click()
        page.get_by_text("The automatic checks found nothing against it.").wait_for()
        fine(page)
        page.get_by_role("button", name="Send to the checkers").click()
        page.get_by_text("Waiting").first.wait_for()
        address = page.url
        context.close()

        for username in ("omar", "lena"):
            context, page = opened(username)
            page.goto(f"{url}/airlock")
            fine(page)
            page.get_by_role("link", name="OUT-2026-0001").click()
            assert page.get_by_role("cell", name="<b>North</b>").count() == 1
            assert page.get_by_role("heading", name="Verdicts").count() == 0
            fine(page)
            page.get_by_label("Return for changes").first.check()
            page.get_by_role("button", name="Give your verdict").click()
            page.get_by_role("heading", name="There is a problem").wait_for()
            fine(page)
            page.get_by_label("Approve", exact=True).first.check()
            page.get_by_role("button", name="Give your verdict").click()
            page.wait_for_url(address)
            context.close()

        context, page = opened("amina")
        page.goto(address)
        fine(page)
        with page.expect_download() as download:
            page.get_by_role("link", name="coverage.csv").first.click()
        assert Path(download.value.path()).read_bytes().startswith(b"region,households")
        page.goto(f"{url}/register/{slug}")
        assert "Coverage by region" in page.content()
        fine(page)
        context.close()
    assert portal.enclave.audit.verify() == []
