"""What each method of protection costs: tables in Markdown, on real public data.

    python scripts/protection_costs.py [FOLDER]

FOLDER holds progresa.parquet and sdcmicro_testdata.csv (by default `shared/data` beside the project); PANES comes with
the package causaldata. A table whose data are not there is left out, and said so. Figures are repeatable: every draw
hangs on a fixed key.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from anonymization.keys import KeyRing
from anonymization.schema import Schema
from anonymization.steps import Context, Step
from anonymization.steps.microaggregate import Microaggregate
from anonymization.steps.noise import Noise
from anonymization.steps.pram import Pram
from anonymization.steps.rank_swap import RankSwap
from anonymization.steps.reweight import Reweight
from anonymization.steps.round import Round
from anonymization.steps.rows import Sample
from anonymization.steps.tail_mean import TailMean
from anonymization.steps.topcode import Caps, Topcode
from anonymization.utility import CutoffQuestion, TargetingQuestion, utility_report

CONTEXT = Context(KeyRing(b"figures of the documentation"), "documentation", date(2026, 1, 1))
LINE = 752.0  # PROGRESA's cut-off in the first regions that entered
Protect = Callable[[pd.DataFrame], pd.DataFrame]


def by(*steps: Step) -> Protect:
    """A protection by steps, each planned first."""

    def protect(table: pd.DataFrame) -> pd.DataFrame:
        for step in steps:
            step.plan(Schema.infer(table, {}))
            table, _ = step.apply(table, CONTEXT)
        return table

    return protect


def households(file: Path) -> pd.DataFrame:
    """PROGRESA's households in their first wave; the score stands for welfare, the cut-off for the poverty line."""
    every = pd.read_parquet(file).sort_values("year", kind="stable")
    first = every.groupby("hogid").first()[["yycali", "D_HH", "ageHH", "eduHH", "sexHH", "entidad"]]
    return first.dropna().astype({"entidad": "int64"}).reset_index(drop=True)


def without_rare(table: pd.DataFrame) -> pd.DataFrame:
    """Drops the records that fewer than five share their head's sex, age in tens, schooling and state with."""
    keys = [table["entidad"], table["sexHH"], table["ageHH"] // 10, table["eduHH"] // 100]
    return table[table.groupby(keys)["yycali"].transform("size") >= 5]


def rare_blanked_and_weighted(table: pd.DataFrame) -> pd.DataFrame:
    """The same records keep their rows without their keys, and the others stand for all."""
    kept = table.index.isin(without_rare(table).index)
    blanked = table.assign(ageHH=table["ageHH"].where(kept), poor=table["yycali"] < LINE)
    again = Reweight(("ageHH",), (("poor", "D_HH"), "entidad"), into="weight")
    out, _ = again.apply(blanked, CONTEXT)
    return out[out["weight"] > 0]


MONEY = ("yycali", "ageHH", "eduHH")
AT = {"yycali": (LINE,)}
PROGRESA: Mapping[str, Protect] = {
    "MDAV, g = 3": by(Microaggregate(MONEY, 3)),
    "MDAV, g = 10": by(Microaggregate(MONEY, 10)),
    "MDAV, g = 10, within sides": by(Microaggregate(MONEY, 10, cutoffs=AT)),
    "univariate, g = 10, within sides": by(Microaggregate(("yycali",), 10, "univariate", cutoffs=AT)),
    "rounding to 50": by(Round({"yycali": 50})),
    "rounding to 50, within sides": by(Round({"yycali": 50}, cutoffs=AT)),
    "top-coding at 950": by(Topcode({"yycali": Caps(top=950)})),
    "mean of the tail over 950": by(TailMean({"yycali": Caps(top=950)}, 3)),
    "rank swap, 5 %": by(RankSwap(("yycali",), 0.05)),
    "rank swap, 5 %, within sides": by(RankSwap(("yycali",), 0.05, cutoffs=AT)),
    "additive noise, 10 %": by(Noise(("yycali",), 0.1)),
    "additive noise, 30 %": by(Noise(("yycali",), 0.3)),
    "multiplicative noise, 10 %": by(Noise(("yycali",), 0.1, "multiplicative")),
    "PRAM of the programme, 0.9": by(Pram(("D_HH",), 0.9)),
    "half sample, calibrated": by(Sample(0.5, into="weight", margins=("entidad", "D_HH"))),
    "rare records dropped": without_rare,
    "rare records blanked, others re-weighted": rare_blanked_and_weighted,
}
PANES: Mapping[str, Protect] = {
    "score exact (as a recipe must keep it)": by(),
    "score by MDAV g = 10, within sides": by(Microaggregate(("score",), 10, cutoffs={"score": (0.0,)})),
    "score rounded to 0.005, within sides": by(Round({"score": 0.005}, cutoffs={"score": (0.0,)})),
    "score with 10 % noise": by(Noise(("score",), 0.1)),
    "score with 30 % noise": by(Noise(("score",), 0.3)),
    "score rank-swapped, 5 %": by(RankSwap(("score",), 0.05)),
}
THREE = ("expend", "income", "savings")
TESTDATA: Mapping[str, Protect] = {
    "MDAV, g = 3": by(Microaggregate(THREE, 3)),
    "MDAV, g = 10": by(Microaggregate(THREE, 10)),
    "univariate, g = 10": by(Microaggregate(THREE, 10, "univariate")),
    "additive noise, 10 %": by(Noise(THREE, 0.1)),
    "correlated noise, 10 %": by(Noise(THREE, 0.1, "correlated")),
    "multiplicative noise, 10 %": by(Noise(THREE, 0.1, "multiplicative")),
    "rank swap, 5 %": by(RankSwap(THREE, 0.05)),
}


def cell(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def heading(title: str, columns: Sequence[str]) -> None:
    print(f"\n{title}\n\n{line('protection', *columns)}\n{line('---', *['---:'] * len(columns))}")


def progresa(file: Path) -> None:
    table = households(file)
    heading(
        f"PROGRESA, {len(table):,} households, score as welfare, line {LINE:g}",
        ["headcount", "gap", "severity", "Gini", "exclusion", "inclusion", "TD", "CGH 40", "C"],
    )

    def told(protected: pd.DataFrame, weight: str, side: str) -> list[str]:
        question = TargetingQuestion(("D_HH",), welfare="yycali", line=LINE, weight=weight)
        before = table.assign(weight=1.0)
        found = utility_report(before, protected, columns=["yycali"], question=question)
        spread = found["welfare"]["distribution"]["metrics"]
        fall = found["welfare"]["programmes"]["D_HH"]["metrics"]
        aim = found["targeting"]["D_HH"]["metrics"]
        wanted: list[tuple[dict[str, Any], str]] = [
            *((spread, n) for n in ("headcount", "poverty_gap", "severity", "gini")),
            *((aim, n) for n in ("exclusion_error", "inclusion_error", "targeting_differential")),
            *((fall, n) for n in ("cgh_poorest_40", "concentration")),
        ]
        return [
            cell(metrics[name][side], 4 if name in {"poverty_gap", "severity", "gini"} else 3)
            for metrics, name in wanted
        ]

    print(line("none", *told(table, "", "original")))
    print(line("its standard error", *told(table, "", "original_se")))
    for name, protect in PROGRESA.items():
        protected = protect(table)
        print(line(name, *told(protected, "weight" if "weight" in protected else "", "protected")))


def panes() -> None:
    from causaldata import gov_transfers  # noqa: PLC0415 - an optional extra

    table = gov_transfers.load_pandas().data.rename(columns={"Income_Centered": "score"})
    question = CutoffQuestion("Support", "score", 0.0, "below")
    heading(
        f"PANES, {len(table):,} households: effect on support at the cut-off",
        ["effect", "standard error", "change in errors of the exact one"],
    )
    for name, protect in PANES.items():
        found = utility_report(table, protect(table), columns=["score"], cutoff=question)["discontinuity"]
        effect = found["metrics"]["effect_at_cutoff"]
        print(
            line(
                name, cell(effect["protected"]), cell(effect["protected_se"]), cell(effect["change_in_se"], 1)
            )
        )


def testdata(file: Path) -> None:
    table = pd.read_csv(file)
    heading(
        f"IHSN test data, {len(table):,} persons: {', '.join(THREE)}",
        ["IL1s", "eigenvalues moved", "pMSE, share of full success", "mean change of rank correlations"],
    )
    for name, protect in TESTDATA.items():
        found = utility_report(table, protect(table), columns=THREE, aligned=True)
        loss = found["information_loss"]
        print(
            line(
                name,
                cell(loss["il1s"]),
                cell(loss["eigenvalues"], 4),
                cell(found["propensity"]["share_of_worst"], 5),
                cell(found["correlations"]["rank"]["mean"], 4),
            )
        )


def main() -> None:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else beside
    for file, show in (("progresa.parquet", progresa), ("sdcmicro_testdata.csv", testdata)):
        if (folder / file).is_file():
            show(folder / file)
        else:
            print(f"\n{file} is not in {folder.name}: its table is left out.")
    try:
        panes()
    except ImportError:
        print("\nThe package causaldata is not installed: the table of PANES is left out.")


if __name__ == "__main__":
    main()
