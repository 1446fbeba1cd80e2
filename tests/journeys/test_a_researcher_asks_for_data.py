"""From the start page to the steward's approval, in a real browser, on a phone and on a desk, with and without scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browserkit import SIZES, faults, serving, sign_in

pytestmark = pytest.mark.real

SUMMARY = (
    "We measure which poor households the cash transfer reaches and which it misses, region by region, so that the "
    "families that are left out can be found."
)


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_a_request_is_written_sent_and_approved(
    browser: Any, tmp_path: Path, size: str, scripts: bool
) -> None:
    with serving(tmp_path) as (portal, url):
        context = browser.new_context(viewport=SIZES[size], java_script_enabled=scripts)
        page = context.new_page()
        noise: list[str] = []
        page.on(
            "console", lambda m: noise.append(m.text) if m.type == "error" and "422" not in m.text else None
        )

        def go_on(title: str = "") -> None:
            page.get_by_role("button", name="Save and continue").click()
            if title:
                page.get_by_role("heading", name=title, level=1).wait_for()

        def fine() -> None:
            # axe needs scripts; the pages are the same without them.
            if scripts:
                assert faults(page) == [], page.url

        sign_in(page, url, "amina")
        fine()
        page.goto(f"{url}/requests/new")
        fine()
        page.get_by_role("button", name="Start now").click()
        fine()
        page.get_by_role("link", name="Describe your project").click()
        go_on()
        assert "There is a problem" in page.content()
        assert page.title().startswith("Error:")
        if scripts:
            fine()
            assert page.evaluate("document.activeElement.className").startswith("govuk-error-summary")
        page.get_by_role("link", name="Give the project a title").click()
        page.get_by_label("What is your project called?").fill("Who is reached by the cash transfer")
        go_on("What do you want to find out?")
        page.get_by_label("What do you want to find out?").fill("Too short")
        go_on()
        assert page.get_by_label("What do you want to find out?").input_value() == "Too short"
        page.get_by_label("What do you want to find out?").fill(SUMMARY)
        fine()
        go_on()
        page.get_by_role("link", name="Say why it is in the public interest").click()
        page.get_by_label("Find out who is reached and who is missed").check()
        fine()
        go_on("Who gains from the answer?")
        page.get_by_label("Who gains from the answer?").fill(
            "Families that are missed today can be found and enrolled."
        )
        page.get_by_role("button", name="Save and come back later").click()
        page.get_by_role("link", name="Choose the data you need").click()
        page.get_by_label("Registered households").check()
        go_on("Which columns do you need?")
        assert page.get_by_label("head_name").count() == 0
        assert page.get_by_label("case_note").count() == 0
        for column in ("household_id", "region", "household_size", "consumption"):
            page.get_by_label(column, exact=True).check()
        fine()
        go_on("Which areas do you need?")
        page.get_by_label("North").check()
        fine()
        go_on()
        page.get_by_role("link", name="Say who will have access, and for how long").click()
        page.get_by_label("Who else will work on it?").fill("nobody-of-that-name")
        go_on()
        assert "1 username of your list has no account here" in page.content()
        page.get_by_label("Who else will work on it?").fill("badr")
        go_on("For how long do you need access?")
        page.get_by_label("6 months").check()
        go_on()
        page.get_by_role("link", name="Plan what you will publish").click()
        page.get_by_label("What will you take out and publish?").fill(
            "Tables of coverage by region and household size."
        )
        go_on()
        assert "You have completed 5 of 5 tasks" in page.content()
        fine()
        page.get_by_role("link", name="Check your answers and send").click()
        fine()
        assert "Your request can be sent." in page.content()
        page.get_by_role("button", name="Send the request").click()
        assert "Tick the box" in page.content()
        page.get_by_role("link", name="Change what is your project called?").click()
        page.get_by_label("What is your project called?").fill("Who is reached, and who is missed")
        go_on("Check your answers")
        page.get_by_label("What I wrote is true").check()
        page.get_by_role("button", name="Send the request").click()
        page.get_by_role("heading", name="Request sent").wait_for()
        fine()
        context.close()

        context = browser.new_context(viewport=SIZES[size], java_script_enabled=scripts)
        page = context.new_page()
        sign_in(page, url, "sofia")
        fine()
        page.goto(f"{url}/queue")
        fine()
        page.get_by_role("link", name="AR-2026-0001").click()
        fine()
        assert "The policy allows you to approve this." in page.content()
        page.get_by_role("button", name="Decide").click()
        assert "Choose what you decide." in page.content()
        fine()
        page.get_by_label("Approve", exact=True).check()
        page.get_by_label("Reason").fill(
            "The question is public business, and it asks for four columns only."
        )
        page.get_by_role("button", name="Decide").click()
        page.get_by_text("Approved").first.wait_for()
        fine()
        context.close()

    entry = portal.enclave.register.entries()[0]
    assert entry.title == "Who is reached, and who is missed"
    assert entry.areas == ("R01",)
    assert noise == []
    assert portal.enclave.audit.verify() == []
