"""The utility report as text for a steward: what protection cost, the largest cost first, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_NAMES = {
    "coverage": "coverage",
    "coverage_of_poor": "coverage of the poor",
    "exclusion_error": "exclusion error",
    "inclusion_error": "inclusion error",
    "leakage": "leakage",
    "error_rate": "error rate",
    "targeting_differential": "targeting differential",
    "cgh_index": "CGH index of the poor",
    "cgh_poorest_40": "CGH index, poorest 40 %",
    "concentration": "concentration coefficient",
    "headcount": "poverty headcount",
    "poverty_gap": "poverty gap",
    "severity": "poverty severity",
    "gini": "Gini",
    "effect_at_cutoff": "effect at the cut-off",
}


def render(report: Mapping[str, Any]) -> str:
    """The report of `utility_report` as plain text, ending in a line break."""
    parts = [_head(report), _columns(report), _numbers(report), _together(report), *_answers(report)]
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part))) + "\n"


def _head(report: Mapping[str, Any]) -> Iterator[str]:
    rows, columns, missing = report["rows"], report["columns"], report["missing"]
    yield "WHAT PROTECTION COST"
    yield f"Rows: {rows['original']:,} before, {rows['protected']:,} after."
    yield (
        f"Missing cells: {_percent(missing['before'])} before, {_percent(missing['after'])} after. "
        f"Columns gone: {', '.join(columns['gone']) or 'none'}."
    )
    for name, why in columns["not_comparable"].items():
        yield f"{name} cannot be compared. {why}"


def _columns(report: Mapping[str, Any]) -> Iterator[str]:
    found = report["marginals"]["columns"]
    moved = sorted(((m["distance"], n) for n, m in found.items() if m["distance"]), reverse=True)
    yield "DISTRIBUTIONS (0 % the same, 100 % nothing in common)"
    if not moved:
        yield "No column that can be compared has moved."
    for distance, name in moved[:10]:
        added = found[name]["missing_added"]
        also = f", of which {_percent(added)} newly missing" if added > 0 else ""
        yield f"  {name:<28} {_percent(distance):>8}{also}"
    if len(moved) > 10:
        yield f"  and {len(moved) - 10} more that moved less"


def _numbers(report: Mapping[str, Any]) -> Iterator[str]:
    loss = report.get("information_loss", {})
    moved = {
        n: f
        for n, f in loss.get("columns", {}).items()
        if f["quantile_distance"] is not None and (f["quantile_distance"] > 0 or f.get("il1s"))
    }
    if not moved:
        return
    yield "NUMBERS (in standard deviations of the original)"
    yield f"  {'':<28} {'mean':>8} {'spread':>8} {'quantiles':>10} {'IL1s':>8}"
    for name, f in sorted(moved.items(), key=lambda item: -item[1]["quantile_distance"])[:10]:
        yield (
            f"  {name:<28} {_number(f['mean_shift'], signed=True):>8} {_times(f['spread_ratio']):>8} "
            f"{_number(f['quantile_distance']):>10} {_number(f.get('il1s')):>8}"
        )


def _together(report: Mapping[str, Any]) -> Iterator[str]:
    yield "RELATIONS"
    for kind, words in (("rank", "rank correlations"), ("association", "associations (Cramer's V)")):
        found = report["correlations"][kind]
        if found["pairs"]:
            worst = found["worst"][0]
            yield (
                f"  {words}: {_number(found['mean'])} mean change over {found['pairs']} pairs; most, "
                f"{_number(worst['change'])}, between {worst['columns'][0]} and {worst['columns'][1]}"
            )
    eigen = report.get("information_loss", {}).get("eigenvalues")
    if eigen is not None:
        yield f"  eigenvalues of the correlation matrix: {_percent(eigen)} mean change"
    score = report.get("propensity", {})
    if score.get("share_of_worst") is not None:
        yield (
            f"  a logistic model tells protected from original records with {_percent(score['share_of_worst'])} of "
            f"full success (pMSE {score['pmse']:.2g}, {score['ratio']:.2f} times that of a fresh sample)"
        )


def _answers(report: Mapping[str, Any]) -> Iterator[Iterator[str]]:
    for programme, found in report.get("targeting", {}).items():
        yield _answer(f"TARGETING of {programme}", found)
    welfare = report.get("welfare", {})
    if welfare:
        yield _answer("POVERTY AND INEQUALITY", welfare["distribution"])
        for programme, found in welfare["programmes"].items():
            yield _answer(f"INCIDENCE of {programme}", found)
    if report.get("discontinuity"):
        yield _answer("DISCONTINUITY DESIGN", report["discontinuity"])


def _answer(title: str, found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{title} (what an evaluator would publish, standard errors in brackets)"
    if found["why"]:
        yield f"  It cannot be computed. {found['why']}"
        return
    for name, m in found["metrics"].items():
        sides = " -> ".join(
            f"{_number(m[side])} ({_number(m[f'{side}_se'])})" for side in ("original", "protected")
        )
        yield f"  {_NAMES.get(name, name):<26} {sides:<36} {_verdict(m.get('change'), m.get('change_in_se'))}"


def _verdict(change: float | None, in_errors: float | None) -> str:
    if change is None:
        return ""
    if abs(change) < 1e-12:
        return "unchanged"
    if in_errors is None:
        return f"moved by {_number(change, signed=True)}"
    size = abs(in_errors)
    words = "lost in the sampling error" if size < 0.5 else "noticeable" if size < 2 else "ANOTHER ANSWER"
    return f"moved by {in_errors:+.1f} standard errors: {words}"


def _percent(value: float) -> str:
    return f"{value:.1%}".replace("%", " %")


def _number(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    size = abs(value)
    digits = 0 if size >= 1000 else 1 if size >= 100 else 3
    return f"{value:{'+' if signed else ''},.{digits}f}"


def _times(value: float | None) -> str:
    return "-" if value is None else f"x {value:.2f}"
