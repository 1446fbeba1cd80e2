"""Statistics that are about one household while looking like about many: endpoints, quantiles, models.

Rules as in the Handbook on Statistical Disclosure Control for Outputs (SDAP; statbarns "position", "end points"
and "linear aggregations"): thresholds are the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from anonymization.disclosure.model import DisclosureFinding, Severity
from anonymization.disclosure.spec import Fit
from anonymization.disclosure.tables import TableCheck, is_suppressed, number

_ENDPOINT = re.compile(
    r"(^|[_ .])(min|max|minimum|maximum|range|smallest|largest|lowest|highest)([_ .]|$)", re.IGNORECASE
)
_QUANTILE = re.compile(
    r"(^|[_ .])(median|iqr|p\d{1,2}|q[1-4]|q?\d{1,2}(th)?_?pct|\d{1,2}%|quantile|percentile|decile|quartile)"
    r"([_ .]|\d|$)",
    re.IGNORECASE,
)


def statistic_findings(check: TableCheck) -> list[DisclosureFinding]:
    """What endpoints, quantiles and models tell of few; each with its row and column."""
    return [
        *_endpoints(check),
        *_quantiles(check),
        *(_model(check, check.spec.model) if check.spec.model else ()),
    ]


def statistic_facts(check: TableCheck, found: list[DisclosureFinding]) -> dict[str, object]:
    """What the policy `output-file` weighs of them."""
    facts: dict[str, object] = {
        "endpoints_shown": sum(f.rule == "endpoint" for f in found),
        "quantiles_on_few": sum(f.rule in ("quantile-on-few", "quantile-undeclared") for f in found),
        "is_model": check.spec.model is not None,
    }
    if check.spec.model is not None:
        fit = check.spec.model
        facts["residual_df"] = min(fit.residual_df, fit.households - fit.parameters)
        facts["r_squared"] = fit.r_squared or 0.0
        facts["largest_leverage"] = fit.largest_leverage or 0.0
    return facts


def _shown(check: TableCheck, column: str) -> Iterator[int]:
    return (
        row for row, cell in check.table.cells(column) if not is_suppressed(cell) and number(cell) is not None
    )


def _candidates(check: TableCheck, pattern: re.Pattern[str], declared: object) -> Iterator[str]:
    """Columns of numbers about households that are named like such a statistic and are not declared as one."""
    spec = check.spec
    for column in dict.fromkeys([*spec.statistics, *spec.proportions]):
        if column not in declared and pattern.search(column):  # type: ignore[operator]
            yield column


def _endpoints(check: TableCheck) -> Iterator[DisclosureFinding]:
    for column in _candidates(check, _ENDPOINT, check.spec.endpoints):
        words = (
            "A smallest or largest value is that of one household. Leave it out, or declare under endpoints how many "
            "households share it."
        )
        for row in _shown(check, column):
            yield check.at("endpoint", Severity.STOP, words, row=row, column=column)
    for column, count in check.spec.endpoints.items():
        if count not in check.spec.counts:
            yield check.at(
                "endpoint", Severity.STOP, "Its count is not a declared count column.", column=column
            )


def _quantiles(check: TableCheck) -> Iterator[DisclosureFinding]:
    for column in _candidates(check, _QUANTILE, check.spec.quantiles):
        words = "A quantile must be declared (quantiles: which one, over which count)."
        yield check.at("quantile-undeclared", Severity.STOP, words, column=column)
    for column, quantile in check.spec.quantiles.items():
        if quantile.count not in check.spec.counts:
            words = "Its count is not a declared count column."
            yield check.at("quantile-undeclared", Severity.STOP, words, column=column)
            continue
        counts = {row: number(cell) for row, cell in check.table.cells(quantile.count)}
        for row in _shown(check, column):
            beside = (counts[row] or 0.0) * min(quantile.q, 1 - quantile.q)
            if beside < check.threshold - 1e-9:  # one less 0.9 is a little below 0.1
                words = "Fewer households than the threshold lie on one side of it. Take a quantile nearer the middle."
                yield check.at("quantile-on-few", Severity.STOP, words, row=row, column=column)


def _model(check: TableCheck, fit: Fit) -> Iterator[DisclosureFinding]:
    left = min(fit.residual_df, fit.households - fit.parameters)
    if left < check.threshold:
        words = "The model has almost as many coefficients as households. Take fewer of them."
        yield check.at("degrees-of-freedom", Severity.STOP, words)
    if len(check.table.rows) > fit.parameters:
        words = "There are more rows than coefficients. A model's table has one row for each coefficient."
        yield check.at("not-coefficients", Severity.STOP, words)
    if (fit.r_squared or 0.0) > 0.999:
        yield check.at(
            "saturated", Severity.LOOK, "The model explains nearly everything, as one that is saturated does."
        )
    if (fit.largest_leverage or 0.0) > 0.9:
        yield check.at(
            "leverage", Severity.LOOK, "One household all but sets a coefficient. Drop that variable."
        )
