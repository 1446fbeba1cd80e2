"""What each published figure is: its name, its unit, and what a share is a share of.

Sources: World Bank ADePT Social Protection and ASPIRE (coverage, beneficiary and benefit incidence, adequacy as
the ratio of totals, programme overlap); Coady, Grosh and Hoddinott 2004 (exclusion error, leakage); Ravallion
2009 (inclusion error). The same definitions as in `evaluation`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .combining import Estimate, Noisy

if TYPE_CHECKING:
    import pandas as pd

#: SDMX's code for "all of them".
ALL = "_T"
HOUSEHOLDS, SHARE, MONEY = "households", "share", "money"


@dataclass(frozen=True, slots=True)
class Indicator:
    """One definition.

    Args:
        code: in files; title: for people; unit: of its values; means: in plain words.
        denominator: what a share is a share of; empty for totals.
    """

    code: str
    title: str
    unit: str
    means: str
    denominator: str = ""


INDICATORS: dict[str, Indicator] = {
    i.code: i
    for i in (
        Indicator("HOUSEHOLDS", "Households in the registry", HOUSEHOLDS, "How many households there are."),
        Indicator(
            "BENEFICIARIES", "Households in the programme", HOUSEHOLDS, "How many households are reached."
        ),
        Indicator("COVERAGE", "Coverage", SHARE, "How many of all households are reached.", "all households"),
        Indicator(
            "POOR_COVERAGE",
            "Coverage of the poor",
            SHARE,
            "How many of those whom the programme is meant for are reached.",
            "poor households",
        ),
        Indicator(
            "EXCLUSION_ERROR",
            "Exclusion error (poor households left out)",
            SHARE,
            "How many of those whom the programme is meant for are left out.",
            "poor households",
        ),
        Indicator(
            "INCLUSION_ERROR",
            "Inclusion error (households that are not poor, reached)",
            SHARE,
            "How many of those whom the programme is not meant for are reached all the same.",
            "households that are not poor",
        ),
        Indicator(
            "LEAKAGE",
            "Leakage (places taken by households that are not poor)",
            SHARE,
            "How many of those reached are not those whom the programme is meant for.",
            "households in the programme",
        ),
        Indicator(
            "GAP",
            "Coverage gap (poor households in no programme)",
            SHARE,
            "How many of the poor are in no programme at all.",
            "poor households",
        ),
        Indicator(
            "OVERLAP",
            "Overlap (households in more than one programme)",
            SHARE,
            "How many of those in a programme are in another one too.",
            "households in the programme named first, or in any",
        ),
        Indicator(
            "BENEFICIARY_INCIDENCE",
            "Beneficiary incidence (where the programme's households are)",
            SHARE,
            "How the programme's households are spread from the poorest to the richest band.",
            "households in the programme, of all bands, in the same area and group",
        ),
        Indicator("BENEFITS", "Benefits received", MONEY, "How much money households received."),
        Indicator(
            "BENEFIT_INCIDENCE",
            "Benefit incidence (where the money goes)",
            SHARE,
            "How the money is spread from the poorest to the richest band.",
            "benefits received in all bands, in the same area and group",
        ),
        Indicator(
            "ADEQUACY",
            "Adequacy (benefits as a share of what beneficiaries live on)",
            SHARE,
            "How much of what beneficiary households consume the benefits are worth.",
            "consumption of the households that received benefits: a ratio of totals",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Observation:
    """One published figure: where, who, which programme, which indicator, and how far noise may have moved it.

    `area`, `group` ("column=key"), `band` and `programme` are ALL where they are not told apart. Overlap of two
    programmes is named by both, the denominator's first ("a+b"). For a ratio, `noise_scale` and `noise_cells`
    are those of its numerator.
    """

    area: str
    group: str
    band: str
    programme: str
    indicator: Indicator
    estimate: Estimate
    noise_scale: float
    noise_cells: int


#: Columns of `frame`.
COLUMNS = (
    "area", "group", "band", "programme", "indicator", "unit", "value", "ci_low", "ci_high", "value_raw",
    "denominator", "low_reliability", "withheld", "noise_scale", "noise_cells",
)  # fmt: skip


def seen(where: tuple[str, str, str], programme: str, code: str, of: Estimate, part: Noisy) -> Observation:
    """An observation at a place, with the noise of its numerator."""
    return Observation(*where, programme, INDICATORS[code], of, part.scale, part.cells)


def frame(observations: Iterable[Observation]) -> pd.DataFrame:
    """One row for each figure, with `COLUMNS`; figures are missing where withheld."""
    import pandas as pd  # noqa: PLC0415 - keeps the package light

    rows = [
        (
            o.area, o.group, o.band, o.programme, o.indicator.code, o.indicator.unit,
            o.estimate.value, o.estimate.low, o.estimate.high, o.estimate.raw, o.estimate.denominator,
            o.estimate.doubtful, o.estimate.withheld, o.noise_scale, o.noise_cells,
        )
        for o in observations
    ]  # fmt: skip
    numbers = ("value", "ci_low", "ci_high", "value_raw", "denominator", "noise_scale")
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(numbers, "float64"))
