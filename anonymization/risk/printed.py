"""The risk report for people: plain lines, the figures that decide first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def printed(found: Mapping[str, Any]) -> str:
    """Lines of text from the dict that `python -m anonymization.risk --json` prints."""
    lines: list[str] = []
    for part in (_file, _classes, _chances, _attackers, _suda, _sensitive, _linkage):
        lines += [*part(found), ""]
    lines += [f"Note: {note}" for note in found["notes"]]
    return "\n".join(lines).rstrip()


def _line(label: str, value: object, note: str = "") -> str:
    return f"  {label:<50}{_said(value):>14}{'  ' + note if note else ''}"


def _said(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1e6 else f"{value:,.4g}" if value < 1000 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _share(part: float, whole: float) -> str:
    return f"({100 * part / whole:.2f} %)" if whole else ""


def _file(found: Mapping[str, Any]) -> list[str]:
    gaps = {name: many for name, many in found["missing_cells"].items() if many}
    return [
        "Disclosure risk",
        _line("Rows", found["rows"]),
        *([_line("Households", found["households"])] if found["households"] is not None else []),
        _line("People represented (sum of weights)", found["represented"]),
        _line("A missing key counts as", found["missing"]),
        *[_line(f"Missing in {name}", many) for name, many in gaps.items()],
    ]


def _classes(found: Mapping[str, Any]) -> list[str]:
    n, unit = found["records"], found["counted"]
    estimate = found["population_uniques"]
    return [
        f"Who looks alike ({unit} with the same keys)",
        _line("Different keys", found["classes"]),
        _line("Smallest class", found["smallest_class"]),
        _line("Alone in the file (sample uniques)", found["uniques"], _share(found["uniques"], n)),
        _line("  of these expected to be alone in the population", estimate["in_file"]),
        _line("  the same by the log-linear model", estimate["in_file_log_linear"]),
        _line("Alone in the population, all (Pitman)", estimate["in_population_pitman"]),
        *[_line(f"In classes below {k}", many, _share(many, n)) for k, many in found["violations"].items()],
        *[
            _line(f"In classes of fewer than {k} households", many, _share(many, n))
            for k, many in (found["violations_by_households"] or {}).items()
        ],
    ]


def _chances(found: Mapping[str, Any]) -> list[str]:
    n = found["records"]
    together = found["household_expected_reidentifications"]
    return [
        "How likely a re-identification is",
        _line(
            "Expected re-identifications",
            found["expected_reidentifications"],
            _share(found["global_risk"], 1),
        ),
        _line("Highest risk of one record", found["highest_individual_risk"]),
        *(
            [_line("Expected through the household", together, _share(together, n))]
            if together is not None
            else []
        ),
    ]


def _attackers(found: Mapping[str, Any]) -> list[str]:
    lines = ["Attackers"]
    for name, attack in found["attackers"].items():
        if name == "marketer":
            lines.append(_line("Marketer: share named correctly", attack["average"]))
            continue
        lines.append(_line(f"{name.capitalize()}: highest risk", attack["highest"]))
        lines.append(_line(f"{name.capitalize()}: average risk", attack["average"]))
        lines += [_line(f"  share of records above {t}", part) for t, part in attack["above"].items()]
    return lines


def _suda(found: Mapping[str, Any]) -> list[str]:
    if not found["suda2"]:
        return ["Special uniques (SUDA2): not measured"]
    sizes = found["suda2_smallest_unique_set"]
    naming = sorted(found["suda2_share_of_sets_naming_key"].items(), key=lambda item: -item[1])
    scores = list(found["suda2"].items())
    shown = [*scores[:6], *scores[-4:]] if len(scores) > 10 else scores
    return [
        f"Special uniques (SUDA2, sets of up to {found['suda2_largest']} keys)",
        *[
            _line(f"Unique already on {size} key{'s' * (size != '1')}", many)
            for size, many in sizes.items()
            if many
        ],
        *[_line(f"Score {score}", many) for score, many in shown],
        *([f"  ... {len(scores) - 10} more scores in the JSON"] if len(scores) > 10 else []),
        _line("Highest DIS-SUDA", found["dis_suda"]["highest"]),
        *[_line(f"Share of unique sets that name {key}", part) for key, part in naming],
    ]


def _sensitive(found: Mapping[str, Any]) -> list[str]:
    if not found["l_diversity"]["by_variable"]:
        return ["What a class gives away: not measured (name --sensitive)"]
    lines = ["What a class gives away"]
    depth = found["l_diversity"]["recursive_l"]
    for name, v in found["l_diversity"]["by_variable"].items():
        far = found["t_closeness"]["by_variable"][name]
        lines += [
            _line(f"{name}: fewest distinct values in a class", v["distinct_min"]),
            _line(f"{name}: records whose class has one value", v["records_with_one_value"]),
            _line(f"{name}: entropy l-diversity", v["entropy_min"]),
            _line(f"{name}: least c of recursive (c, {depth})-diversity", v["recursive_least_c"]),
            _line(f"{name}: t-closeness ({far['distance']})", far["highest"]),
        ]
    return lines


def _linkage(found: Mapping[str, Any]) -> list[str]:
    linked = found["record_linkage"]
    if not linked:
        return ["Record linkage: not measured (name --numeric)"]
    return [
        f"Record linkage on numeric keys, against {linked['compared_with']}",
        _line("Share linked by distance", linked["linked_by_distance"]),
        _line("Share linked by rank", linked["linked_by_rank"]),
        _line("Share inside intervals by standard deviation", linked["inside_interval_by_deviation"]),
        _line("Share inside intervals by rank", linked["inside_interval_by_rank"]),
    ]
