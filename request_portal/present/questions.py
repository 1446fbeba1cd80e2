"""What a private question asked, in a line of words, from its stored description of any version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_MEASURES = {
    "count": "Number of {unit}",
    "sum": "Total of {column} over {unit}",
    "mean": "Mean of {column} over {unit}",
    "quantile": "{quantile} of {column} over {unit}",
    "histogram": "Number of {unit} by {column} in {bins} bins",
    "ratio": "Share of {unit} where {numerator}",
}
_OPS = {"==": "is", "!=": "is not", ">=": "is at least", "<=": "is at most", "in": "is one of"}
_MEDIAN = 0.5


def in_words(query: Mapping[str, Any], figure: Callable[[object], str]) -> str:
    """A private query's stored description in a line of words; `figure` writes a number, a code or a truth value."""

    def plain(value: object) -> str:
        return ", ".join(map(plain, value)) if isinstance(value, (list, tuple)) else figure(value)

    def held(*names: str) -> list[str]:
        items = (f for name in names for f in query.get(name) or ())
        return [f"{f['column']} {_OPS.get(f['op'], f['op'])} {plain(f['value'])}" for f in items]

    groups = [*(query.get("group_by") or ()), *(["programme"] if query.get("count_by_programme") else [])]
    groups += [f"{column} (as found in the data)" for column in query.get("unknown_keys") or ()]
    where = held("denominator", "filters")
    apart, between = query.get("measure") == "difference", query.get("between") or {}
    measured = _MEASURES.get(measure := str(query.get("of" if apart else "measure", "")), measure).format(
        unit=_unit(query),
        column=query.get("column"),
        quantile="Median" if query.get("quantile") == _MEDIAN else f"Quantile {plain(query.get('quantile'))}",
        bins=max(len(query.get("bins") or ()) - 1, 0),
        numerator=" and ".join(held("numerator")),
    )
    return (
        measured
        + (
            f" for {between['column']} {plain(between['first'])} less {plain(between['second'])}"
            if between
            else ""
        )
        + (f" by {' and '.join(groups)}" if groups else "")
        + (f", where {', '.join(where)}" if where else "")
    )


def _unit(query: Mapping[str, Any]) -> str:
    if query.get("per") != "row":
        return "households"
    return "persons, each weighed by household" if query.get("weighting") == "household" else "persons"
