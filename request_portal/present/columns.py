"""Which columns can be asked for, and what happens to each on its way."""

from __future__ import annotations

from dataclasses import dataclass

from enclave.bootstrap import Enclave
from enclave.catalogue.model import Column, ColumnRole, Dataset
from enclave.kernel.tiers import Tier

_TREATMENT = {
    ColumnRole.DIRECT: "Replaced by a pseudonym of your project only.",
    ColumnRole.QUASI: "Made coarser, and blanked where a household would stand out.",
    ColumnRole.SENSITIVE: "Kept; rounded or top-coded where extreme values would stand out.",
    ColumnRole.PLAIN: "Kept as it is.",
    ColumnRole.FREE_TEXT: "Read for identifiers and redacted.",
}
_LEFT_OUT = "Not in any release: it is removed before anybody can ask for it."


@dataclass(frozen=True, slots=True)
class Offered:
    """One line of the data dictionary as a researcher meets it."""

    name: str
    description: str
    role: ColumnRole
    treatment: str
    can_be_requested: bool


def requestable(enclave: Enclave, dataset: str, tier: Tier = Tier.SCIENTIFIC_USE) -> tuple[str, ...]:
    """The columns of the newest published release of that dataset and tier; nothing else can be granted."""
    published = enclave.releases.published(dataset, tier) if dataset else []
    return published[0].columns if published else ()


def offered(enclave: Enclave, dataset: Dataset, tier: Tier = Tier.SCIENTIFIC_USE) -> list[Offered]:
    """The whole data dictionary, each column with what happens to it; then what a recipe has added."""
    available = requestable(enclave, dataset.slug, tier)
    known = {c.name for c in dataset.columns}
    lines = [_line(c, available) for c in dataset.columns]
    added = [n for n in available if n not in known]
    return lines + [
        Offered(
            n,
            "Made by the recipe; see the release's evidence.",
            ColumnRole.PLAIN,
            "Made while processing.",
            True,
        )
        for n in added
    ]


def area_names(enclave: Enclave) -> dict[str, str]:
    """What the codes of areas stand for, over all datasets."""
    names: dict[str, str] = {}
    for dataset in enclave.catalogue.datasets():
        column = dataset.column(dataset.area) if dataset.area else None
        names |= column.values if column else {}
    return names


def _line(column: Column, available: tuple[str, ...]) -> Offered:
    there = column.name in available
    treatment = _TREATMENT[column.role] if there else _LEFT_OUT
    return Offered(column.name, column.description, column.role, treatment, there)
