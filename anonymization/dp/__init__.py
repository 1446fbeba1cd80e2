"""Differential privacy: tables of counts, sums and means about households, with a price known beforehand.

`terms`, `queries`, `checks`, `parsing` what may be asked; `dictionary` what is public about a table; `values`
reading one cell, `units` which rows are one household's; `partition`, `aggregate`, `means` the exact numbers,
each household's part bounded; `noise`, `thresholds` OpenDP, the only source of noise, `calibration` which of it
a query gets; `tails`, `intervals`, `released` what leaves; `mechanisms` cost, error, answer; `planning` what an
error would cost; `consistency` released tables that add up; `accountant` adding up losses and whether they fit
a grant, `conversion` between kinds of loss; `audit` trying to disprove a claim.
Importing this package does not load OpenDP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .accountant import Accounting, Limit, Loss, compose, compose_in_zcdp, fits, total
from .dictionary import PublicColumn, PublicTable
from .parsing import read as read_query
from .queries import DpQuery
from .terms import Between, Filter, Measure, Mechanism, Op, Per, QueryError, Weighting

if TYPE_CHECKING:
    import pandas as pd

    from .mechanisms import DpAnswer, ExpectedError

__all__ = [
    "Accounting",
    "Between",
    "DpQuery",
    "Filter",
    "Limit",
    "Loss",
    "Measure",
    "Mechanism",
    "Op",
    "Per",
    "PublicColumn",
    "PublicTable",
    "QueryError",
    "Weighting",
    "answer",
    "compose",
    "compose_in_zcdp",
    "cost",
    "expected_error",
    "fits",
    "read_query",
    "total",
]


def cost(query: DpQuery) -> Loss:
    """What answering will spend; see `mechanisms.cost`."""
    from . import mechanisms  # noqa: PLC0415 - opendp is loaded late

    return mechanisms.cost(query)


def expected_error(query: DpQuery) -> ExpectedError:
    """How wide the noise will be; see `mechanisms.expected_error`."""
    from . import mechanisms  # noqa: PLC0415 - as above

    return mechanisms.expected_error(query)


def answer(query: DpQuery, df: pd.DataFrame) -> DpAnswer:
    """Answer with noise; see `mechanisms.answer`."""
    from . import mechanisms  # noqa: PLC0415 - as above

    return mechanisms.answer(query, df)
