"""Whether the parts of a query fit together; from the query alone, with a sentence for each that does not."""

from __future__ import annotations

import math
from collections.abc import Callable

from .queries import DpQuery
from .terms import Measure, Mechanism, Per, Weighting
from .values import canonical

#: Names that the columns of every answer have, or may have.
ANSWER_COLUMNS = frozenset({"value", "value_raw", "ci_low", "ci_high", "n", "noise_scale", "withheld"})
#: Names that answers of one measure have besides.
_OWN_COLUMNS = {
    Measure.HISTOGRAM: frozenset({"bin"}),
    Measure.RATIO: frozenset({"numerator"}),
    Measure.MEAN: frozenset({"numerator"}),
    Measure.DIFFERENCE: frozenset({"first", "second"}),
}
#: Names that a column with keys cannot have: an answer grouped by it would have two columns of one name.
RESERVED = frozenset().union(ANSWER_COLUMNS, {"programme"}, *_OWN_COLUMNS.values())

_OF_A_COLUMN = frozenset({Measure.MEAN, Measure.SUM, Measure.QUANTILE})
_MOST = 1_000_000
#: Bins of one histogram.
MOST_BINS = 1_000
#: Bounds beyond what `values.number` reads would be moved silently.
_FARTHEST = 1e15


def problems(query: DpQuery) -> list[str]:
    """One sentence for each part that does not fit; empty for a query that can be asked."""
    checks: tuple[Callable[[DpQuery], list[str]], ...] = (
        _price,
        _contributions,
        _column,
        _histogram,
        _ratio,
        _difference,
        _groups,
        _unknown,
    )
    return [said for check in checks for said in check(query)]


def _price(query: DpQuery) -> list[str]:
    if query.mechanism is Mechanism.GAUSSIAN:
        said = _positive("Rho", query.rho)
        if query.epsilon:
            said.append("Gaussian noise is paid in rho; leave epsilon out.")
        if query.measure is Measure.QUANTILE:
            said.append("A quantile takes no Gaussian noise; give epsilon and leave mechanism and rho out.")
        return said
    said = _positive("Epsilon", query.epsilon)
    if query.rho:
        said.append("Laplace noise is paid in epsilon; leave rho out, or set mechanism to gaussian.")
    return said


def _positive(name: str, value: float) -> list[str]:
    fine = math.isfinite(value) and value > 0
    return [] if fine else [f"{name} must be a number above zero."]


def _contributions(query: DpQuery) -> list[str]:
    said = [p for f in (*query.filters, *query.numerator, *query.denominator) for p in f.problems()]
    if not 1 <= query.max_rows <= _MOST or (query.per is Per.HOUSEHOLD and query.max_rows != 1):
        said.append("Rows per household must be 1, or more when every row counts (per: row).")
    if query.weighting is Weighting.HOUSEHOLD and (query.per is Per.HOUSEHOLD or query.max_rows != 1):
        said.append("Weighting by household is for rows (per: row), and drops none: leave max_rows out.")
    if query.weighting is Weighting.HOUSEHOLD and query.unknown_keys:
        said.append("Keys found in the data are counted without weights; leave weighting out, or list them.")
    if not 0 <= query.max_programmes <= len(query.count_by_programme):
        said.append("Programmes per household must lie between 0 (all) and the number listed.")
    if not 0 <= query.min_count <= _FARTHEST:
        said.append("The smallest count behind a mean cannot be negative, nor beyond any count.")
    return said


def _column(query: DpQuery) -> list[str]:
    base, bounds = query.base, (query.lower, query.upper)
    said = []
    if (query.quantile is not None) != (base is Measure.QUANTILE):
        said.append("A quantile needs 'quantile', a number between 0 and 1 (0.5 is the median); others none.")
    elif query.quantile is not None and not (
        0 < query.quantile < 1 and round(query.quantile, 3) == query.quantile
    ):
        said.append(
            "The field 'quantile' must lie between 0 and 1, with three decimals at most; 0.5 is the median."
        )
    if base in (Measure.COUNT, Measure.RATIO):
        if query.column is not None or bounds != (None, None):
            said.append(
                f"A {base} takes no column and no bounds; ask for a mean or a sum, or leave them out."
            )
        return said
    if query.column is None:
        return [*said, f"A {base} needs the column that it is of."]
    if base not in _OF_A_COLUMN:
        return said
    if query.lower is None or query.upper is None:
        where = "take them from the data dictionary, never from the data."
        return [*said, f"A {base} of {query.column} needs public bounds (lower and upper): {where}"]
    fine = all(abs(b) <= _FARTHEST for b in (query.lower, query.upper)) and query.lower < query.upper
    if not fine:
        said.append(f"The bounds of {query.column} must be two numbers, the lower below the upper.")
    elif query.upper - query.lower < 1e-9 * max(abs(query.lower), abs(query.upper)):
        said.append(f"The bounds of {query.column} are too close together; give wider ones.")
    return said


def _histogram(query: DpQuery) -> list[str]:
    if query.measure is not Measure.HISTOGRAM:
        return ["Only a histogram takes bins; leave them out."] if query.bins else []
    said = []
    if (query.lower, query.upper) != (None, None):
        said.append("A histogram takes bins and no bounds; leave lower and upper out.")
    if query.count_by_programme:
        said.append("A histogram takes no list of programmes; ask for one programme by a filter.")
    rising = all(a < b for a, b in zip(query.bins, query.bins[1:], strict=False))
    if not (2 <= len(query.bins) <= MOST_BINS + 1 and rising and all(_ordinary(e) for e in query.bins)):
        said.append(f"A histogram needs the edges of its bins: 2 to {MOST_BINS + 1} numbers, each larger.")
    return said


def _ordinary(value: float) -> bool:
    return math.isfinite(value) and abs(value) < _FARTHEST


def _ratio(query: DpQuery) -> list[str]:
    if query.base is Measure.RATIO:
        return (
            [] if query.numerator else ["A ratio needs a numerator: a column of true and false, or filters."]
        )
    given = query.numerator or query.denominator
    return (
        ["Only a ratio takes a numerator and a denominator; leave them out, or use filters."] if given else []
    )


def _difference(query: DpQuery) -> list[str]:
    if query.measure is not Measure.DIFFERENCE:
        given = query.between is not None or query.of is not None
        return ["Only a difference takes 'of' and 'between'; leave them out."] if given else []
    said = []
    if query.of not in (Measure.COUNT, Measure.SUM, Measure.MEAN, Measure.RATIO):
        said.append("A difference needs 'of': count, sum, mean or ratio.")
    if query.between is None:
        said.append("A difference needs 'between': a column, and its two groups first and second.")
    else:
        said += query.between.problems()
        if query.between.column in query.group_by:
            said.append(
                f"The column {query.between.column} holds the two groups; do not group by it as well."
            )
    return said


def _groups(query: DpQuery) -> list[str]:
    said = []
    for column, keys in query.group_by.items():
        texts = [canonical(k) for k in keys]
        if not keys:
            said.append(f"Grouping by {column} needs the list of its keys, from the data dictionary.")
        elif None in texts or len(set(texts)) != len(texts):
            # A key given twice (also as 1 and "1") would count a household twice for the price of one.
            said.append(f"The keys of {column} must be given once each, and none may be empty.")
    if len(set(query.count_by_programme)) != len(query.count_by_programme):
        said.append("Each programme column must be listed once.")
    grouped = {*query.group_by, *query.unknown_keys}
    if "programme" in grouped and query.count_by_programme:
        said.append("A column called programme cannot be grouped by together with a list of programmes.")
    taken = grouped & (ANSWER_COLUMNS | _OWN_COLUMNS.get(query.measure, frozenset()))
    said += [f"The answer has a column {c} of its own, so {c} cannot be grouped by." for c in sorted(taken)]
    return said


def _unknown(query: DpQuery) -> list[str]:
    if not query.unknown_keys:
        return ["Delta is for keys found in the data (unknown_keys); leave it out."] if query.delta else []
    said = []
    if not 0 < query.delta < 1:
        said.append("Keys found in the data (unknown_keys) need a delta above zero and far below one.")
    if len(set(query.unknown_keys)) != len(query.unknown_keys) or set(query.unknown_keys) & set(
        query.group_by
    ):
        said.append("Each column is grouped by once, by public keys or by unknown ones.")
    if query.measure not in (Measure.COUNT, Measure.SUM, Measure.MEAN, Measure.RATIO):
        said.append("Keys found in the data are for counts, sums, means and ratios; list the keys otherwise.")
    if query.count_by_programme:
        said.append(
            "Keys found in the data go with no list of programmes; ask for one programme by a filter."
        )
    if query.mechanism is Mechanism.GAUSSIAN:
        said.append("Keys found in the data are paid in epsilon and delta; leave mechanism and rho out.")
    return said
