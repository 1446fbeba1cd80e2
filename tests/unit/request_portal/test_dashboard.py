"""The policymakers' dashboard: every number from open releases, every choice answered, nothing hidden."""

from __future__ import annotations

import html
import io
import re
from dataclasses import replace
from itertools import product
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from dashboardkit import draw_figures
from portalkit import a_portal
from standingkit import DAYS, IBR

from request_portal.present import figures
from request_portal.present.charts import Points, figures_svg

HERE = f"/dashboard/{IBR}"


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    root = tmp_path_factory.mktemp("dashboard")
    made = a_portal(root)
    made.releases = draw_figures(made, root, DAYS[1:3])
    return made


@pytest.fixture(scope="module")
def found(portal):
    return figures.published(portal.enclave, IBR)


def rows_of(page: str) -> dict[str, tuple[str, str]]:
    """Label to (figure, range or why not) of the page's table."""
    body = re.search(r"<tbody.*?</tbody>", page, re.DOTALL).group()
    rows = {}
    for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL):
        cells = [
            " ".join(html.unescape(re.sub(r"<[^>]+>", " ", c)).split())
            for c in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)
        ]
        rows[cells[0]] = (cells[1], cells[2] if len(cells) > 2 else "")
    return rows


def test_one_dataset_with_figures_is_shown_at_once_and_none_is_said(portal, tmp_path):
    answer = portal.client().get("/dashboard")
    assert (answer.status_code, answer.headers["location"]) == (303, HERE)
    empty = a_portal(tmp_path)
    assert "No figures are published yet" in empty.client().get("/dashboard").text
    assert empty.client().get(HERE).status_code == 404


def test_the_page_says_what_the_file_says(portal):
    page = portal.client().get(HERE, params={"indicator": "COVERAGE", "programme": "enrolled_cct"}).text
    newest = next(r for r in portal.enclave.releases.published(IBR) if r.summary["table"] == "participation")
    _, data = portal.enclave.releases.download(None, newest.id, "participation.csv")
    file = pd.read_csv(io.BytesIO(data))
    at = file[
        (file.indicator == "COVERAGE") & (file.programme == "enrolled_cct")
        & (file.group == "_T") & (file.band == "_T")
    ]  # fmt: skip
    shown = rows_of(page)
    assert len(shown) == len(at) == 7
    for row in at.itertuples():
        label = next(label for label in shown if label.startswith(row.area_name))
        assert shown[label] == (f"{row.value:.1%}", f"{row.ci_low:.1%} to {row.ci_high:.1%}")
    assert str(newest.summary["as_of"]) == DAYS[2].isoformat()
    for file_name in ("participation.csv", "participation.parquet", "participation.sdmx.csv", "README.md"):
        link = f"/releases/{newest.id}/files/{file_name}"
        assert link in page
        assert portal.client().get(link).status_code == 200


def test_a_withheld_figure_is_explained_and_drawn_as_withheld(portal, found):
    withheld = found.frame[found.frame["value"].isna() & (found.frame["area"] != "_T")].iloc[0]
    choice = {k: withheld[k] for k in ("indicator", "programme", "group", "band")} | {
        "by": "area", "day": withheld["as_of"].isoformat(),
    }  # fmt: skip
    page = portal.client().get(HERE, params=choice).text
    label = next(label for label in rows_of(page) if label.startswith(withheld["area_name"]))
    assert rows_of(page)[label][0] == f"Withheld. {withheld['withheld']}"
    chart = portal.client().get(f"{HERE}/chart.svg", params=choice)
    assert ET.fromstring(chart.text).tag.endswith("svg")
    assert "withheld" in chart.text
    assert f"{withheld['area_name']} withheld" in html.unescape(page), "and those who do not see it are told"


def test_over_time_there_is_a_row_for_every_extract(portal):
    page = portal.client().get(HERE, params={"indicator": "COVERAGE", "by": "day"}).text
    assert list(rows_of(page)) == ["31 Dec 2025", "31 Mar 2026"]
    chart = portal.client().get(f"{HERE}/chart.svg", params={"by": "day", "narrow": "1"})
    assert chart.headers["content-type"] == "image/svg+xml"
    assert "31 Dec 2025" in chart.text
    assert "default-src 'none'" in chart.headers["content-security-policy"]


def test_no_choice_leads_to_an_empty_page_or_a_wrong_row(found):
    """Every figure by every way, with filters that may not fit: something is shown, and what is shown was asked for or said."""
    codes = sorted(set(found.frame["indicator"]))
    ways = ["area", "group:head_sex", "group:urban_rural", "band", "programme", "day"]
    for indicator, by, programme in product(codes, ways, ["_T", "enrolled_pension"]):
        made = figures.view(found, {"indicator": indicator, "by": by, "programme": programme})
        assert made.rows, (indicator, by)
        assert made.choice.indicator == indicator
        if made.choice.by != by or (by != "programme" and made.choice.programme != programme):
            assert made.changed or programme == "_T"
        assert all((r.value is None) == bool(r.note and not r.doubtful) for r in made.rows)
        at = {name: getattr(made.choice, name) for name in ("area", "group", "band")}
        kind = made.choice.by.partition(":")[0]
        frame = found.frame[found.frame["indicator"] == indicator]
        for name, code in at.items():
            if name != kind:
                frame = frame[frame[name] == code]
        known = {float(v) for v in frame["value"].dropna()}
        assert {r.value for r in made.rows if r.value is not None} <= known


@pytest.mark.parametrize(
    "query",
    [
        "?day=1999-01-01",
        "?day=%27",
        "?indicator=%3Cscript%3E",
        "?area=R99&band=%ff",
        "?by=&day=",
    ],
)
def test_odd_choices_are_answered_with_what_there_is(portal, query):
    answer = portal.client().get(HERE + query)
    assert answer.status_code == 200
    assert "<script>" not in answer.text
    assert len(rows_of(answer.text)) > 1
    if not query.endswith("day="):
        assert "that is not there for this figure" in answer.text
    assert portal.client().get(f"{HERE}/chart.svg{query}").status_code == 200


def test_a_release_of_figures_leads_to_the_dashboard_and_is_not_spread_out(portal):
    release = portal.releases[0]
    page = portal.client().get(f"/open-data/{release.id}")
    assert f"/dashboard/{IBR}?day={release.summary['as_of']}" in page.text
    assert len(page.content) < 30_000
    assert "benefits.csv" in portal.client().get(f"/open-data/{portal.releases[1].id}").text
    assert portal.client().get(f"/open-data/{release.id}/chart.svg").status_code == 404
    plain = next(r for r in portal.enclave.releases.published("households") if r.tier.value == "open")
    assert "Islands" in portal.client().get(f"/open-data/{plain.id}").text


def test_what_was_withdrawn_is_gone_from_the_dashboard(portal, tmp_path):
    other = a_portal(tmp_path)
    made = draw_figures(other, tmp_path, DAYS[1:3])
    before = figures.published(other.enclave, IBR)
    gone = next(
        r for r in made if r.summary["table"] == "benefits" and r.summary["as_of"] == DAYS[2].isoformat()
    )
    other.enclave.releases.withdraw(other.actor("sofia"), gone.id, "The amounts were in the wrong currency.")
    after = figures.published(other.enclave, IBR)
    assert len(after.frame) < len(before.frame)
    shown = figures.view(after, {"indicator": "ADEQUACY", "by": "area"})
    assert shown.choice.day == DAYS[1].isoformat()


def test_text_for_those_who_do_not_see_names_every_point_with_its_range(found):
    made = figures.view(found, {"indicator": "BENEFITS", "by": "area"})
    said = figures.in_words(made)
    assert "million LCU" in said
    for row in made.rows:
        assert row.label in said
        assert f"({figures.said(row.low, made)} to {figures.said(row.high, made)})" in said
    many = replace(made, rows=made.rows * 4)
    assert "and 16 more" in figures.in_words(many)


def test_equal_charts_are_drawn_once_and_labels_fit_a_small_screen():
    row = ("Households headed by a woman in a far and mountainous region", 0.5, 0.4, 0.6)
    points = Points((row, ("Short", None, None, None)), "Coverage", percent=True, narrow=True)
    drawn = figures_svg(points)
    assert figures_svg(replace(points)) is drawn
    width = float(ET.fromstring(drawn).attrib["width"])
    assert width <= 290
    lines = [
        e.text or "" for e in ET.fromstring(drawn).iter() if e.tag.rpartition("}")[2] in {"text", "tspan"}
    ]
    assert max(map(len, lines)) <= 38, "it is folded over two lines"
