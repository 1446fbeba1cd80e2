"""What is measured: k-anonymity, individual, household and global risk, l-diversity.

Sources: Benedetti and Franconi (1998) and Franconi and Polettini (2004) for individual risk; Samarati and
Sweeney
(1998) for k-anonymity; Machanavajjhala et al. (2007) for l-diversity; figures agree with the IHSN SDC
practice guide.
"""

from __future__ import annotations

from anonymization.risk.classes import Classes, Missing, class_sizes
from anonymization.risk.diversity import distinct_diversity
from anonymization.risk.individual import household_risk, individual_risk
from anonymization.risk.report import RiskSettings, risk_report
from anonymization.risk.suppression import suppressed_cells
from anonymization.risk.units import profiles

__all__ = [
    "Classes",
    "Missing",
    "RiskSettings",
    "class_sizes",
    "distinct_diversity",
    "household_risk",
    "individual_risk",
    "profiles",
    "risk_report",
    "suppressed_cells",
]
