"""`python -m anonymization.utility`: what protection cost, for two files, in words or as JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import pandas as pd

from anonymization.commands import Misused, as_json, names
from anonymization.files import NoSuchColumn, read_table
from anonymization.utility.cutoff import CutoffQuestion
from anonymization.utility.render import render
from anonymization.utility.report import utility_report
from anonymization.utility.targeting import TargetingQuestion

_ABOUT = """\
Targeting needs --beneficiaries with --poor, or with --welfare and --line, which also give poverty, inequality
and incidence. A discontinuity design needs --running and --outcome.
Exit codes: 0 compared, 1 the data cannot be used, 2 the command was not understood."""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m anonymization.utility",
        description="Says what protection cost the people who use the data.",
        epilog=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("original", metavar="ORIGINAL", help="CSV or parquet, before protection")
    made.add_argument("protected", metavar="PROTECTED", help="CSV or parquet, after protection")
    made.add_argument("--columns", type=names, help="what to compare; all of the original without")
    made.add_argument("--aligned", action="store_true", help="row i of both files is one record")
    made.add_argument(
        "--beneficiaries", type=names, default=[], help="columns of yes and no, one a programme"
    )
    made.add_argument("--poor", default="", metavar="COLUMN", help="column of yes and no")
    made.add_argument("--welfare", default="", metavar="COLUMN", help="welfare in money")
    made.add_argument(
        "--line", type=float, default=float("nan"), help="poverty line, in the unit of --welfare"
    )
    made.add_argument("--weights", default="", metavar="COLUMN", help="sampling weight")
    made.add_argument(
        "--cluster", default="", metavar="COLUMN", help="clusters (or households) for the errors"
    )
    made.add_argument("--running", default="", metavar="COLUMN", help="score of a discontinuity design")
    made.add_argument("--outcome", default="", metavar="COLUMN", help="its outcome")
    made.add_argument("--cutoff", type=float, default=0.0, help="its cut-off (default 0)")
    made.add_argument("--eligible", choices=("below", "above"), default="below", help="who is eligible")
    made.add_argument("--na", action="append", default=[], metavar="TEXT", help="also means missing")
    made.add_argument("--json", action="store_true", help="print the whole report as JSON")
    return made


def main(arguments: Sequence[str]) -> None:
    asked = parser().parse_args(arguments)
    question, cutoff = _targeting(asked), _cutoff(asked)
    original, protected = (read_table(path, na=asked.na) for path in (asked.original, asked.protected))
    needed = [
        *(asked.columns or []),
        *(question.columns if question else ()),
        *(cutoff.columns if cutoff else ()),
    ]
    _must_have(original, needed)
    report = utility_report(
        original, protected, columns=asked.columns, question=question, cutoff=cutoff, aligned=asked.aligned
    )
    sys.stdout.write(as_json(report) + "\n" if asked.json else render(report))


def _targeting(asked: argparse.Namespace) -> TargetingQuestion | None:
    if not asked.beneficiaries and not asked.poor and not asked.welfare:
        return None
    by_line = bool(asked.welfare) and asked.line > 0
    if not asked.beneficiaries or not (asked.poor or by_line):
        raise Misused(
            "Targeting needs --beneficiaries and either --poor or --welfare with --line. Give them, or none of them."
        )
    return TargetingQuestion(
        beneficiaries=tuple(asked.beneficiaries),
        poor=asked.poor,
        welfare=asked.welfare,
        line=asked.line,
        weight=asked.weights,
        cluster=asked.cluster,
    )


def _cutoff(asked: argparse.Namespace) -> CutoffQuestion | None:
    if bool(asked.running) != bool(asked.outcome):
        raise Misused("A discontinuity design needs both --running and --outcome. Give both, or neither.")
    if not asked.running:
        return None
    return CutoffQuestion(asked.outcome, asked.running, asked.cutoff, asked.eligible, asked.cluster)


def _must_have(table: pd.DataFrame, needed: Sequence[str]) -> None:
    absent = [n for n in dict.fromkeys(needed) if n not in table.columns]
    if absent:
        raise NoSuchColumn(
            f"The original has no column {absent[0]}. It has: {', '.join(map(str, table.columns))}."
        )
