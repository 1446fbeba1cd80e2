"""The pictures of the README, taken of real pages: `python tests/support/pictures.py docs/pictures`."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from browserkit import ARGUMENTS, CHROMIUM, serving, sign_in
from playwright.sync_api import sync_playwright

from enclave.airlock.model import Verdict

CSV = b"region,households,share_enrolled\nNorth,1204,0.71\nSouth,951,0.64\nEast,402,0.58\nWest,133,0.66\nIslands,12,1.00\n"
DESCRIPTION = {
    "schema": "registry-enclave/output/1",
    "kind": "table",
    "unit": "household",
    "counts": ["households"],
    "statistics": {"share_enrolled": "households"},
    "proportions": ["share_enrolled"],
    "dimensions": ["region"],
}
OVERLAP = (
    "We count the households that get two or more programmes and those that qualify and get none, by region and "
    "household size, so that agencies can agree on whom to visit first."
)
ISLANDS = (
    "We look at families of six and more in the islands, and ask how many of those who qualify get the education "
    "grant, so that the programme office can plan its visits."
)


def take(to: Path) -> None:
    """Writes the pictures into that folder."""
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, serving(Path(place), real_checks=True) as (portal, url):
        slug = portal.project()
        portal.project(
            title="Do grants reach large families in the islands?", summary=ISLANDS, areas=("R05",)
        )
        draft = portal.draft(
            title="How much of a family's needs does the transfer cover?", planned_outputs=""
        )
        waiting = portal.submitted(
            title="Who gets several programmes, and who gets none?",
            summary=OVERLAP,
            purpose="programme-overlap",
            areas=(),
            planned_outputs="Two tables by region and household size, one figure, a policy note.",
        )
        portal.write_output(slug, "coverage.csv", CSV)
        portal.write_output(slug, "coverage.sdc.json", json.dumps(DESCRIPTION).encode())
        made = portal.enclave.airlock.create(
            portal.actor("amina"),
            project=slug,
            title="Coverage of the cash transfer by region",
            context="Households below the poverty line in each region, and the share that is enrolled. Table 2 of the paper.",
            controls="No cell describes fewer than ten households; shares are rounded to two digits.",
            files=("coverage.csv",),
        )
        output = portal.enclave.airlock.submit(portal.actor("amina"), made.id)
        table = next(r.id for r in portal.enclave.releases.published() if r.tier.value == "open")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)

            def shot(
                who: str, path: str, name: str, height: int, do: Callable[[Any], None] = lambda _: None
            ) -> None:
                context = browser.new_context(viewport={"width": 1200, "height": height})
                page = context.new_page()
                if who:
                    sign_in(page, url, who)
                page.goto(url + path)
                page.wait_for_load_state("networkidle")
                do(page)
                page.screenshot(path=to / name)
                context.close()

            def open_rules(page: Any) -> None:
                page.get_by_text("rules that were weighed").click()
                page.evaluate("document.activeElement.blur()")

            shot("", "/", "start.png", 840)
            shot("amina", f"/requests/{draft.id}/tasks", "request-task-list.png", 700)
            shot("sofia", f"/requests/{waiting.id}", "steward-decision.png", 880, open_rules)
            shot("omar", f"/airlock/{output.id}", "checker.png", 1040)
            for username in ("omar", "lena"):
                portal.enclave.airlock.review(portal.actor(username), output.id, Verdict.APPROVE, "")
            shot("", "/register", "register.png", 720)
            shot("", f"/open-data/{table}", "open-data.png", 860)
            browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
