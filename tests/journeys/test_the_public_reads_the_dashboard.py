"""The dashboard in a browser: at both sizes, with and without scripts, clean and inside the screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browserkit import SIZES, faults, serving
from dashboardkit import draw_figures
from standingkit import DAYS, IBR

pytestmark = pytest.mark.real

SHOWN = (
    "",
    "?indicator=BENEFITS&by=area",
    "?indicator=OVERLAP&by=programme&area=R05",
    "?indicator=BENEFICIARY_INCIDENCE&programme=enrolled_cct&by=band",
    "?indicator=EXCLUSION_ERROR&programme=enrolled_pension&by=day",
    "?indicator=GAP&programme=nobody&by=nothing",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("dashboard")
    with serving(root) as (portal, url):
        draw_figures(portal, root, DAYS[1:3])
        yield url


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_every_figure_is_clean_at_this_size(browser: Any, served: str, size: str) -> None:
    context = browser.new_context(viewport=SIZES[size])
    page = context.new_page()
    elsewhere: list[str] = []
    page.on("request", lambda r: elsewhere.append(r.url) if not r.url.startswith(served) else None)
    for query in SHOWN:
        page.goto(f"{served}/dashboard/{IBR}{query}")
        assert faults(page) == [], query
        chart = page.locator("img.app-chart")
        assert chart.evaluate("i => i.decode().then(() => i.naturalWidth)") > 100
        box = chart.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= SIZES[size]["width"]
        assert len(chart.get_attribute("alt")) > 50
    page.goto(f"{served}/open-data")
    page.get_by_role("link", name="Who is reached, who is missed, who is in several programmes").first.click()
    assert faults(page) == []
    page.get_by_role("link", name="See them on the dashboard").click()
    assert "/dashboard/" in page.url
    assert elsewhere == []
    context.close()


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_without_scripts_somebody_chooses_a_figure_and_downloads_it(
    browser: Any, served: str, size: str, tmp_path: Path
) -> None:
    context = browser.new_context(viewport=SIZES[size], java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served}/dashboard")
    page.get_by_label("Figure", exact=True).select_option("EXCLUSION_ERROR")
    page.get_by_label("Programme").select_option("enrolled_cct")
    page.get_by_label("Show by").select_option("area")
    page.get_by_role("button", name="Show").click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("Exclusion error")
    assert "Family Support Grant" in page.get_by_role("heading", level=2).first.inner_text()
    assert page.get_by_role("row").count() == 8
    page.get_by_label("Show by").select_option("day")
    page.get_by_role("button", name="Show").click()
    assert page.get_by_role("row").count() == 3
    with page.expect_download() as coming:
        page.get_by_role("link", name="participation.sdmx.csv").click()
    coming.value.save_as(tmp_path / "figures.csv")
    assert (tmp_path / "figures.csv").read_text().startswith("STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA")
    context.close()
