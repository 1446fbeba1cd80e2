"""`python -m anonymization.risk`: every measure of disclosure risk for one CSV or parquet file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from anonymization.commands import Misused, as_json, names, share, whole
from anonymization.errors import Unusable
from anonymization.files import read_table
from anonymization.risk.printed import printed
from anonymization.risk.report import RiskSettings, risk_report

#: With so many keys or fewer, minimal sample uniques of every size are searched when no size is named.
_ALL_SIZES = 7
_THRESHOLDS = "0.05,0.1,0.2,0.33"
_ABOUT = """\
An empty cell is missing. --missing says what that means: with "wildcard" it may stand for any value
(the claim that local suppression makes; sdcMicro's rule), with "category" it is a value of its own.
In a column of numbers NA, NaN, null and a lone point are missing too; in a column of text they are
values unless --na names them.
Exit codes: 0 measured, 1 the data cannot be used, 2 the command was not understood."""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m anonymization.risk",
        description="Measures the disclosure risk of the records of a CSV or parquet file.",
        epilog=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("file", metavar="FILE", help="CSV (UTF-8; comma, semicolon, tab or bar) or parquet")
    made.add_argument("--keys", type=names, required=True, help="key variables, with commas between them")
    made.add_argument(
        "--weights", default="", metavar="COLUMN", help="sampling weight; the file is everybody without"
    )
    made.add_argument("--household", default="", metavar="COLUMN", help="which household a record belongs to")
    made.add_argument(
        "--per-household", action="store_true", help="count households by their members' keys, not rows"
    )
    made.add_argument("--sensitive", type=names, default=[], help="variables for l-diversity and t-closeness")
    made.add_argument(
        "--missing", choices=("wildcard", "category"), default="wildcard", help="how an empty key counts"
    )
    made.add_argument(
        "--k", type=_sizes, default=[], help="further class sizes to count violations of (2,3,5 always)"
    )
    made.add_argument(
        "--thresholds", type=_shares, default=_shares(_THRESHOLDS), help=f"default {_THRESHOLDS}"
    )
    made.add_argument(
        "--exact", action="store_true", help="the exact individual risk, not the usual approximation"
    )
    made.add_argument(
        "--suda", type=whole(0), metavar="M", help="largest minimal sample unique; 0 leaves SUDA out"
    )
    made.add_argument(
        "--scores", choices=("product", "supersets"), default="product", help="which SUDA scores"
    )
    made.add_argument(
        "--fraction", type=share, default=0.01, help="sampling fraction for DIS-SUDA (default 0.01)"
    )
    made.add_argument(
        "--diversity-depth", type=whole(2), default=2, metavar="L", help="l of recursive (c, l)-diversity"
    )
    made.add_argument("--population", metavar="FILE", help="a register of everybody, with the same keys")
    made.add_argument("--numeric", type=names, default=[], help="numeric keys for record linkage")
    made.add_argument(
        "--original", metavar="FILE", help="the same records before protection, for record linkage"
    )
    made.add_argument(
        "--width", type=share, default=0.05, help="half width of disclosure intervals (default 0.05)"
    )
    made.add_argument(
        "--na", action="append", default=[], metavar="TEXT", help="also means missing; may be repeated"
    )
    made.add_argument("--json", action="store_true", help="print JSON")
    return made


def main(arguments: Sequence[str]) -> None:
    """Measures and prints.

    Raises:
        AnonymizationError: one sentence; nothing is printed then.
    """
    asked = parser().parse_args(arguments)
    found = measure(asked)
    sys.stdout.write((as_json(found) if asked.json else printed(found)) + "\n")


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Everything that is printed, as a dict."""
    if asked.per_household and not asked.household:
        raise Misused("--per-household needs --household. Name the column.")
    if asked.original and not asked.numeric:
        raise Misused("--original is for record linkage, which needs --numeric. Name the numeric keys.")
    if asked.fraction == 0:
        raise Misused("--fraction must be above 0. Give the share of the population that was sampled.")
    extra = [name for name in (asked.weights, asked.household) if name]
    table = read_table(asked.file, [*asked.keys, *extra, *asked.sensitive, *asked.numeric], na=asked.na)
    if table.empty:
        raise Unusable(f"{Path(asked.file).name} has names but no records, so there is nothing to measure.")
    population = read_table(asked.population, asked.keys, na=asked.na) if asked.population else None
    settings = RiskSettings(
        keys=tuple(asked.keys),
        k=max([2, *asked.k]),
        weight=asked.weights,
        household=asked.household,
        per_household=asked.per_household,
        sensitive=tuple(asked.sensitive),
        missing=asked.missing,
        violations=tuple(sorted({2, 3, 5, *asked.k})),
        thresholds=tuple(asked.thresholds),
        form="exact" if asked.exact else "approximate",
        suda=_largest(asked),
        sampling_fraction=asked.fraction,
        diversity_depth=asked.diversity_depth,
        closeness=bool(asked.sensitive),
        household_classes=bool(asked.household),
    )
    report: dict[str, Any] = risk_report(table, settings, population)
    return _told(asked, table, report) | {"notes": _notes(asked, table, settings)}


def _told(asked: argparse.Namespace, table: pd.DataFrame, report: dict[str, Any]) -> dict[str, Any]:
    """The report in the words of the command's JSON."""
    household = bool(asked.household)
    suda = report.get("suda", {})
    scores = {"product": ("scores", "dis_suda"), "supersets": ("scores_supersets", "dis_suda_supersets")}[
        asked.scores
    ]
    return {
        "rows": len(table),
        "counted": report["counted"],
        "records": report["records"],
        "represented": report["represented"],
        "households": report["households"],
        "missing": asked.missing,
        "missing_cells": report["missing_cells"],
        "classes": report["classes"],
        "smallest_class": report["smallest_class"],
        "uniques": report["sample_uniques"],
        "population_uniques": report["population_uniques"],
        "violations": report["violations"],
        "violations_by_households": report.get("violations_by_households"),
        "expected_reidentifications": report["expected_reidentifications"],
        "global_risk": report["global_risk"],
        "highest_individual_risk": report["highest_individual_risk"],
        "log_linear_expected_matches": report["expected_reidentifications_of_uniques_log_linear"],
        "household_expected_reidentifications": (
            report["household_expected_reidentifications"] if household else None
        ),
        "household_global_risk": report["household_global_risk"] if household else None,
        "attackers": report["attackers"],
        "suda2": suda.get(scores[0]),
        "suda2_largest": suda.get("largest", 0),
        "suda2_smallest_unique_set": suda.get("smallest_unique_set"),
        "suda2_share_of_sets_naming_key": suda.get("share_of_sets_naming_key"),
        "dis_suda": suda.get(scores[1]),
        "l_diversity": _diversity(report["diversity"], asked.diversity_depth),
        "t_closeness": _closeness(report.get("closeness", {})),
        "record_linkage": _linkage(asked, table),
        "settings": report["settings"] | {"scores": asked.scores, "width": asked.width, "na": asked.na},
    }


def _diversity(by_variable: dict[str, dict[str, Any]], depth: int) -> dict[str, Any]:
    """The worst over all sensitive variables, and each; nulls where none was named."""
    if not by_variable:
        names_of = (
            "distinct_min",
            "distinct_mean",
            "entropy_min",
            "recursive_least_c",
            "records_with_one_value",
        )
        return dict.fromkeys(names_of) | {"recursive_l": depth, "by_variable": {}}
    each = {
        name: {
            "distinct_min": int(v["lowest"]),
            "distinct_mean": v["mean"],
            "entropy_min": v["entropy_lowest"],
            "entropy_mean": v["entropy_mean"],
            "recursive_least_c": v["recursive_least_c"],
            "records_with_one_value": v["one_value"],
        }
        for name, v in by_variable.items()
    }
    needed = [v["recursive_least_c"] for v in each.values()]
    return {
        "distinct_min": min(v["distinct_min"] for v in each.values()),
        "distinct_mean": min(v["distinct_mean"] for v in each.values()),
        "entropy_min": min(v["entropy_min"] for v in each.values()),
        "recursive_l": depth,
        "recursive_least_c": None if None in needed else max(needed),
        "records_with_one_value": max(v["records_with_one_value"] for v in each.values()),
        "by_variable": each,
    }


def _closeness(by_variable: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if not by_variable:
        return {"max": None, "by_variable": {}}
    return {"max": max(v["highest"] for v in by_variable.values()), "by_variable": by_variable}


def _linkage(asked: argparse.Namespace, table: pd.DataFrame) -> dict[str, Any] | None:
    if not asked.numeric:
        return None
    from anonymization.risk.linkage import interval_risk, linkage_risk  # noqa: PLC0415  # scipy's trees load slowly

    original = read_table(asked.original, asked.numeric, na=asked.na) if asked.original else table
    keys = asked.numeric
    return {
        "compared_with": "the original file" if asked.original else "itself",
        "linked_by_distance": float(linkage_risk(original, table, keys, scale="distance").mean()),
        "linked_by_rank": float(linkage_risk(original, table, keys, scale="rank").mean()),
        "inside_interval_by_deviation": float(interval_risk(original, table, keys, width=asked.width).mean()),
        "inside_interval_by_rank": float(
            interval_risk(original, table, keys, width=asked.width, scale="rank").mean()
        ),
    }


def _largest(asked: argparse.Namespace) -> int:
    many = len(asked.keys)
    if asked.suda is not None:
        return min(int(asked.suda), many)
    return many if many <= _ALL_SIZES else 3 if many <= 20 else 0


def _notes(asked: argparse.Namespace, table: pd.DataFrame, settings: RiskSettings) -> list[str]:
    """What a reader of the figures should know about how they came about."""
    notes = []
    for key in asked.keys:
        texts = int((table[key] == "NA").sum()) if table[key].dtype == object else 0
        if texts:
            notes.append(
                f"{texts} cells of {key} read NA and count as a value. If they are missing, add --na NA."
            )
    if not asked.weights:
        notes.append(
            "Without --weights the file is taken for the whole population: risks are upper bounds for a sample."
        )
    if not asked.sensitive:
        notes.append("l-diversity and t-closeness are not measured. Name the variables with --sensitive.")
    if not settings.suda and asked.suda is None:
        notes.append("SUDA is left out, because there are more than 20 keys. Name fewer, or ask with --suda.")
    elif asked.suda is None and settings.suda < len(asked.keys):
        notes.append(f"SUDA looked at sets of up to {settings.suda} keys. For larger ones name --suda.")
    return notes


def _sizes(text: str) -> list[int]:
    return [whole(2)(part) for part in text.split(",")]


def _shares(text: str) -> list[float]:
    return [share(part) for part in text.split(",")]
