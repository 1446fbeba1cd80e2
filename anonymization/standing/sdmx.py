"""The published figures as SDMX-CSV 2.0: one row for each observation, the code lists of SDMX where it has them.

OBS_STATUS is from SDMX's CL_OBS_STATUS 2.2 (A normal value, U low reliability, Q missing value, suppressed);
CONF_STATUS from CL_CONF_STATUS 1.2 (F free for publication): every figure was made safe before it came here.
UNIT_MEASURE is PT (per cent), XDC (domestic currency) or HH (households, of our own list, in the file of codes).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from .codes import Code
from .indicators import HOUSEHOLDS, MONEY, SHARE

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "STRUCTURE", "STRUCTURE_ID", "ACTION",
    "REF_AREA", "POPULATION_GROUP", "WELFARE_BAND", "PROGRAMME", "INDICATOR", "TIME_PERIOD",
    "OBS_VALUE", "LOWER_BOUND", "UPPER_BOUND", "UNIT_MEASURE", "OBS_STATUS", "CONF_STATUS", "COMMENT_OBS",
)  # fmt: skip
#: Column of the files to dimension of SDMX.
DIMENSIONS = {
    "area": "REF_AREA",
    "group": "POPULATION_GROUP",
    "band": "WELFARE_BAND",
    "programme": "PROGRAMME",
    "indicator": "INDICATOR",
}
UNITS = {HOUSEHOLDS: "HH", SHARE: "PT", MONEY: "XDC"}
NORMAL, UNRELIABLE, SUPPRESSED, FREE = "A", "U", "Q", "F"


def flow(dataset: str, table: str) -> str:
    """The data flow that observations belong to, as SDMX-CSV names it."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", f"{dataset}_{table}").upper()
    return f"REGISTRY:{name}(1.0)"


def sdmx(figures: pd.DataFrame, codes: Sequence[Code], *, structure: str, as_of: date) -> pd.DataFrame:
    """The figures (`indicators.frame`, one row each) with `COLUMNS`, all text but the three numbers.

    Args:
        structure: as `flow`.
        as_of: the day that they show; SDMX's time period is that day.
    """
    import numpy as np  # noqa: PLC0415 - keeps the package light
    import pandas as pd  # noqa: PLC0415 - as above

    names = {(c.dimension, c.key): c.sdmx for c in codes}
    times = np.where(figures["unit"] == SHARE, 100.0, 1.0)
    missing = figures["value"].isna().to_numpy()
    doubtful = figures["low_reliability"].to_numpy(dtype=np.bool_)
    out: dict[str, object] = {"STRUCTURE": "dataflow", "STRUCTURE_ID": structure, "ACTION": "I"}
    for column, dimension in DIMENSIONS.items():
        out[dimension] = [names[column, key] for key in figures[column]]
    out["TIME_PERIOD"] = as_of.isoformat()
    for column, name in (("value", "OBS_VALUE"), ("ci_low", "LOWER_BOUND"), ("ci_high", "UPPER_BOUND")):
        out[name] = (figures[column].to_numpy() * times).round(6)
    out["UNIT_MEASURE"] = [UNITS[unit] for unit in figures["unit"]]
    out["OBS_STATUS"] = np.where(missing, SUPPRESSED, np.where(doubtful, UNRELIABLE, NORMAL))
    out["CONF_STATUS"] = FREE
    out["COMMENT_OBS"] = figures["withheld"].to_numpy()
    return pd.DataFrame(out, index=range(len(figures)))[list(COLUMNS)]
