"""The policymakers' dashboard: figures of coverage, errors, overlap, incidence and adequacy, for everybody.

Every number comes from open releases, which are private by themselves; no page here reads anything else.
"""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from anonymization.standing.indicators import SHARE
from request_portal.access import Parts, public
from request_portal.present import figures
from request_portal.present.charts import Points, figures_svg
from request_portal.render import page

router = APIRouter(include_in_schema=False)
_OPEN = [public()]
_HEADINGS = {"area": "Area", "group": "Group", "band": "Band", "programme": "Programme", "day": "Day"}
_FILES = (
    (".sdmx.csv", "SDMX-CSV, for statistical systems"),
    (".codes.csv", "codes in words"),
    (".cells.csv", "the noisy cells that the figures are made of"),
    (".csv-metadata.json", "the columns, for programs"),
    (".csv", "for spreadsheets"),
    (".parquet", "for data analysis"),
    (".md", "what everything means"),
)


@router.get("/dashboard", dependencies=_OPEN)
def dashboards(request: Request, enclave: Parts) -> Response:
    slugs = figures.datasets(enclave)
    if len(slugs) == 1:
        return RedirectResponse(f"/dashboard/{slugs[0]}", status_code=303)
    described = {d.slug: d for d in enclave.catalogue.datasets()}
    return page(request, "dashboards.html", datasets=[described[slug] for slug in slugs])


@router.get("/dashboard/{slug}", dependencies=_OPEN)
def dashboard(request: Request, enclave: Parts, slug: str) -> Response:
    found = figures.published(enclave, slug)
    made = figures.view(found, dict(request.query_params))
    address = urlencode(made.choice.address)
    return page(
        request,
        "dashboard.html",
        dataset=enclave.catalogue.dataset(slug),
        view=made,
        alt=figures.in_words(made),
        chart=f"/dashboard/{slug}/chart.svg?{address}",
        heading=_HEADINGS.get(made.choice.by.partition(":")[0], "Households"),
        said=figures.said,
        unit=figures.unit_of(made)[1],
        kinds=_file_kind,
    )


@router.get("/dashboard/{slug}/chart.svg", dependencies=_OPEN)
def chart(request: Request, enclave: Parts, slug: str) -> Response:
    made = figures.view(figures.published(enclave, slug), dict(request.query_params))
    points = Points(
        tuple((row.label, row.value, row.low, row.high) for row in made.rows),
        figures.axis_of(made),
        percent=made.indicator.unit == SHARE,
        over_time=made.over_time,
        narrow="narrow" in request.query_params,
    )
    return Response(
        figures_svg(points),
        media_type="image/svg+xml",
        headers={
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        },
    )


def _file_kind(key: str) -> str:
    """What a file of a release is, by the end of its name."""
    return next((words for end, words in _FILES if key.endswith(end)), "")
