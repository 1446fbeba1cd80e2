"""What a table tells whatever its description says: rows of data, tokens, and counts that nobody declared.

Guesses from names and shapes, so that a file without a usable description still gets findings by row and column.
They never stand in for the description: without one the policy refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from anonymization.disclosure.model import DisclosureFinding, Severity
from anonymization.disclosure.tables import ResultTable, is_suppressed, number

#: Columns that name one household, person or payment.
_TOKEN = re.compile(
    r"^(id|uuid|guid|pid|hhid|hh_?id|nid|ssn|index)$|(^|_)(household|person|head|member|beneficiary|enrolment|payment|"
    r"assessment|respondent|record|national|card|account|link)_?(id|no|nr|num|number|code|token|key)$|"
    r"^(phone|mobile|msisdn|iban|email|latitude|longitude|gps|address|date_of_birth|dob|first_?name|last_?name|surname)$",
    re.IGNORECASE,
)
_COUNT = re.compile(
    r"^(n|nobs|obs|count|counts|freq|frequency|size|cases|total|totals|households|persons|people|individuals|"
    r"beneficiaries|members|observations)$|^(n|num|nb|count|number)_|_(n|nobs|count|counts|freq|households|cases)$",
    re.IGNORECASE,
)
_TERM = re.compile(
    r"^(coef|coeff|coefficient|coefficients|estimate|beta|std_?err(or)?|se|t|z|p_?value|p>\|t\|)$",
    re.IGNORECASE,
)
#: Fewer rows than this are a small table, whatever is different in each.
_ROWS_OF_DATA = 30


def token_findings(name: str, table: ResultTable) -> list[DisclosureFinding]:
    """Columns that name one household, person or payment, by their names."""
    words = "A column of this name tells one household or person from all others. Drop it."
    return [
        DisclosureFinding("identifier-column", f"{name}, column {position}", Severity.STOP, words)
        for position, column in enumerate(table.columns, start=1)
        if _TOKEN.search(column.strip().replace(" ", "_"))
    ]


def guesses(name: str, table: ResultTable, threshold: int) -> Iterator[DisclosureFinding]:
    """What a table without a usable description seems to be, and the counts below the threshold it seems to show."""
    counts = [c for c in table.columns if _COUNT.search(c.strip())]
    if sum(bool(_TERM.search(c.strip())) for c in table.columns) >= 2:
        words = "It looks like a model. Write it with client.regression, or describe it as kind: model."
        yield DisclosureFinding("possible-model", name, Severity.LOOK, words)
    elif not counts and len(table.rows) >= _ROWS_OF_DATA and _different_in_each(table):
        words = "It looks like rows of data: many rows, no counts, and a column that differs in each. Rows stay inside."
        yield DisclosureFinding("possible-rows", name, Severity.STOP, words)
    for column in counts:
        for row, cell in table.cells(column):
            value = None if is_suppressed(cell) else number(cell)
            if value is not None and 0 < value < threshold and value.is_integer():
                words = "It looks like a count below the threshold. Merge categories or suppress it."
                yield DisclosureFinding(
                    "possible-small-count", f"{name}, row {row}, column {column}", Severity.STOP, words
                )


def _different_in_each(table: ResultTable) -> bool:
    """Whether some column is different in nearly every row."""
    width = len(table.rows)
    return any(len({cell for _, cell in table.cells(column)}) > 0.95 * width for column in table.columns)
