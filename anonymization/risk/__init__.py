"""What is measured: how likely somebody is recognised in a table, and what would be learnt about them.

classes (who looks alike), tally (distinct keys, which partitions add up), individual (a record's and a household's
risk), uniques (alone in the file, alone in the population), attackers (prosecutor, journalist, marketer), suda (special
uniques), diversity and closeness (what a class gives away), linkage (numeric keys), units (households with several
rows), report (all of it), command (`python -m anonymization.risk`).

Each docstring names its source; figures agree with the IHSN SDC practice guide, sdcMicro and ARX.
"""

from __future__ import annotations

from anonymization.risk.attackers import Attack, journalist, marketer, prosecutor
from anonymization.risk.classes import Classes, Missing, class_sizes
from anonymization.risk.diversity import distinct_diversity, entropy_diversity, recursive_ratio
from anonymization.risk.individual import household_risk, individual_risk
from anonymization.risk.report import RiskSettings, key_report, risk_report
from anonymization.risk.suda import Suda, dis_suda
from anonymization.risk.tally import Tally, merge_tallies, tally_table
from anonymization.risk.uniques import PopulationUniques, log_linear_risk, pitman_uniques, population_uniques
from anonymization.risk.units import profiles

__all__ = [
    "Attack",
    "Classes",
    "Missing",
    "PopulationUniques",
    "RiskSettings",
    "Suda",
    "Tally",
    "class_sizes",
    "dis_suda",
    "distinct_diversity",
    "entropy_diversity",
    "household_risk",
    "individual_risk",
    "journalist",
    "key_report",
    "log_linear_risk",
    "marketer",
    "merge_tallies",
    "pitman_uniques",
    "population_uniques",
    "profiles",
    "prosecutor",
    "recursive_ratio",
    "risk_report",
    "tally_table",
]
