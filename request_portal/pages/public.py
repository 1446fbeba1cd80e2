"""What everybody may read: what this is, the register, the catalogue, open data."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from enclave.kernel.errors import NotFound
from enclave.kernel.tiers import Tier
from request_portal.access import MaybeWho, Parts, public
from request_portal.downloads import attachment
from request_portal.present.charts import chart_svg
from request_portal.present.columns import area_names, offered
from request_portal.present.figures import KINDS
from request_portal.present.tables import PrivateTable, in_words, read_private_table
from request_portal.render import page

router = APIRouter(include_in_schema=False)
_OPEN = [public()]


@router.get("/", dependencies=_OPEN)
def start(request: Request, enclave: Parts) -> Response:
    return page(
        request,
        "start.html",
        projects=len(enclave.register.entries()),
        datasets=len(enclave.catalogue.datasets()),
        tables=len(enclave.releases.published(tier=Tier.OPEN)),
    )


@router.get("/about-your-data", dependencies=_OPEN)
def about_your_data(request: Request) -> Response:
    return page(request, "about_your_data.html")


@router.get("/register", dependencies=_OPEN)
def register(request: Request, enclave: Parts) -> Response:
    return page(request, "register.html", entries=enclave.register.entries())


@router.get("/register/{slug}", dependencies=_OPEN)
def entry(request: Request, enclave: Parts, slug: str) -> Response:
    found = enclave.register.entry(slug)
    names = area_names(enclave)
    return page(request, "register_entry.html", entry=found, areas=[names.get(a, a) for a in found.areas])


@router.get("/datasets", dependencies=_OPEN)
def catalogue(request: Request, enclave: Parts) -> Response:
    datasets = [(d, enclave.releases.published(d.slug)) for d in enclave.catalogue.datasets()]
    return page(request, "catalogue.html", datasets=datasets)


@router.get("/datasets/{slug}", dependencies=_OPEN)
def dataset(request: Request, enclave: Parts, slug: str) -> Response:
    found = enclave.catalogue.dataset(slug)
    return page(
        request,
        "dataset.html",
        dataset=found,
        columns=offered(enclave, found),
        releases=enclave.releases.published(slug),
    )


@router.get("/open-data", dependencies=_OPEN)
def open_data(request: Request, enclave: Parts) -> Response:
    titles = {d.slug: d.title for d in enclave.catalogue.datasets()}
    return page(request, "open_data.html", releases=enclave.releases.published(tier=Tier.OPEN), titles=titles)


@router.get("/open-data/{id_}", dependencies=_OPEN)
def open_table(request: Request, enclave: Parts, id_: str) -> Response:
    release = next((r for r in enclave.releases.published(tier=Tier.OPEN) if r.id == id_), None)
    if release is not None and release.summary.get("kind") in KINDS:
        return page(request, "open_table.html", release=release, table=None)
    table, name = _private_table(enclave, id_)
    return page(request, "open_table.html", release=release, table=table, file=name)


@router.get("/open-data/{id_}/chart.svg", dependencies=_OPEN)
def chart(enclave: Parts, id_: str) -> Response:
    table, _ = _private_table(enclave, id_)
    return Response(
        chart_svg(table),
        media_type="image/svg+xml",
        headers={
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        },
    )


@router.get("/releases/{id_}/files/{name}", dependencies=_OPEN)
def release_file(enclave: Parts, who: MaybeWho, id_: str, name: str) -> Response:
    ref, data = enclave.releases.download(who.actor if who else None, id_, name)
    return attachment(ref.key.rsplit("/", 1)[-1], data)


def _private_table(enclave: Parts, id_: str) -> tuple[PrivateTable, str]:
    """The first table of an open release, read by column name, and the name of its file."""
    release = next((r for r in enclave.releases.published(tier=Tier.OPEN) if r.id == id_), None)
    if release is not None and release.summary.get("kind") in KINDS:
        raise NotFound("The dashboard draws the figures of this release.")
    names = [r.key.rsplit("/", 1)[-1] for r in release.files] if release else []
    name = next((n for n in names if n.endswith(".csv")), None)
    if release is None or name is None:
        raise NotFound("There is no such open table. The list shows the ones that there are.")
    _, data = enclave.releases.download(None, id_, name)
    table = read_private_table(data, title=release.title)
    return in_words(table, enclave.catalogue.dataset(release.dataset)), name
