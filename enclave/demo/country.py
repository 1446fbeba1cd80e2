"""The ministry's country: six regions, each of one naming and identity tradition, and three programmes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

#: The registry knows nothing later than this day. Extracts of the story are taken on it.
AS_OF = date(2026, 9, 30)
#: Payments and monitoring begin here, so that any extract since 2025-07 has twelve months behind it.
HISTORY_FROM = date(2024, 7, 1)
#: Visits at which consumption was measured again, for households registered before FOLLOW_UP_OF.
FOLLOW_UP = (date(2026, 2, 1), date(2026, 5, 31))
FOLLOW_UP_OF = date(2025, 6, 1)
CURRENCY = "LCU"
SUB_REGIONS = 8


@dataclass(frozen=True, slots=True)
class Region:
    """One region of the demo country.

    Args:
        code: R01 to R06.
        country: whose names and numbers its people have.
        share: of all households.
        welfare: what living here adds to log consumption.
        urban: share of households in towns.
        women: share of households headed by a woman.
        children: mean number of children where the head is of the age to have them.
        cutoff: poverty score at or below which a household is eligible here.
        latitude, longitude: its middle, degrees.
    """

    code: str
    country: str
    share: float
    welfare: float
    urban: float
    women: float
    children: float
    cutoff: float
    latitude: float
    longitude: float


REGIONS = (
    Region("R01", "KE", 0.20, -0.10, 0.32, 0.36, 2.9, 42.0, -0.6, 36.6),
    Region("R02", "PH", 0.18, 0.02, 0.48, 0.24, 2.5, 40.0, 11.2, 123.4),
    Region("R03", "BR", 0.20, 0.14, 0.70, 0.42, 1.7, 44.0, -8.1, -38.2),
    Region("R04", "PK", 0.17, -0.16, 0.36, 0.12, 3.6, 38.0, 30.4, 71.2),
    Region("R05", "TR", 0.10, 0.26, 0.66, 0.18, 1.6, 45.0, 38.6, 38.9),
    Region("R06", "ID", 0.15, -0.04, 0.50, 0.17, 2.2, 41.0, -7.3, 110.2),
)

CCT, PENSION, MEALS = "CCT", "PENSION", "MEALS"
#: Score at or below which older people are meant to have the social pension.
PENSION_CUTOFF = 58.0
PENSION_AGE = 65
#: Benefit values, LCU: CCT every two months per household and per child (three at most), pension a month
#: for each older member, school meals a quarter for each pupil.
CCT_BASE, CCT_CHILD, CCT_CHILDREN = 1_600.0, 700.0, 3
PENSION_VALUE = 1_150.0
MEALS_VALUE = 640.0

#: One row for each programme; codes are DCI's (programme_type as in ASPIRE; benefit_type 1 cash, 3 in kind).
PROGRAMMES: tuple[dict[str, object], ...] = (
    {
        "programme_identifier": CCT,
        "programme_name": "Family Support Grant",
        "programme_description": "Cash every two months to poor families whose children go to school.",
        "implementing_institution": "Ministry of Social Protection",
        "institution_type": 1,
        "legal_status": 1,
        "contribution_type": 3,
        "programme_type": 2,
        "benefit_type": 1,
        "benefit_frequency": "FREQ=MONTHLY;INTERVAL=2",
        "score_type": "PMT 0-100, lower is poorer; cut-off differs by region",
        "eligibility_cutoff": None,
        "cutoff_valid_from": date(2019, 1, 1),
        "annual_budget": 310_000_000.0,
        "admin_cost": 27_900_000.0,
    },
    {
        "programme_identifier": PENSION,
        "programme_name": "Older Persons' Pension",
        "programme_description": "Monthly cash to poor people of 65 and over.",
        "implementing_institution": "Ministry of Social Protection",
        "institution_type": 1,
        "legal_status": 1,
        "contribution_type": 3,
        "programme_type": 1,
        "benefit_type": 1,
        "benefit_frequency": "FREQ=MONTHLY",
        "score_type": "PMT 0-100, lower is poorer",
        "eligibility_cutoff": PENSION_CUTOFF,
        "cutoff_valid_from": date(2019, 1, 1),
        "annual_budget": 190_000_000.0,
        "admin_cost": 9_500_000.0,
    },
    {
        "programme_identifier": MEALS,
        "programme_name": "School Meals",
        "programme_description": "A meal on every school day in the schools that take part.",
        "implementing_institution": "Ministry of Education",
        "institution_type": 1,
        "legal_status": 1,
        "contribution_type": 3,
        "programme_type": 5,
        "benefit_type": 3,
        "benefit_frequency": "FREQ=MONTHLY;INTERVAL=3",
        "score_type": None,
        "eligibility_cutoff": None,
        "cutoff_valid_from": None,
        "annual_budget": 120_000_000.0,
        "admin_cost": 14_400_000.0,
    },
)
